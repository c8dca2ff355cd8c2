import { quantile } from "../../bench/harness/statistics.ts";
import type { Ending } from "./ending.ts";
import type { HealthTimes } from "./healthClient.ts";
import type { Counts } from "./tally.ts";

/** A sample of the service's resident memory, in MiB. */
export interface MemorySample {
  readonly round: number;
  readonly mebibytes: number;
}

/** What the test has found. */
export interface LoadResult {
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly model: string;
  readonly minutes: number;
  readonly connections: readonly number[];
  readonly counts: Counts;
  /** Of answers with status 200, in milliseconds. */
  readonly latency: Percentiles;
  readonly health: Percentiles;
  readonly healthFailures: number;
  /** Medians of the rounds, in MiB; empty where the system does not tell it. */
  readonly memory: readonly number[];
  /** The most idle connections that were open. */
  readonly idle: number;
  readonly ending: Ending;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** The most that memory may grow from the second round to the last. */
const GROWTH = 0.05;
/** A shorter test does not judge memory: the first minutes are for what is compiled, and for caches that fill. */
const JUDGED_FROM = 10;

export function percentiles(values: readonly number[]): Percentiles {
  if (values.length === 0) return { p50: Number.NaN, p99: Number.NaN };
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

/** The median of each round. */
export function memoryByRound(samples: readonly MemorySample[]): number[] {
  const rounds = Map.groupBy(samples, ({ round }) => round);
  return Array.from(rounds.values(), (round) => percentiles(round.map(({ mebibytes }) => mebibytes)).p50);
}

/** How much memory has grown from the second round to the last; null if there are no two such. */
function growth({ memory }: Pick<LoadResult, "memory">): number | null {
  return memory.length < 3 ? null : memory[memory.length - 1] / memory[1] - 1;
}

/**
 * What went wrong; nothing if the service holds.
 *
 * @param faults  that were noted on the way
 */
export function faultsOf(result: LoadResult, health: HealthTimes, faults: readonly string[]): string[] {
  const { counts, ending, minutes } = result;
  const found = [...faults];
  for (const name of ["wrong", "unexpected", "lost"] as const)
    if (counts[name] > 0) found.push(`${counts[name]} ${name}`);
  if (counts.right === 0) found.push("no answer was right");
  if (health.failures.length > 0) found.push(`/health: ${health.failures.length} failures, ${health.failures[0]}`);
  if (ending.answered + ending.refused !== ending.inFlight)
    found.push("SIGTERM: a request that had come has no answer");
  if (ending.status !== 0) found.push(`SIGTERM: the service ended with ${ending.status}`);
  const grown = growth(result);
  if (minutes >= JUDGED_FROM && grown !== null && grown > GROWTH) found.push(`memory has grown by ${percent(grown)}`);
  return found;
}

/** The table of docs/serving.md. */
export function loadTable(result: LoadResult): string {
  const { counts, latency, health, healthFailures, memory, ending } = result;
  const grown = growth(result);
  const number = (value: number) => value.toLocaleString("en");
  const rows = [
    ["machine", `${result.machine}, Node ${result.node}`],
    [
      "measured",
      `on ${result.date.slice(0, 10)}, ${result.minutes} min, ${result.connections.join(", ")} connections in turn`,
    ],
    ["answers that were compared, and right", number(counts.right)],
    ["wrong, lost, of an unexpected status", `${counts.wrong}, ${counts.lost}, ${counts.unexpected}`],
    ["refused with 429, beyond 512 at a time", number(counts.overloaded)],
    ["given up by their clients", number(counts.givenUp)],
    ["a request's answer, p50 and p99", `${milliseconds(latency.p50)}, ${milliseconds(latency.p99)}`],
    ["/health, p50 and p99; failures", `${milliseconds(health.p50)}, ${milliseconds(health.p99)}; ${healthFailures}`],
    ["idle connections beside", number(result.idle)],
    ["resident memory, second fifth and last", grown === null ? "" : `${memory[1].toFixed(0)} MiB, ${memory[memory.length - 1].toFixed(0)} MiB (${percent(grown)})`], // biome-ignore format: a row
    ["in flight at SIGTERM; answered; came too late, 503; status", `${ending.inFlight}; ${ending.answered}; ${ending.refused}; ${ending.status}`], // biome-ignore format: a row
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return [line(["", result.model]), "|---|---|\n", ...rows.map(line)].join("");
}

function milliseconds(value: number): string {
  return value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${(value / 1000).toFixed(1)} s`;
}

function percent(share: number): string {
  return `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)} %`;
}
