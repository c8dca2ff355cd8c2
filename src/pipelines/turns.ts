/**
 * Work in parts: before each it gives the UTF-16 units that the part reads, and at its end what came of it, as
 * `tokenizer.encodeInParts` does.
 */
export type Parts<Result> = Generator<number, Result, undefined>;

/** The most UTF-16 units that all calls together read between two turns of the event loop: about a millisecond. */
export const UNITS_PER_TURN = 16_384;

/** Read since the event loop last had its turn. */
let units = 0;
let turn: Promise<void> | null = null;

/**
 * Does work in parts, and gives the event loop a turn before more than UNITS_PER_TURN are read, by this call and others
 * together. What reads less waits for nothing.
 *
 * @param signal ends the work when it has waited; the call then rejects with the signal's reason
 */
export async function inTurns<Result>(parts: Parts<Result>, signal: AbortSignal | undefined): Promise<Result> {
  for (let part = parts.next(); ; part = parts.next()) {
    if (part.done) return part.value;
    while (units > 0 && units + part.value > UNITS_PER_TURN) {
      await nextTurn();
      signal?.throwIfAborted();
    }
    units += part.value;
    nextTurn();
  }
}

/** Resolves when the event loop has had its turn. */
function nextTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setTimeout(() => {
      units = 0;
      turn = null;
      resolve();
    });
  });
  return turn;
}
