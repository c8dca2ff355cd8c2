import { describe, expect, test } from "vitest";
import { layerNorm } from "../../../src/tensor/kernels/layerNorm.ts";
import { add, gatherRows } from "../../../src/tensor/kernels/rows.ts";
import { softmaxRows } from "../../../src/tensor/kernels/softmax.ts";
import { ulpDistance } from "../../support/close.ts";
import { numbers, SIZES } from "./cases.ts";

describe.each(SIZES)("rows of %i", (N) => {
  test("softmax is e^s over its sum, on the window alone", () => {
    const [rows, stride, offset] = [3, N + 4, 2];
    const scores = numbers(rows * stride + offset, N, 12);
    const got = scores.slice();
    softmaxRows({ data: got, offset, rows, cols: N, stride });
    const want = scores.slice();
    for (let r = 0; r < rows; r++) {
      const row = Array.from(scores.subarray(offset + r * stride, offset + r * stride + N));
      const sum = row.reduceRight((total, s) => total + Math.exp(s), 0);
      row.forEach((s, c) => {
        want[offset + r * stride + c] = Math.exp(s) / sum;
      });
    }
    // Two roundings, of e^s and of the quotient: at most 1 ulp apart where the two sums round differently.
    for (const [i, value] of got.entries()) expect(ulpDistance(value, want[i]), `[${i}]`).toBeLessThanOrEqual(1);
  });

  test("layerNorm with a residual is layerNorm of the sum, also in place of either", () => {
    const R = 3;
    const [x, residual] = [numbers(R * N, 1), numbers(R * N, 2)];
    const [gamma, beta] = [numbers(N, 3), numbers(N, 4)];
    const want = new Float32Array(R * N);
    layerNorm(want, x.map((v, i) => v + residual[i]), gamma, beta, R, N, 1e-12); // biome-ignore format: one line
    for (const [y, a, b] of [
      [new Float32Array(R * N), x, residual],
      [x.slice(), null, residual],
      [residual.slice(), x, null],
    ] as const) {
      layerNorm(y, a ?? y, gamma, beta, R, N, 1e-12, b ?? y);
      expect(y).toEqual(want);
    }
  });

  test("layerNorm has mean β and deviation γ", () => {
    const R = 4;
    const x = numbers(R * N, N, 3).map((v) => v + 100);
    const gamma = numbers(N, 1);
    const beta = numbers(N, 2);
    const y = new Float32Array(R * N);
    layerNorm(y, x, gamma, beta, R, N, 1e-12);
    for (let r = 0; r < R; r++) {
      const row = Array.from(x.subarray(r * N, (r + 1) * N));
      const mean = row.reduceRight((sum, v) => sum + v / N, 0);
      const deviation = Math.sqrt(row.reduceRight((sum, v) => sum + (v - mean) ** 2 / N, 0) + 1e-12);
      row.forEach((v, h) => {
        const want = ((v - mean) / deviation) * gamma[h] + beta[h];
        const bound = 2 ** -24 * Math.abs(want) + 1e-12 * (1 + Math.abs(gamma[h]) / deviation);
        expect(Math.abs(y[r * N + h] - want), `[${r}, ${h}]`).toBeLessThanOrEqual(bound);
      });
    }
    layerNorm(x, x, gamma, beta, R, N, 1e-12);
    expect(x, "in place").toEqual(y);
  });

  test("add", () => {
    const a = numbers(N, 1);
    const b = numbers(N, 2);
    const y = new Float32Array(N);
    add(y, a, b);
    expect(y).toEqual(a.map((v, i) => Math.fround(v + b[i])));
    add(a, a, b);
    expect(a, "in place").toEqual(y);
  });
});

test("softmax of scores that would overflow e^s", () => {
  const data = Float32Array.of(1000, 1000, -1000, -3e38);
  softmaxRows({ data, offset: 0, rows: 1, cols: 4, stride: 4 });
  expect(data).toEqual(Float32Array.of(0.5, 0.5, 0, 0));
});

test("softmax of a row with NaN is NaN in that row alone", () => {
  const data = Float32Array.of(1, Number.NaN, 1, 1);
  softmaxRows({ data, offset: 0, rows: 2, cols: 2, stride: 2 });
  expect(data).toEqual(Float32Array.of(Number.NaN, Number.NaN, 0.5, 0.5));
});

test("a constant row is normalised to β", () => {
  const y = new Float32Array(3);
  layerNorm(y, Float32Array.of(7, 7, 7), Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6), 1, 3, 1e-12);
  expect(y).toEqual(Float32Array.of(4, 5, 6));
});

test("gatherRows copies rows, some twice, some never", () => {
  const table = numbers(5 * 3, 1);
  const y = new Float32Array(4 * 3);
  gatherRows(y, table, Int32Array.of(4, 0, 4, 2), 3);
  expect(y).toEqual(Float32Array.from([4, 0, 4, 2].flatMap((row) => Array.from(table.subarray(row * 3, row * 3 + 3)))));
});
