/**
 * Work in parts: before each it gives the UTF-16 units that the part reads, and at its end what came of it, as
 * `tokenizer.encodeInParts` does.
 */
export type Parts<Result> = Generator<number, Result, undefined>;

/** The most UTF-16 units that all calls together read between two turns of the event loop: about a millisecond. */
export const UNITS_PER_TURN = 16_384;

/**
 * Read since a call last waited for a turn of the event loop. Earlier turns count too, as this needs no timer: one that
 * ran after each call would wake this thread while the others compute, some 3 % of a lone call of the small model.
 */
let units = 0;
/** The turn that is waited for. */
let turn: Promise<void> | null = null;

/**
 * Does work in parts, and gives the event loop a turn before more than UNITS_PER_TURN are read, by this call and others
 * together.
 *
 * @param signal ends the work when it has waited; the call then rejects with the signal's reason
 * @param begun  what `atOnce` gave, if the work has begun
 */
export async function inTurns<Result>(
  parts: Parts<Result>,
  signal: AbortSignal | undefined,
  begun: IteratorResult<number, Result> = atOnce(parts),
): Promise<Result> {
  let part = begun;
  while (!part.done) {
    await nextTurn();
    signal?.throwIfAborted();
    part = atOnce(parts, part);
  }
  return part.value;
}

/**
 * Does what may be done without waiting, so that many short texts need no promise each.
 *
 * @param next the part to go on with
 * @returns the end, or the part that has to wait
 */
export function atOnce<Result>(
  parts: Parts<Result>,
  next: IteratorResult<number, Result> = parts.next(),
): IteratorResult<number, Result> {
  let part = next;
  while (!part.done && (units === 0 || units + part.value <= UNITS_PER_TURN)) {
    units += part.value;
    part = parts.next();
  }
  return part;
}

/**
 * Resolves when the event loop has had its turn. By a message, not by a timer: of timers that become due while others
 * run, many run in one turn in Node, and in browsers each waits for four milliseconds.
 */
function nextTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      turn = null;
      units = 0;
      resolve();
    };
    port2.postMessage(null);
  });
  return turn;
}
