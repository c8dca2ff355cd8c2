import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ACTIVATION_NAMES } from "../../../src/tensor/kernels/activations.ts";
import { PANEL } from "../../../src/tensor/simd/panels.ts";
import type { Matrix } from "../../../src/tensor/tensor.ts";
import { numbers, PRODUCTS } from "../kernels/cases.ts";
import { BACKENDS, on, packedOf, window } from "./variants.ts";

type Element = (row: number, col: number) => number;
const elementOf =
  (m: Matrix): Element =>
  (row, col) =>
    m.data[m.offset + row * m.stride + col];

/**
 * Checks every element of `out` against a sum in float64, within the bound of float32 summation in order (Higham 2002,
 * eq. 3.5: K roundings, and a few for scale, start and the parts), and that nothing outside the window has changed.
 *
 * @returns the largest error as a share of its bound
 */
function expectProduct(
  out: Matrix,
  before: Float32Array,
  K: number,
  left: Element,
  right: Element,
  scale: number,
  bias?: Float32Array,
): number {
  let share = 0;
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
        (Math.min(K, 768) + 8) * 2 ** -24 * (magnitude * Math.abs(scale) + Math.abs(bias?.[n] ?? 0)) + 1e-44;
      const at = out.offset + m * out.stride + n;
      const error = Math.abs(out.data[at] - want);
      if (!(error <= bound)) expect.fail(`[${m}, ${n}] is ${out.data[at]}, must be ${want} ± ${bound}`);
      share = Math.max(share, error / bound);
      before[at] = out.data[at];
    }
  }
  expect(out.data).toEqual(before);
  return share;
}

