/** Sizes for every kernel's tests and for the benchmark: 1, primes, the block sizes of matmulBlocked.ts and their neighbours. */
export const SIZES: readonly number[] = [1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 63, 64, 65, 67, 97];

/** [M, K, N] of matrix products. */
export const PRODUCTS: readonly (readonly [M: number, K: number, N: number])[] = [
  ...SIZES.map((n) => [n, n, n] as const),
  [1, 768, 1],
  [1, 1, 97],
  [97, 1, 1],
  [3, 211, 2],
  [12, 64, 12],
  [12, 12, 64],
  [17, 36, 100],
  [130, 100, 36],
  [129, 5, 7],
  [2, 3072, 9],
  [7, 300, 600], // three parts of k and three groups of columns for `simd` (panels.ts)
];

/** Numbers like activations, from a fixed seed, so that a failure can be repeated (xorshift32 of Marsaglia 2003). */
export function numbers(length: number, seed: number, scale = 1): Float32Array {
  let state = (Math.imul(seed + 1, 0x9e3779b1) | 1) >>> 0;
  return Float32Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) / 2 ** 31 - 1) * scale;
  });
}
