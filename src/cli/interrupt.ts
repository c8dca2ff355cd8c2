/** What must be done before the process ends. */
const unfinished = new Set<() => Promise<void>>();

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Has `finish` called when the process is told to end, by Ctrl-C or SIGTERM; the process ends when it is done. It must let no
 * later write begin.
 *
 * @returns what takes that back
 */
export function beforeInterrupt(finish: () => Promise<void>): () => void {
  unfinished.add(finish);
  return () => unfinished.delete(finish);
}

/**
 * Takes Ctrl-C and SIGTERM from the system: what is being written is finished, then the process exits with 128 + the signal's
 * number. A second signal ends it at once.
 */
export function handleInterrupts(): void {
  let interrupted = false;
  for (const [signal, code] of Object.entries(EXIT_CODES)) {
    process.on(signal, async () => {
      if (interrupted) process.exit(code);
      interrupted = true;
      for (const finish of unfinished) await finish().catch(() => {}); // the process ends all the same
      process.exit(code);
    });
  }
}
