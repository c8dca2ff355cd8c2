import { BertError } from "../../errors.ts";
import { countOf, type Pairs } from "./pairs.ts";

/**
 * Pearson's correlation coefficient, with x̄ and ȳ the means:
 *
 *   r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² · Σ (y − ȳ)²)
 *
 * It is NaN, as in SciPy's `pearsonr`, where all x or all y are equal: what does not vary has no correlation with
 * something else.
 *
 * @returns from −1 to 1, or NaN
 * @throws BertError ERR_INPUT fewer than two predictions, not as many as references, or a number that is not finite
 * @example
 * pearsonCorrelation({ predictions: [1, 2, 4], references: [1, 2, 3] }); // 0.9819805060619656
 */
export function pearsonCorrelation(pairs: Pairs<number>): number {
  return pearson(finite("pearsonCorrelation", "predictions", pairs), finite("pearsonCorrelation", "references", pairs));
}

/**
 * Spearman's rank correlation coefficient: Pearson's of the ranks, equal numbers sharing the mean of their ranks. NaN,
 * as in SciPy's `spearmanr`, where all x or all y are equal.
 *
 * @returns from −1 to 1, or NaN
 * @throws BertError ERR_INPUT fewer than two predictions, not as many as references, or a number that is not finite
 * @example
 * spearmanCorrelation({ predictions: [1, 10, 100], references: [0.1, 0.2, 0.3] }); // 0.9999999999999998
 */
export function spearmanCorrelation(pairs: Pairs<number>): number {
  const x = finite("spearmanCorrelation", "predictions", pairs);
  return pearson(ranks(x), ranks(finite("spearmanCorrelation", "references", pairs)));
}

function pearson(x: Float64Array, y: Float64Array): number {
  const a = direction(x);
  const b = direction(y);
  let r = 0;
  for (let i = 0; i < a.length; i++) r += a[i] * b[i];
  return Math.max(-1, Math.min(1, r)); // rounding may lead past them; NaN stays
}

/**
 * (x − x̄) / ‖x − x̄‖; NaN where all are equal. The largest difference is divided out first, so that no square
 * overflows.
 */
function direction(x: Float64Array): Float64Array {
  if (x.every((value) => value === x[0])) return x.map(() => Number.NaN); // their mean may be rounded
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const centred = x.map((value) => value - mean);
  const largest = centred.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scaled = centred.map((value) => value / largest);
  const norm = Math.sqrt(scaled.reduce((sum, value) => sum + value * value, 0));
  return scaled.map((value) => value / norm);
}

/** The ranks from 1; equal numbers share the mean of theirs. [10, 20, 20] → [1, 2.5, 2.5] */
function ranks(x: Float64Array): Float64Array {
  const order = Array.from(x.keys()).sort((i, j) => x[i] - x[j]);
  const result = new Float64Array(x.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && x[order[to]] === x[order[from]]) to++;
    for (let i = from; i < to; i++) result[order[i]] = (from + 1 + to) / 2;
    from = to;
  }
  return result;
}

/** One side of the pairs as float64, checked. */
function finite(where: string, name: keyof Pairs<number>, pairs: Pairs<number>): Float64Array {
  countOf(where, pairs, 2);
  const values = Float64Array.from(pairs[name]);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return values;
  throw new BertError("ERR_INPUT", `${where}: ${name}[${bad}] must be a finite number, got ${values[bad]}`);
}
