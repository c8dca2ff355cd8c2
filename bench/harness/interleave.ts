import { setTimeout as pause } from "node:timers/promises";

/** One of the things that a case compares. */
export interface Side {
  readonly name: string;
  /** Does the work once; resolves with the figure, if that is another than the milliseconds that it took. */
  run(): Promise<number | undefined>;
}

export interface InterleaveOptions {
  /** How often each side has its turn. */
  readonly rounds: number;
  /** A turn repeats the work until this many milliseconds are measured; 0: a turn is one measurement. */
  readonly turnMs: number;
  /** A side has fewer turns, but one at least, if all of them would need more milliseconds than this. */
  readonly sideMs: number;
}

/**
 * A pause before each turn. The other side's threads wait for more work in a loop for a while, ONNX Runtime's for some
 * milliseconds, and would take a core from this one.
 */
const SETTLE_MS = 30;

/** Work that takes longer than this needs no repeated warming up: the turn's own beginning is a small part of it. */
const LONG_MS = 200;

/**
 * Measures the sides in turns, A B A B …, so that what the machine does besides meets all of them alike. Each side does
 * its work once before, untimed, which tells how many turns it can have; and, where turns are of several measurements, once more at the start of a turn.
 */
export async function interleave(
  sides: readonly Side[],
  options: InterleaveOptions,
): Promise<Map<string, readonly number[]>> {
  const samples = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
  const last = new Map<string, number>();
  const turns = new Map<string, number>();
  for (const side of sides) {
    const start = performance.now();
    last.set(side.name, await measure(side));
    turns.set(side.name, Math.max(1, Math.floor(options.sideMs / (performance.now() - start))));
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const side of sides) {
      if (round >= turns.get(side.name)!) continue;
      await pause(SETTLE_MS);
      if (options.turnMs > 0 && last.get(side.name)! < LONG_MS) await measure(side);
      let spent = 0;
      do {
        const start = performance.now();
        const figure = await measure(side);
        spent += performance.now() - start;
        samples.get(side.name)!.push(figure);
        last.set(side.name, figure);
      } while (spent < options.turnMs);
    }
  }
  return samples;
}

async function measure(side: Side): Promise<number> {
  const start = performance.now();
  const figure = await side.run();
  return figure ?? performance.now() - start;
}
