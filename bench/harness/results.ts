import type { Machine } from "./machine.ts";
import type { Peak } from "./peak.ts";
import type { Summary } from "./statistics.ts";

/** What one side of a case needed. */
export interface SideResult extends Summary {
  /** The library and how it was used. */
  readonly name: string;
  /** Of the sides of one library the fastest counts. */
  readonly library: string;
}

/** A side that was not measured, and why. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/** A case as it was measured. */
export interface BenchCase {
  readonly id: string;
  readonly title: string;
  readonly unit: "ms" | "MB";
  /** The work on real tokens, for a fraction of the peak. */
  readonly flops?: number;
  /** Whether every run gives the same figure, so that one is enough. */
  readonly constant?: boolean;
  readonly sides: readonly SideResult[];
  readonly leftOut?: readonly LeftOut[];
}

/** All cases with one thread count, which were measured in one process. */
export interface Run {
  readonly threads: number;
  readonly peak: Peak;
  /** What plainbert says that it computes with. */
  readonly backend: string;
  readonly cases: readonly BenchCase[];
  /** The cases for which there was no time. */
  readonly notMeasured?: readonly string[];
}

/** The content of a result file. */
export interface BenchResult {
  readonly date: string;
  /** How long all of it took. */
  readonly seconds: number;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: { readonly rounds: number; readonly turnMs: number };
  readonly runs: readonly Run[];
}

export const OURS = "plainbert";

/** The best side of each library, by median; plainbert first, then as in the case. */
export function bestOfEach(sides: readonly SideResult[]): SideResult[] {
  const best = new Map<string, SideResult>();
  for (const side of sides) {
    const known = best.get(side.library);
    if (!known || side.median < known.median) best.set(side.library, side);
  }
  return [...best.values()].sort((a, b) => Number(b.library === OURS) - Number(a.library === OURS));
}

/** How many times as much as plainbert another side needs; null without plainbert's own figure. */
export function timesOurs(side: SideResult, sides: readonly SideResult[]): number | null {
  const ours = sides.find(({ library }) => library === OURS);
  return ours ? side.median / ours.median : null;
}

/**
 * The share of the peak that a side's median is, on the case's real work; null where that has no meaning. The peak is that of as many
 * threads at once as the run had.
 */
export function fractionOfPeak(side: SideResult, { flops }: BenchCase, { peak }: Run): number | null {
  return flops === undefined ? null : flops / (side.median * 1e6) / peak.together;
}

/** Whether a side is plainbert in some way of use. */
export function isOurs({ library }: { readonly library: string }): boolean {
  return library === OURS || library.startsWith(`${OURS} `) || library.startsWith(`${OURS},`);
}
