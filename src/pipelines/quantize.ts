import { wrongArgument } from "./arguments.ts";
import { faultOf } from "./faults.ts";

/**
 * What is kept of each number of a vector: its sign, or one of 256 steps between the least and the largest in its
 * place.
 */
export const PRECISIONS = ["binary", "ubinary", "int8", "uint8"] as const;
/** One of the ways to quantize. */
export type Precision = (typeof PRECISIONS)[number];

/**
 * The least number in each place and then the largest, the ranges that "int8" and "uint8" divide: [N, size] → [2,
 * size].
 */
export function rangesOf(vectors: Float32Array, size: number): Float32Array {
  const ranges = new Float32Array(2 * size);
  ranges.set(vectors.subarray(0, size));
  ranges.set(vectors.subarray(0, size), size);
  for (let i = size; i < vectors.length; i++) {
    const h = i % size;
    if (vectors[i] < ranges[h]) ranges[h] = vectors[i];
    if (vectors[i] > ranges[size + h]) ranges[size + h] = vectors[i];
  }
  return ranges;
}

/**
 * Vectors in fewer bits, as `quantize_embeddings` of sentence-transformers 6 computes them, to the bit:
 *
 *     ubinary   8 numbers a byte, the first in the highest bit: 1 where x > 0          [N, size] → [N, size / 8]
 *     binary    the same byte − 128, as an int8
 *     uint8     ⌊(x − low) / step⌋, at least 0 and at most 255, step = (high − low) / 255, or 1 where that is 0
 *     int8      the same − 128                                                         [N, size] → [N, size]
 *
 * The difference and the quotients are rounded to float32, as numpy does.
 *
 * @param ranges [2, size], low and high of each place; for "int8" and "uint8"
 */
export function quantized(
  vectors: Float32Array,
  size: number,
  precision: Precision,
  ranges?: Float32Array,
): Int8Array | Uint8Array {
  const { fround } = Math;
  const shift = precision === "int8" || precision === "binary" ? 128 : 0;
  if (!ranges) {
    const bytes = new Uint8Array(vectors.length / 8);
    for (let i = 0; i < vectors.length; i++) if (vectors[i] > 0) bytes[i >> 3] |= 128 >> (i & 7);
    return shift ? Int8Array.from(bytes, (byte) => byte - shift) : bytes;
  }
  const steps = Float32Array.from(
    ranges.subarray(0, size),
    (low, h) => fround(fround(ranges[size + h] - low) / 255) || 1,
  );
  const code = (x: number, i: number) => {
    const h = i % size;
    const step = Math.floor(fround(fround(x - ranges[h]) / steps[h]));
    return Math.min(255, Math.max(0, step)) - shift;
  };
  return shift ? Int8Array.from(vectors, code) : Uint8Array.from(vectors, code);
}

/**
 * Checks the option `ranges`.
 *
 * @throws BertError ERR_INPUT no finite numbers, not 2 · size of them, or a low above its high
 */
export function expectRanges(where: string, ranges: unknown, size: number): Float32Array {
  const expected = `the least and then the largest of ${size} numbers, ${2 * size} finite numbers`;
  if (typeof ranges !== "object" || ranges === null || !("length" in ranges)) {
    throw wrongArgument(where, "ranges", expected, ranges);
  }
  const numbers = Float32Array.from(ranges as ArrayLike<number>);
  if (numbers.length !== 2 * size) throw faultOf(where, "ranges", expected, `got ${numbers.length} numbers`);
  const wrong = numbers.findIndex((x, i) => !Number.isFinite(x) || (i >= size && !(numbers[i - size] <= x)));
  if (wrong < 0) return numbers;
  throw wrongArgument(
    where,
    `ranges[${wrong}]`,
    `finite${wrong < size ? "" : " and no less than its low"}`,
    numbers[wrong],
  );
}
