import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ACTIVATION_NAMES, ACTIVATIONS } from "../../../src/tensor/kernels/activations.ts";
import { linear, matmul, matmulTransposed, productByDefinition } from "../../../src/tensor/kernels/matmul.ts";
import { productInBlocks } from "../../../src/tensor/kernels/matmulBlocked.ts";
import { columnsOf, rowsOf } from "../../../src/tensor/kernels/operand.ts";
import type { Matrix } from "../../../src/tensor/tensor.ts";
import { numbers, PRODUCTS } from "./cases.ts";

type Element = (row: number, col: number) => number;

/** A window with unused columns to its left and right and unused rows above and below. */
function window(rows: number, cols: number, seed: number): Matrix {
  const stride = cols + 5;
  return { data: numbers((rows + 2) * stride, seed), offset: stride + 2, rows, cols, stride };
}

function elementOf(m: Matrix): Element {
  return (row, col) => m.data[m.offset + row * m.stride + col];
}

/**
 * Checks every element of `out` against a sum taken in the opposite order, within the bound that float64 summation
 * (Higham 2002, eq. 3.5) and one rounding to float32 allow, and that nothing outside the window has changed.
 */
function expectProduct(
  out: Matrix,
  before: Float32Array,
  K: number,
  left: Element,
  right: Element,
  scale: number,
  bias?: Float32Array,
) {
  let written = 0;
  for (let m = 0; m < out.rows; m++) {
    for (let n = 0; n < out.cols; n++) {
      let sum = 0;
      let magnitude = 0;
      for (let k = K - 1; k >= 0; k--) {
        sum += left(m, k) * right(k, n);
        magnitude += Math.abs(left(m, k) * right(k, n));
      }
      const want = sum * scale + (bias?.[n] ?? 0);
      const bound =
        Math.abs(want) * 2 ** -24 + (K + 2) * 2 ** -52 * (magnitude * Math.abs(scale) + Math.abs(bias?.[n] ?? 0));
      const at = out.offset + m * out.stride + n;
      expect(Math.abs(out.data[at] - want), `[${m}, ${n}]`).toBeLessThanOrEqual(bound);
      before[at] = out.data[at];
      written++;
    }
  }
  expect(written).toBe(out.rows * out.cols);
  expect(out.data).toEqual(before);
}

describe.each(PRODUCTS)("M=%i K=%i N=%i", (M, K, N) => {
  const a = window(M, K, 1);

  test("the blocked form has the bits of the three loops, for factors by row and by column", () => {
    const left = [rowsOf(a), columnsOf(window(K, M, 8))];
    const right = [columnsOf(window(K, N, 2)), rowsOf(window(N, K, 9))];
    for (const x of left) {
      for (const y of right) {
        for (const addend of [null, window(M, N, 10)]) {
          const [want, got] = [window(M, N, 3), window(M, N, 3)];
          productByDefinition(want, x, y, K, 0.37, addend);
          productInBlocks(got, x, y, K, 0.37, addend);
          expect(got.data).toEqual(want.data);
        }
      }
    }
  });

  test("matmul is a b", () => {
    const b = window(K, N, 2);
    const out = window(M, N, 3);
    const before = out.data.slice();
    matmul(out, a, b, 0.37);
    expectProduct(out, before, K, elementOf(a), elementOf(b), 0.37);
  });

  test("matmulTransposed is a bᵀ", () => {
    const b = window(N, K, 2);
    const out = window(M, N, 3);
    const before = out.data.slice();
    matmulTransposed(out, a, b, -1.5);
    const element = elementOf(b);
    expectProduct(out, before, K, elementOf(a), (k, n) => element(n, k), -1.5);
  });

  test.each(ACTIVATION_NAMES)("linear with %s is the activation of linear", (activation) => {
    const [x, weight, bias] = [numbers(M * K, 4), numbers(N * K, 5), numbers(N, 6, 3)];
    const want = new Float32Array(M * N);
    linear(want, x, weight, bias, M, K, N);
    ACTIVATIONS[activation](want, want);
    const y = new Float32Array(M * N);
    linear(y, x, weight, bias, M, K, N, activation);
    expect(y).toEqual(want);
  });

  test("linear is x Wᵀ + b", () => {
    const x = numbers(M * K, 4);
    const weight = numbers(N * K, 5);
    const bias = numbers(N, 6, 10);
    const y = numbers(M * N, 7);
    linear(y, x, weight, bias, M, K, N);
    const out = { data: y, offset: 0, rows: M, cols: N, stride: N };
    expectProduct(
      out,
      y.slice(),
      K,
      (m, k) => x[m * K + k],
      (k, n) => weight[n * K + k],
      1,
      bias,
    );
  });
});

test("a row of the result is the same bits whatever rows are computed with it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 40 }), fc.nat(), (M, N, pick) => {
      const K = 33;
      const row = pick % M;
      const x = numbers(M * K, M);
      const weight = numbers(N * K, N);
      const bias = numbers(N, 9);
      const all = new Float32Array(M * N);
      linear(all, x, weight, bias, M, K, N);
      const one = new Float32Array(N);
      linear(one, x.subarray(row * K, (row + 1) * K), weight, bias, 1, K, N);
      expect(one).toEqual(all.slice(row * N, (row + 1) * N));
    }),
  );
});

test("NaN reaches the rows that it belongs to and no others", () => {
  const [M, K, N] = [6, 5, 7];
  const x = numbers(M * K, 1);
  x[2 * K + 3] = Number.NaN;
  const y = new Float32Array(M * N);
  linear(y, x, numbers(N * K, 2), numbers(N, 3), M, K, N);
  expect(Array.from(y, Number.isNaN)).toEqual(Array.from(y, (_, i) => Math.floor(i / N) === 2));
});

test("a sum of nothing is the bias", () => {
  const y = new Float32Array(2);
  linear(y, new Float32Array(0), new Float32Array(0), Float32Array.of(1, 2), 1, 0, 2);
  expect(y).toEqual(Float32Array.of(1, 2));
});
