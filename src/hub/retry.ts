import { onAbort } from "../onAbort.ts";
import { HubError } from "./hubError.ts";

/** Waits some milliseconds; rejects with the signal's reason if that fires. */
export type Pause = (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;

export const pause: Pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      end();
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    const end = onAbort(signal, abort);
  });

/** Attempts after the first that bring nothing, before it is over: with the waits below, after half a minute. */
export const RETRIES = 5;

/**
 * How often a short request is sent again. Without a connection that is soon over, as a connection does not come back
 * in seconds.
 */
export function questionRetries({ status }: HubError): number {
  return status === null ? 2 : RETRIES;
}

/** The longest pause that a server may ask for and gets, in milliseconds. */
const LONGEST_WAIT = 60_000;

/**
 * Tries until it succeeds, while it fails for a reason that may go away: waits 1, 2, 4, 8, 8 seconds, or as long as the
 * server says.
 *
 * @param retries how many failures of this kind in a row may be followed by another attempt
 * @param attempt calls `progressed` when it got further than ever before; then failures count from 0 again
 * @throws what the last attempt threw
 */
export async function retrying<T>(
  attempt: (progressed: () => void) => Promise<T>,
  retries: (error: HubError) => number,
  wait: Pause,
  signal: AbortSignal | undefined,
): Promise<T> {
  let failures = 0;
  const progressed = () => {
    failures = 0;
  };
  for (;;) {
    try {
      return await attempt(progressed);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof HubError && error.transient) || failures >= retries(error)) throw error;
      const milliseconds = error.retryAfter ?? 1000 * Math.min(8, 2 ** failures);
      if (milliseconds > LONGEST_WAIT) throw error;
      failures++;
      await wait(milliseconds, signal);
    }
  }
}
