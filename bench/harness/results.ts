import type { Peak } from "./peak.ts";
import type { Summary } from "./statistics.ts";

/** What one side of a case needed. */
export interface SideResult extends Summary {
  /** The library, and after a space how it was used. */
  readonly name: string;
}

/** A case as it was measured. */
export interface BenchCase {
  readonly id: string;
  readonly title: string;
  readonly unit: "ms" | "MB";
  /** The work on real tokens, for a fraction of the peak. */
  readonly flops?: number;
  readonly sides: readonly SideResult[];
}

/** All cases with one thread count, which were measured in one process. */
export interface Run {
  readonly threads: number;
  /** Of one core. */
  readonly peak: Peak;
  /** What plainbert says that it computes with. */
  readonly backend: string;
  readonly cases: readonly BenchCase[];
}

/** The content of a result file. */
export interface BenchResult {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: { readonly rounds: number; readonly turnMs: number };
  readonly runs: readonly Run[];
}

export const OURS = "plainbert";

/** The library that a side belongs to. */
export function library(side: { readonly name: string }): string {
  return side.name.split(" ")[0];
}

/** The best side of each library, by median; plainbert first, then as in the case. */
export function bestOfEach(sides: readonly SideResult[]): SideResult[] {
  const best = new Map<string, SideResult>();
  for (const side of sides) {
    const known = best.get(library(side));
    if (!known || side.median < known.median) best.set(library(side), side);
  }
  return [...best.values()].sort((a, b) => Number(library(b) === OURS) - Number(library(a) === OURS));
}

/** How many times as much as plainbert another side needs; null without plainbert's own figure. */
export function timesOurs(side: SideResult, sides: readonly SideResult[]): number | null {
  const ours = sides.find((one) => library(one) === OURS);
  return ours ? side.median / ours.median : null;
}

/** The share of the peak that a side's median is, on the case's real work; null where that has no meaning. */
export function fractionOfPeak(side: SideResult, { flops }: BenchCase, { peak, threads }: Run): number | null {
  return flops === undefined ? null : flops / (side.median * 1e6) / (peak.gflops * threads);
}
