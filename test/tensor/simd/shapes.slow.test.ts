import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Backend } from "../../../src/tensor/backend.ts";
import { plain } from "../../../src/tensor/kernels/index.ts";
import { numbers } from "../kernels/cases.ts";
import { BACKENDS } from "./variants.ts";

/** [M, K] times [K, N], and how; the numbers follow from the sizes. */
interface Shape {
  readonly M: number;
  readonly K: number;
  readonly N: number;
  readonly kernel: "linear" | "packed" | "matmul" | "matmulTransposed";
}
const shape: fc.Arbitrary<Shape> = fc.record({
  M: fc.integer({ min: 1, max: 70 }),
  K: fc.integer({ min: 1, max: 300 }),
  N: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 70 }) }, fc.integer({ min: 250, max: 550 })),
  kernel: fc.constantFrom("linear" as const, "packed" as const, "matmul" as const, "matmulTransposed" as const),
});

/**
 * Largest difference from `plain`, as a share of the largest product sum that the numbers, from −1 to 1, could have.
 * Measured: 8.0e-8.
 */
const SHARE = 1.2e-7;

function product(k: Backend, { M, K, N, kernel }: Shape): Float32Array {
  const filled = (length: number, seed: number) => {
    const { data } = k.zeros([length]);
    data.set(numbers(length, seed));
    return data;
  };
  const y = k.zeros([M * N]).data;
  const window = (data: Float32Array, rows: number, cols: number) => ({ data, offset: 0, rows, cols, stride: cols });
  if (kernel === "linear" || kernel === "packed") {
    const weight = k.zeros([N, K]);
    weight.data.set(numbers(N * K, 2));
    const used = kernel === "packed" ? k.packWeight(weight) : weight;
    if (used.dtype) k.linearStored(y, filled(M * K, 1), used, filled(N, 3), M);
    else k.linear(y, filled(M * K, 1), used.data, filled(N, 3), M, K, N);
  } else {
    const b = kernel === "matmul" ? window(filled(K * N, 4), K, N) : window(filled(N * K, 4), N, K);
    k[kernel](window(y, M, N), window(filled(M * K, 1), M, K), b, 1);
  }
  return y;
}
describe.each(BACKENDS)("%s", (_, backend) => {
  test("2,500 products of random shapes are those of plain; 10,000 with all variants", () => {
    let worst = 0;
    fc.assert(
      fc.property(shape, (sizes) => {
        const k = backend.scope();
        try {
          const got = product(k, sizes);
          const want = product(plain, sizes);
          for (let i = 0; i < want.length; i++) {
            const share = Math.abs(got[i] - want[i]) / (sizes.K + 1);
            if (!(share <= SHARE)) expect.fail(`[${i}] is ${got[i]}, must be ${want[i]}`);
            worst = Math.max(worst, share);
          }
        } finally {
          k.release();
        }
      }),
      { numRuns: 2500 },
    );
    expect(worst).toBeGreaterThan(SHARE / 10); // else the bound says nothing
  });
});