describe.each(BACKENDS)("%s", (_, backend) => {
  const k = backend.scope() as typeof backend;
  afterAll(() => k.release());

  describe.each(PRODUCTS)("M=%i K=%i N=%i", (M, K, N) => {
    const a = window(k, M, K, 1);

    test("matmul is a b", () => {
      const b = window(k, K, N, 2);
      const out = window(k, M, N, 3);
      const before = out.data.slice();
      k.matmul(out, a, b, 0.37);
      expectProduct(out, before, K, elementOf(a), elementOf(b), Math.fround(0.37));
    });

    test("matmulTransposed is a bᵀ", () => {
      const b = window(k, N, K, 2);
      const out = window(k, M, N, 3);
      const before = out.data.slice();
      k.matmulTransposed(out, a, b, -1.5);
      const element = elementOf(b);
      expectProduct(out, before, K, elementOf(a), (i, n) => element(n, i), -1.5);
    });

    test("linear is x Wᵀ + b, with the weight packed and not: the same bits", () => {
      const values = numbers(N * K, 5);
      const x = on(k, numbers(M * K, 4)).data;
      const bias = on(k, numbers(N, 6, 10)).data;
      const weight = on(k, values, [N, K]);
      const y = k.zeros([M, N]).data;
      k.linear(y, x, weight.data, bias, M, K, N);
      const out = { data: y, offset: 0, rows: M, cols: N, stride: N };
      const element: Element = (i, n) => values[n * K + i];
      expectProduct(out, y.slice(), K, (m, i) => x[m * K + i], element, 1, bias);
      const packed = k.zeros([M, N]).data;
      k.linearStored(packed, x, packedOf(k, weight), bias, M);
      expect(packed).toEqual(y);
    });
  });

  test("the bound is near: a sum whose last term is left out does not pass", () => {
    const [M, K, N] = [7, 12, 19];
    const a = window(k, M, K, 1);
    const b = window(k, K, N, 2);
    const out = window(k, M, N, 3);
    const before = out.data.slice();
    k.matmul(out, { ...a, cols: K - 1 }, { ...b, rows: K - 1 }, 1);
    expect(() => expectProduct(out, before, K, elementOf(a), elementOf(b), 1)).toThrow("must be");
  });

  test("a row of the result is the same bits whatever rows are computed with it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(), (M, N, pick) => {
        const s = k.scope() as typeof k;
        const K = 33;
        const row = pick % M;
        const x = on(s, numbers(M * K, M)).data;
        const weight = packedOf(s, on(s, numbers(N * K, N), [N, K]));
        const bias = on(s, numbers(N, 9)).data;
        const all = s.zeros([M, N]).data;
        s.linearStored(all, x, weight, bias, M);
        const one = s.zeros([1, N]).data;
        s.linearStored(one, x.subarray(row * K, (row + 1) * K), weight, bias, 1);
        expect(one).toEqual(all.slice(row * N, (row + 1) * N));
        s.release();
      }),
    );
  });

  test.each(ACTIVATION_NAMES)("linear with %s: the bits of the two kernels", (activation) => {
    const [M, K, N] = [100, 20, 300];
    const x = on(k, numbers(M * K, 1)).data;
    const weight = on(k, numbers(N * K, 2), [N, K]);
    const bias = on(k, numbers(N, 3, 4)).data;
    const want = k.zeros([M, N]).data;
    k.linear(want, x, weight.data, bias, M, K, N);
    k[activation](want, want);
    const y = k.zeros([M, N]).data;
    k.linear(y, x, weight.data, bias, M, K, N, activation);
    expect(y).toEqual(want);
    k.linearStored(y.fill(0), x, packedOf(k, weight), bias, M, activation);
    expect(y).toEqual(want);
  });

  test("long sums are cut, and each part is there", () => {
    const [M, K, N] = [5, 2000, 16];
    const x = on(k, numbers(M * K, 1)).data;
    const weight = on(k, numbers(N * K, 2)).data;
    const y = k.zeros([M, N]).data;
    const bias = on(k, numbers(N, 3)).data;
    k.linear(y, x, weight, bias, M, K, N);
    const out = { data: y, offset: 0, rows: M, cols: N, stride: N };
    const element: Element = (i, n) => weight[n * K + i];
    expectProduct(out, y.slice(), K, (m, i) => x[m * K + i], element, 1, bias);
  });

  test("NaN reaches the rows that it belongs to and no others", () => {
    const [M, K, N] = [6, 5, 7];
    const x = on(k, numbers(M * K, 1)).data;
    x[2 * K + 3] = Number.NaN;
    const y = k.zeros([M, N]).data;
    k.linear(y, x, on(k, numbers(N * K, 2)).data, on(k, numbers(N, 3)).data, M, K, N);
    expect(Array.from(y, Number.isNaN)).toEqual(Array.from(y, (_, i) => Math.floor(i / N) === 2));
  });

  test("sums of nothing are the bias, products of no rows write nothing", () => {
    const y = k.zeros([1, 2]).data;
    const bias = on(k, Float32Array.of(1, 2)).data;
    k.linear(y, k.zeros([1, 0]).data, k.zeros([2, 0]).data, bias, 1, 0, 2);
    expect(y).toEqual(Float32Array.of(1, 2));
    k.linear(y, k.zeros([0, 3]).data, k.zeros([2, 3]).data, bias, 0, 3, 2);
    expect(y).toEqual(Float32Array.of(1, 2));
  });

  describe("packWeight", () => {
    test.each([1, 15, 16, 17, 32, 53])("of %i rows: unpackWeight and gatherStored give the rows as they were", (O) => {
      const I = 7;
      const values = numbers(O * I, O);
      const weight = on(k, values, [O, I]);
      expect(k.unpackWeight(weight)).toBe(weight.data);
      const packed = packedOf(k, weight);
      expect(packed).toEqual({ dtype: "float32", data: weight.data, shape: [O, I] });
      expect(packed.data).toBe(weight.data); // in place
      expect(k.unpackWeight(packed)).toEqual(values);
      const moved = O >= PANEL;
      expect(weight.data.every((value, i) => value === values[i])).toBe(!moved);
      const indices = Int32Array.from({ length: 2 * O }, (_, i) => (i * 7) % O);
      const y = k.zeros([2 * O, I]).data;
      k.gatherStored(y, packed, indices);
      expect(y).toEqual(Float32Array.from([...indices].flatMap((row) => [...values.subarray(row * I, row * I + I)])));
    });

    test("leaves a matrix without columns as it is", () => {
      const weight = k.zeros([3, 0]);
      expect(k.packWeight(weight)).toBe(weight);
    });

    test("refuses what is no matrix", () => {
      expect(() => k.packWeight(k.zeros([4]))).toThrow("packWeight: weight must be [O,I], got [4]");
    });
  });
});

test.each([
  ["fused", BACKENDS[0][1], BACKENDS[1][1]],
  ["deterministic", BACKENDS[2][1], BACKENDS[3][1]],
] as const)("%s: the same bits in both widths", (_, best, bits128) => {
  const [R, I, O] = [13, 901, 37];
  const results = [best, bits128].map((k) => {
    const y = k.zeros([R, O]).data;
    const weight = packedOf(k, on(k, numbers(O * I, 2), [O, I]));
    k.linearStored(y, on(k, numbers(R * I, 1)).data, weight, on(k, numbers(O, 3)).data, R);
    k.gelu(y, y);
    k.softmaxRows({ data: y, offset: 0, rows: R, cols: O, stride: O });
    k.layerNorm(y, y, on(k, numbers(O, 4)).data, on(k, numbers(O, 5)).data, R, O, 1e-12);
    return y;
  });
  expect(results[0]).toEqual(results[1]);
});
