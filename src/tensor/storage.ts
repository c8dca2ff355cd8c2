import { decodeHalves, encodeBfloat16, encodeFloat16, roundTiesToEven } from "./numberFormats.ts";
import type { ReducedWeight, StorageType } from "./tensor.ts";

/** The storage types, and what safetensors files call them. */
export const FILE_DTYPES = { float32: "F32", float16: "F16", bfloat16: "BF16", int8: "I8" } as const;

/** The storage types, float32 first. */
export const STORAGE_TYPES = Object.keys(FILE_DTYPES) as readonly StorageType[];

/** The largest q. −128 stays unused, so that a row and its negative get the same integers but for the sign. */
export const MOST = 127;

/** The smallest normal float32: a scale below it would have fewer than 24 bits. */
export const SMALLEST_NORMAL: number = 2 ** -126;

/**
 * Rounds float32 numbers to a type of reduced precision, each to the nearest number of that type, ties to even.
 *
 * - float16, bfloat16: numberFormats.ts
 * - int8: scale[o] = max |w[o, :]| / 127 and q = w / scale[o], symmetric, one scale for each row. A row of zeros, or of
 *   numbers below 10⁻³⁶, has scale 1.
 *
 * @param data [O, I], finite
 * @returns in row-major order
 */
export function encodeWeight(
  dtype: ReducedWeight["dtype"],
  data: Float32Array,
  shape: readonly [O: number, I: number],
): ReducedWeight {
  if (dtype !== "int8") {
    const halves = new Uint16Array(data.length);
    (dtype === "float16" ? encodeFloat16 : encodeBfloat16)(halves, data);
    return { dtype, data: halves, shape };
  }
  const [O, I] = shape;
  const q = new Int8Array(data.length);
  const scale = new Float32Array(O);
  for (let o = 0; o < O; o++) {
    let largest = 0;
    for (let i = o * I; i < (o + 1) * I; i++) largest = Math.max(largest, Math.abs(data[i]));
    const share = Math.fround(largest / MOST);
    const s = share < SMALLEST_NORMAL ? 1 : share;
    scale[o] = s;
    for (let i = o * I; i < (o + 1) * I; i++) q[i] = roundTiesToEven(data[i] / s);
  }
  return { dtype, data: q, scale, shape };
}

/**
 * Writes the float32 numbers that a weight stands for: exactly those of float16 and bfloat16, q · scale to the nearest
 * of int8.
 *
 * @param target [O, I]
 * @param weight in row-major order
 */
export function decodeWeight(target: Float32Array, weight: ReducedWeight): void {
  if (weight.dtype !== "int8") {
    decodeHalves(target, weight.data, weight.dtype);
    return;
  }
  const { data, scale } = weight;
  const [O, I] = weight.shape;
  for (let o = 0; o < O; o++) for (let i = o * I; i < (o + 1) * I; i++) target[i] = data[i] * scale[o];
}

/** Rows `from` … `to` − 1 of a weight in rows: a view. */
export function someRows(weight: ReducedWeight, from: number, to: number): ReducedWeight {
  const [, I] = weight.shape;
  const shape = [to - from, I];
  if (weight.dtype !== "int8") return { ...weight, data: weight.data.subarray(from * I, to * I), shape };
  const { data, scale } = weight;
  return { ...weight, data: data.subarray(from * I, to * I), scale: scale.subarray(from, to), shape };
}

/** A weight [O, I] of zeros, in rows. */
export function emptyRows(dtype: ReducedWeight["dtype"], [O, I]: readonly number[]): ReducedWeight {
  const shape = [O, I];
  if (dtype !== "int8") return { dtype, data: new Uint16Array(O * I), shape };
  return { dtype, data: new Int8Array(O * I), scale: new Float32Array(O), shape };
}

/** Copies the rows of a weight to rows `row`, `row + 1`, … of another, both in rows. */
export function copyRows(target: ReducedWeight, row: number, rows: ReducedWeight): void {
  target.data.set(rows.data, row * target.shape[1]);
  if (target.dtype === "int8" && rows.dtype === "int8") target.scale.set(rows.scale, row);
}

/**
 * Rounds float32 numbers to rows `row`, `row + 1`, … of a weight in rows.
 *
 * @param data  [rows, I]
 * @param scale for int8, the scale of each row: `data` are integers then, which are kept
 * @returns whether the type can hold every number: all are finite, before they are rounded and after
 */
export function encodeRows(
  target: ReducedWeight,
  row: number,
  data: Float32Array,
  scale: Float32Array | null = null,
): boolean {
  const I = target.shape[1];
  const shape = [data.length / I, I] as const;
  const rows: ReducedWeight = scale
    ? { dtype: "int8", data: Int8Array.from(data), scale, shape }
    : encodeWeight(target.dtype, data, shape);
  copyRows(target, row, rows);
  if (rows.dtype === "int8") return rows.scale.every(Number.isFinite); // NaN or ∞ makes its row's scale NaN or ∞
  const infinity = rows.dtype === "float16" ? 0x7c00 : 0x7f80;
  return rows.data.every((bits) => (bits & infinity) !== infinity);
}
