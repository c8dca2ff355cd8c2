import { roundTiesToEven } from "../numberFormats.ts";
import { decodeWeight, SMALLEST_NORMAL, someRows } from "../storage.ts";
import type { HalfWeight, Int8Weight, StoredWeight } from "../tensor.ts";
import { ACTIVATIONS, type Activation } from "./activations.ts";
import { linear, matmulTransposed, multiplyAdd } from "./matmul.ts";
import { gatherRows } from "./rows.ts";

/** How many rows of a weight are decoded at a time. */
const ROWS = 64;

/**
 * y = act(x Wᵀ + b) with a weight that is stored in another way than a `Tensor`.
 *
 * float32, float16, bfloat16: the bits of `linear` with the same numbers.
 *
 * int8: each row of x is rounded to integers too, x ≈ a · t with |a| ≤ `levels`, so that the sum is one of integers:
 *
 *     y = act((Σᵢ a[i] q[o, i]) · (t · scale[o]) + b[o])
 *
 * The sum is exact in 32 bits; it, t · scale, the product and the last sum are each rounded to float32. So every
 * backend gives the same bits before the activation function.
 *
 * @param y          out [R, O]; must not overlap x
 * @param x          [R, I]
 * @param weight     [O, I]
 * @param bias       [O]
 * @param activation which act; none if null
 */
export function linearStored(
  y: Float32Array,
  x: Float32Array,
  weight: StoredWeight,
  bias: Float32Array,
  R: number,
  activation: Activation | null = null,
): void {
  const [O, I] = weight.shape;
  if (weight.dtype === "float32") linear(y, x, weight.data, bias, R, I, O);
  else if (weight.dtype === "int8") linearInt8(y, x, weight, bias, R);
  else linearHalf(y, x, weight, bias, R);
  if (activation) ACTIVATIONS[activation](y, y);
}

/**
 * The largest integer that a row of K activations is scaled to: the largest whose products with K weights of 8 bits are
 * at most 2³¹ − 1 in sum. 21,845 for K = 768, 5,461 for 3072.
 */
export function levels(K: number): number {
  return Math.min(32767, Math.floor((2 ** 31 - 1) / (128 * K)));
}

/**
 * A row of activations as integers a and one scale t, x ≈ a · t: t = max |x| / levels, a = x / t, each division rounded
 * to float32, then a to the nearest integer, ties to even. If a row contains NaN or ±∞, t is NaN or ∞.
 *
 * @param a out [K] @param x [K]
 * @returns t
 */
export function quantizeRow(a: Float32Array, x: Float32Array): number {
  let largest = 0;
  for (let k = 0; k < x.length; k++) largest = Math.max(largest, Math.abs(x[k]));
  const t = Math.max(Math.fround(largest / levels(x.length)), SMALLEST_NORMAL);
  for (let k = 0; k < x.length; k++) a[k] = roundTiesToEven(Math.fround(x[k] / t));
  return t;
}

/**
 * Embedding look-up: row r of y is row `indices[r]` of a table that is stored in another way than a `Tensor`.
 *
 * @param y       out [R, H]
 * @param table   [N, H]
 * @param indices [R], each in 0 … N−1
 */
export function gatherStored(y: Float32Array, table: StoredWeight, indices: Int32Array): void {
  const H = table.shape[1];
  if (table.dtype === "float32") {
    gatherRows(y, table.data, indices, H);
    return;
  }
  for (let r = 0; r < indices.length; r++) {
    decodeWeight(y.subarray(r * H, (r + 1) * H), someRows(table, indices[r], indices[r] + 1));
  }
}

function linearHalf(y: Float32Array, x: Float32Array, weight: HalfWeight, bias: Float32Array, R: number): void {
  const [O, I] = weight.shape;
  const rows = new Float32Array(Math.min(ROWS, O) * I);
  const a = { data: x, offset: 0, rows: R, cols: I, stride: I };
  for (let o = 0; o < O; o += ROWS) {
    const cols = Math.min(ROWS, O - o);
    decodeWeight(rows, someRows(weight, o, o + cols));
    const out = { data: y, offset: o, rows: R, cols, stride: O };
    multiplyAdd(out, a, { data: rows, offset: 0, rows: cols, cols: I, stride: I }, bias.subarray(o, o + cols));
  }
}

function linearInt8(y: Float32Array, x: Float32Array, weight: Int8Weight, bias: Float32Array, R: number): void {
  const [O, I] = weight.shape;
  const { data: q, scale } = weight;
  const integers = new Float32Array(R * I);
  const t = new Float32Array(R);
  for (let r = 0; r < R; r++) {
    t[r] = quantizeRow(integers.subarray(r * I, (r + 1) * I), x.subarray(r * I, (r + 1) * I));
  }
  const a = { data: integers, offset: 0, rows: R, cols: I, stride: I };
  const rows = new Float32Array(Math.min(ROWS, O) * I);
  for (let o = 0; o < O; o += ROWS) {
    const cols = Math.min(ROWS, O - o);
    rows.set(q.subarray(o * I, (o + cols) * I));
    const b = { data: rows, offset: 0, rows: cols, cols: I, stride: I };
    matmulTransposed({ data: y, offset: o, rows: R, cols, stride: O }, a, b, 1); // exact in float64, then rounded
  }
  for (let r = 0; r < R; r++) {
    for (let o = 0; o < O; o++) {
      const at = r * O + o;
      y[at] = Math.fround(y[at] * Math.fround(t[r] * scale[o])) + bias[o];
    }
  }
}
