/** What must be done before the process ends. */
const unfinished = new Set<() => Promise<void>>();

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Has `finish` called when the process is told to end, by Ctrl-C or SIGTERM; the process ends when it is done. It must
 * let no later write begin.
 *
 * @returns what takes that back
 */
export function beforeInterrupt(finish: () => Promise<void>): () => void {
  unfinished.add(finish);
  return () => unfinished.delete(finish);
}

/**
 * Runs a work and aborts its signal when the process is told to end; the process ends when the work has tidied up. What
 * the work throws then is not reported.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const working = work(controller.signal);
  const forget = beforeInterrupt(async () => {
    controller.abort();
    await working.catch(() => {});
  });
  try {
    return await working;
  } catch (error) {
    if (controller.signal.aborted) return await new Promise<never>(() => {}); // the process is about to end
    throw error;
  } finally {
    forget();
  }
}

/** The signals that are the end that the command waits for. */
let awaited: readonly string[] = [];

/**
 * Waits for Ctrl-C or SIGTERM, has `close` called, and lets the command end.
 *
 * @param signals are the ways to end it, so that its exit code is then 0
 */
export function untilInterrupted(
  close: () => Promise<void>,
  signals: readonly (keyof typeof EXIT_CODES)[] = ["SIGINT"],
): Promise<void> {
  awaited = signals;
  return new Promise((resolve) => {
    beforeInterrupt(() => close().finally(resolve));
  });
}

/**
 * One Ctrl-C may come as several signals of its kind: from the terminal, and from npx or timeout, which hand theirs on
 * as soon as they get it. One of the other kind, or that comes so much later, in milliseconds, is a second one.
 */
const SAME_MS = 100;

/**
 * Takes Ctrl-C and SIGTERM from the system: what is being written is finished, then the process exits with 128 + the
 * signal's number. A second Ctrl-C ends it at once.
 */
export function handleInterrupts(): void {
  let first: { readonly signal: string; readonly at: number } | null = null;
  for (const [signal, code] of Object.entries(EXIT_CODES)) {
    process.on(signal, async () => {
      const now = performance.now();
      if (first !== null && (first.signal !== signal || now - first.at > SAME_MS)) process.exit(code);
      if (first !== null) return;
      first = { signal, at: now };
      for (const finish of unfinished) await finish().catch(() => {}); // the process ends all the same
      process.exit(awaited.includes(signal) ? 0 : code);
    });
  }
}
