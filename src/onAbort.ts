/** What each signal ends. */
const ended = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls a function when a signal aborts. A signal has one listener for all of them, however many calls share it: from
 * the eleventh on Node warns of a leak.
 *
 * @returns ends that; to be called when the function is not needed any more, so that no signal holds what has ended
 */
export function onAbort(signal: AbortSignal | undefined, abort: () => void): () => void {
  if (!signal) return () => {};
  let functions = ended.get(signal);
  if (!functions) {
    functions = new Set();
    ended.set(signal, functions);
    signal.addEventListener("abort", abortAll, { once: true });
  }
  const own = () => abort(); // the same function may be given twice
  functions.add(own);
  return () => {
    if (!functions.delete(own) || functions.size > 0) return;
    ended.delete(signal);
    signal.removeEventListener("abort", abortAll);
  };
}

function abortAll(this: AbortSignal): void {
  for (const abort of ended.get(this) ?? []) abort(); // but those that another of them has ended
  ended.delete(this); // it aborts once
}
