import { setTimeout as pause } from "node:timers/promises";

/** One of the things that a case compares. What it gives is a number, milliseconds say, or an object that holds several. */
export interface Side<Figure = number> {
  readonly name: string;
  /** Whose it is. Several ways to use a library are sides of one library, and the fastest of them counts. */
  readonly library: string;
  /** Does the work once. */
  run(): Promise<Figure>;
  /** A part of the work, which tells how long the whole takes. Without it the first run of the whole does. */
  readonly trial?: Trial;
}

/** A part of a side's work. */
export interface Trial {
  run(): Promise<unknown>;
  /** How much of the whole it is, above 0 and at most 1. */
  readonly share: number;
}

export interface InterleaveOptions {
  /** How often each side has its turn, if there is time. */
  readonly rounds: number;
  /** A turn repeats the work until this many milliseconds have passed; 0: a turn is one run. */
  readonly turnMs: number;
  /** The milliseconds that all turns of all sides should fit into. Each side has one turn at least. */
  readonly caseMs: number;
  /** A side whose work takes more milliseconds than this is left out. */
  readonly limitMs: number;
}

/** What was measured, and of each side that was left out the reason. */
export interface Interleaved<Figure> {
  readonly samples: ReadonlyMap<string, readonly Figure[]>;
  readonly leftOut: ReadonlyMap<string, string>;
}

/**
 * A pause before each turn. The other side's threads wait for more work in a loop for a while, ONNX Runtime's for some
 * milliseconds, and would take a core from this one.
 */
const SETTLE_MS = 30;

/** Work that takes longer than this needs no repeated warming up: the turn's own beginning is a small part of it. */
const LONG_MS = 200;

/** Of a library whose work takes longer than this only one way is measured. */
const VERY_LONG_MS = 1000;

/** Work that takes longer than this has been warmed up by its trial. */
const WARM_BY_TRIAL_MS = 500;

/** By what is measured how long a run takes, and how one waits. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  pause(ms: number): Promise<void>;
}

const CLOCK: Clock = { now: () => performance.now(), pause };

/** A side that measures its own time. */
export function timed(name: string, library: string, work: () => Promise<unknown>, trial?: Trial): Side {
  const run = async () => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  return { name, library, run, ...(trial && { trial }) };
}

/**
 * Measures the sides in turns, A B A B …, so that what the machine does besides meets all of them alike. First each side does
 * its work, or a part of it, untimed: that warms it up and tells how many turns it can have. Where turns are of several runs,
 * each begins with one that is not timed.
 */
export async function interleave<Figure>(
  sides: readonly Side<Figure>[],
  { rounds, turnMs, caseMs, limitMs }: InterleaveOptions,
  clock: Clock = CLOCK,
): Promise<Interleaved<Figure>> {
  const start = clock.now();
  const expected = new Map<string, number>(); // milliseconds that a run takes
  const leftOut = new Map<string, string>();
  for (const side of sides) {
    const ms = await expectedMs(side, limitMs, clock);
    if (ms > limitMs)
      leftOut.set(side.name, `one run takes about ${seconds(ms)}, and ${seconds(limitMs)} is the limit`);
    else expected.set(side.name, ms);
  }
  for (const [name, reason] of slowerWays(sides, expected)) {
    leftOut.set(name, reason);
    expected.delete(name);
  }
  const measured = sides.filter(({ name }) => expected.has(name));
  for (const { name, run, trial } of measured) if (trial && expected.get(name)! < WARM_BY_TRIAL_MS) await run();

  const samples = new Map<string, Figure[]>(measured.map(({ name }) => [name, []]));
  const turnCosts = new Map([...expected].map(([name, ms]) => [name, turnCost(ms, turnMs)]));
  const turns = sharedTurns(turnCosts, rounds, caseMs - (clock.now() - start));
  for (let round = 0; round < rounds; round++) {
    for (const side of measured) {
      if (round >= turns.get(side.name)!) continue;
      await clock.pause(SETTLE_MS);
      if (turnMs > 0 && expected.get(side.name)! < LONG_MS) await side.run();
      const begin = clock.now();
      do samples.get(side.name)!.push(await side.run());
      while (clock.now() - begin < turnMs);
    }
  }
  return { samples, leftOut };
}

/** The milliseconds that one run takes. A first trial may compile and allocate: where it decides, there is a second. */
async function expectedMs<Figure>(
  { run, trial = { run, share: 1 } }: Side<Figure>,
  limitMs: number,
  clock: Clock,
): Promise<number> {
  const once = async () => {
    const start = clock.now();
    await trial.run();
    return clock.now() - start;
  };
  const first = await once();
  const decides = first / trial.share > Math.min(limitMs, VERY_LONG_MS);
  const again = decides && trial.share < 1 && first <= limitMs;
  return (again ? Math.min(first, await once()) : first) / trial.share;
}

/** The sides that take very long and whose library has a side that takes less, with the reason to leave them out. */
function slowerWays<Figure>(
  sides: readonly Side<Figure>[],
  expected: ReadonlyMap<string, number>,
): Map<string, string> {
  const slower = new Map<string, string>();
  for (const [library, ways] of Map.groupBy(sides, (side) => side.library)) {
    const times = ways.flatMap(({ name }) => (expected.has(name) ? [{ name, ms: expected.get(name)! }] : []));
    const [, ...others] = times.sort((a, b) => a.ms - b.ms);
    for (const { name, ms } of others) {
      if (ms > VERY_LONG_MS) slower.set(name, `one run takes about ${seconds(ms)}, longer than ${library}'s other way`);
    }
  }
  return slower;
}

/** What a turn takes, with its pause and its untimed run. */
function turnCost(ms: number, turnMs: number): number {
  const untimed = turnMs > 0 && ms < LONG_MS ? ms : 0;
  return SETTLE_MS + untimed + Math.max(ms, turnMs + ms / 2);
}

/**
 * How many turns each side has so that all fit into the time: those with short turns all that were asked for, the others an equal
 * share of what is left, one turn at least.
 */
function sharedTurns(costs: ReadonlyMap<string, number>, rounds: number, totalMs: number): Map<string, number> {
  const turns = new Map<string, number>();
  let left = totalMs;
  const byCost = [...costs].sort(([, a], [, b]) => a - b);
  byCost.forEach(([name, cost], i) => {
    const share = left / (byCost.length - i);
    turns.set(name, Math.max(1, Math.min(rounds, Math.floor(share / cost))));
    left -= turns.get(name)! * cost;
  });
  return turns;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
}
