import type { BertConfig } from "../../src/model/config.ts";
import type { BertTokenizer } from "../../src/tokenizer/index.ts";
import { type InterleaveOptions, interleave, type Side } from "./interleave.ts";
import type { BenchCase } from "./results.ts";
import type { Planned } from "./schedule.ts";
import { summarize } from "./statistics.ts";

/** Cases that share what they are measured with, so that it is loaded once. */
export interface CaseGroup {
  readonly planned: readonly Planned[];
  /** Loads what the cases need. */
  open(bench: BenchInput): Promise<OpenGroup>;
}

/** A group whose libraries are loaded. */
export interface OpenGroup {
  /** In the order of `planned`; those that nobody wants are there too. */
  readonly cases: readonly Case[];
  dispose?(): Promise<void>;
}

/** What all groups are given. */
export interface BenchInput {
  readonly threads: number;
  /** plainbert's, by its name. */
  readonly backend: string;
  /** BERT-base's. */
  readonly tokenizer: BertTokenizer;
  readonly config: BertConfig;
  /** Notes the version of a library that only a group knows. */
  readonly noteVersion: (name: string, version: string) => void;
}

/** Something to measure. */
export interface Case {
  readonly id: string;
  measure(options: InterleaveOptions): Promise<readonly BenchCase[]>;
}

/** A case whose sides give one number each: one row for each side. */
export function simpleCase(described: Omit<BenchCase, "sides" | "leftOut">, sides: readonly Side[]): Case {
  return caseOf(described.id, sides, (samples) => [{ ...described, sides: rowsOf(sides, samples) }]);
}

/**
 * A case whose sides give more than one number, from which `results` makes its tables.
 *
 * @param results of what was measured of each side; a side that was left out is not in it
 */
export function caseOf<Figure>(
  id: string,
  sides: readonly Side<Figure>[],
  results: (samples: ReadonlyMap<string, readonly Figure[]>) => readonly BenchCase[],
): Case {
  return {
    id,
    async measure(options) {
      const { samples, leftOut } = await interleave(sides, options);
      const words = Array.from(leftOut, ([name, reason]) => ({ name, reason }));
      return results(samples).map((one) => (words.length === 0 ? one : { ...one, leftOut: words }));
    },
  };
}

/** The rows of the sides that were measured. */
export function rowsOf(
  sides: readonly Pick<Side<unknown>, "name" | "library">[],
  samples: ReadonlyMap<string, readonly number[]>,
): BenchCase["sides"] {
  return sides.flatMap(({ name, library }) => {
    const figures = samples.get(name);
    return figures === undefined ? [] : [{ name, library, ...summarize(figures) }];
  });
}

/** The same case with one run in each turn, as for a process that starts anew each time. */
export function inSingleRuns({ id, measure }: Case): Case {
  return { id, measure: (options) => measure({ ...options, turnMs: 0 }) };
}

/** The same case with a single turn, for what gives the same figure every time, however long it takes to find. */
export function once({ id, measure }: Case): Case {
  return { id, measure: (options) => measure({ ...options, turnMs: 0, rounds: 1, limitMs: Number.MAX_VALUE }) };
}
