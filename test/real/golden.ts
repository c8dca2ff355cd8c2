import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadOptions } from "../../src/index.ts";
import { readSafetensors } from "../../src/safetensors/index.ts";

/** What make_real.py has written. */
export const golden: {
  readonly step: number;
  readonly texts: string[];
  readonly ids: number[][];
  readonly rms: number[];
  readonly rms_of_sample: number[];
} = JSON.parse(readFileSync(join(import.meta.dirname, "golden.json"), "utf8"));
export const TEXTS: readonly string[] = golden.texts;

const file = readSafetensors(readFileSync(join(import.meta.dirname, "golden.safetensors")));
const numbers = (name: string) => file.toTypedArray(name) as Float64Array;
const hidden = numbers("hidden");
const N = hidden.length / golden.rms.length;

/** Of each hidden state, every `step`-th number of all texts' tokens end to end. */
export const HIDDEN: readonly Float64Array[] = golden.rms.map((_, layer) =>
  hidden.subarray(layer * N, (layer + 1) * N),
);

/** [texts, 384], of length 1. */
export const VECTORS: Float64Array = numbers("vectors");

/** The most that an element of a vector may be off, and the least cosine with the vector in float64. */
export const DTYPES: readonly {
  readonly dtype: NonNullable<LoadOptions["dtype"]>;
  readonly atol: number;
  readonly cosine: number;
}[] = [
  { dtype: "float32", atol: 1e-6, cosine: 0.9999999 }, // measured 1.04e-7 and 1 − 1e-8
  { dtype: "float16", atol: 2.5e-4, cosine: 0.999999 }, // 2.03e-4 and 0.9999994
  { dtype: "bfloat16", atol: 1.5e-3, cosine: 0.99995 }, // 1.26e-3 and 0.9999587
  { dtype: "int8", atol: 2.6e-2, cosine: 0.996 }, // 2.31e-2 and 0.9963204
];

/** Spearman's rank correlation: that of Pearson of the ranks, equal ones sharing their mean. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [a, b].map(ranksOf);
  const mean = (x.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xy / Math.sqrt(xx * yy);
}

function ranksOf(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((i, j) => values[i] - values[j]);
  const ranks = Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = (from + to - 1) / 2;
    from = to;
  }
  return ranks;
}
