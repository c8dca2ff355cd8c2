import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What `make_metrics.py` wrote; see `test/training/reference/README.md`. null is not a number. */
export interface Golden {
  readonly classification: {
    readonly predictions: number[];
    readonly references: number[];
    readonly accuracy: number;
    readonly matthews: number;
    readonly macro: number;
    readonly micro: number;
    readonly weighted: number;
    readonly binary?: number;
    readonly labels?: number[];
    readonly some?: Readonly<Record<"macro" | "micro" | "weighted", number>>;
  }[];
  readonly correlation: {
    readonly predictions: number[];
    readonly references: number[];
    readonly pearson: number | null;
    readonly spearman: number | null;
  }[];
  readonly normalized: [string, string][];
  readonly squad: {
    readonly answers: Record<string, string[]>;
    readonly predictions: Record<string, string>;
    readonly exact_match: number;
    readonly f1: number;
  }[];
  readonly squad_v2: {
    readonly answers: Record<string, string[]>;
    readonly predictions: Record<string, string>;
    readonly probabilities: Record<string, number> | null;
    readonly threshold: number;
    readonly metrics: Record<string, number>;
  }[];
  readonly entities: { readonly tags: string[]; readonly entities: [string, number, number][] }[];
}

const path = join(import.meta.dirname, "..", "reference", "metrics.json");
export const golden: Golden = JSON.parse(readFileSync(path, "utf8"));
