import { formatMachine } from "./machine.ts";
import { type BenchCase, type BenchResult, isOurs, type Run, type SideResult } from "./results.ts";
import { figure } from "./table.ts";

export type Verdict = "better" | "worse" | "within the spread" | "too few turns to tell" | "left out";

const VERDICTS: readonly Verdict[] = ["better", "worse", "within the spread", "too few turns to tell", "left out"];

/** What became of one side of a case since an earlier result. */
export interface Change {
  readonly threads: number;
  readonly id: string;
  readonly name: string;
  readonly unit: string;
  readonly before: number;
  /** NaN: it was left out. */
  readonly now: number;
  /** now / before. */
  readonly factor: number;
  /** The same of the machine's pace in this case: what the other libraries' medians were multiplied by. */
  readonly pace: number;
  readonly verdict: Verdict;
  /** Whether it is a row of plainbert's. */
  readonly ours: boolean;
}

/**
 * A spread is the middle half of one run's figures; from run to run the median of an unchanged program moves more. Of 101 rows of two
 * runs an hour apart, all libraries', 14 moved by more than both spreads and 8 by this much more; of plainbert's none did so by the clock
 * and beside its peers.
 */
const RUN_TO_RUN = 0.03;

/** With fewer figures than this a spread says nothing. */
const FEWEST_SAMPLES = 3;

/**
 * Compares every side that both results have, where the work is the same.
 *
 * A row of plainbert's is better or worse if its median moved by more than both spreads and `RUN_TO_RUN` together, by the clock and also
 * beside the other libraries of the case: a machine that is slower today slows them too.
 */
export function changesSince(before: BenchResult, now: BenchResult): Change[] {
  return now.runs.flatMap((run) => {
    const earlierRun = before.runs.find(({ threads }) => threads === run.threads);
    if (!earlierRun) return [];
    const measured = run.cases.flatMap((one) => {
      const earlier = earlierRun.cases.find(({ id, title }) => id === one.id && title === one.title);
      return earlier ? changesOfCase(run, earlierRun, one, earlier) : [];
    });
    const notMeasured = earlierRun.cases.filter(({ id }) => run.notMeasured?.includes(id));
    return [
      ...measured,
      ...notMeasured.flatMap((one) => {
        const leftOut = one.sides.map(({ name }) => ({ name, reason: "the time was up" }));
        return changesOfCase(run, earlierRun, { ...one, sides: [], leftOut }, one);
      }),
    ];
  });
}

function changesOfCase(run: Run, earlierRun: Run, one: BenchCase, earlier: BenchCase): Change[] {
  const pairs = earlier.sides.flatMap((was) => {
    const side = one.sides.find(({ name }) => name === was.name) ?? leftOutNow(one, was);
    return side ? [{ side, was }] : [];
  });
  const others = pairs
    .filter(({ side }) => !isOurs(side) && !isRecorded(side) && side.samples > 0)
    .map(({ side, was }) => side.median / was.median);
  const byPeak = one.unit === "ms" ? earlierRun.peak.together / run.peak.together : 1;
  const pace = others.length > 0 ? middle(others) : byPeak;
  return pairs.map(({ side, was }) => {
    const ours = isOurs(side);
    const factor = side.median / was.median;
    const verdict = verdictOf(side, was, ours ? [factor, factor / pace] : [factor], one.constant === true);
    return {
      threads: run.threads,
      id: one.id,
      name: side.name,
      unit: one.unit,
      before: was.median,
      now: side.median,
      factor,
      pace,
      verdict,
      ours,
    };
  });
}

/** The side without figures, if it was left out of a case that was measured. */
function leftOutNow({ leftOut = [] }: BenchCase, was: SideResult): SideResult | undefined {
  if (!leftOut.some(({ name }) => name === was.name)) return undefined;
  return { ...was, samples: 0, median: Number.NaN, min: Number.NaN };
}

/** Whether a side's figures are not from this machine. */
function isRecorded({ name }: SideResult): boolean {
  return name.endsWith("(recorded)");
}

/** @param factors all of them must be beyond the spread, on the same side */
function verdictOf(side: SideResult, was: SideResult, factors: readonly number[], constant: boolean): Verdict {
  if (side.samples === 0) return "left out";
  if (!constant && Math.min(side.samples, was.samples) < FEWEST_SAMPLES) return "too few turns to tell";
  const spread = side.spread + was.spread + RUN_TO_RUN;
  if (factors.every((factor) => factor > 1 + spread)) return "worse";
  if (factors.every((factor) => factor < 1 / (1 + spread))) return "better";
  return "within the spread";
}

/** The changes as text, a line for each row. */
export function formatChanges(before: BenchResult, now: BenchResult, changes: readonly Change[]): string {
  const machine = formatMachine(before.machine);
  const head = [
    `\nsince ${before.date} (${machine}); × = now / then, in brackets that of the other libraries in the case, or of the peak where there are none`,
    ...(machine === formatMachine(now.machine) ? [] : ["That was another machine: the times say little."]),
  ];
  const lines = changes.map(({ threads, id, name, unit, before, now, factor, pace, verdict, ours }) => {
    const what = `${threads} thr  ${id}  ${name}`.padEnd(62);
    const beside = ours ? `(${pace.toFixed(2)})` : "";
    if (verdict === "left out") return `${what} ${figure(before, unit)} → left out`;
    return `${what} ${figure(before, unit)} → ${figure(now, unit)}  × ${factor.toFixed(2)} ${beside.padEnd(7)} ${verdict}`;
  });
  return [...head, ...lines, summary(changes.filter(({ ours }) => ours))].join("\n");
}

function summary(ours: readonly Change[]): string {
  const count = (verdict: Verdict) => ours.filter((change) => change.verdict === verdict).length;
  const counts = VERDICTS.map((verdict) => `${count(verdict)} ${verdict}`);
  return `rows of plainbert: ${ours.length}, of which ${counts.join(", ")}`;
}

/** The rows because of which `--strict` fails: what is left out is too slow, or was never reached. */
export function worseRows(changes: readonly Change[]): Change[] {
  return changes.filter(({ ours, verdict }) => ours && (verdict === "worse" || verdict === "left out"));
}

/**
 * Reads a result file's text.
 *
 * @throws Error it is not one
 */
export function parseResult(path: string, text: string): BenchResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`--compare: ${path} must be a result file of the bench, is no JSON: ${String(error)}`);
  }
  const result = value as BenchResult;
  if (Array.isArray(result?.runs) && result.runs.every(({ peak, cases }) => peak?.together && Array.isArray(cases))) {
    return result;
  }
  throw new Error(`--compare: ${path} must be a result file of this bench, has none, or is by an older bench`);
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
