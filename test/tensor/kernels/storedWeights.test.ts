import { describe, expect, test } from "vitest";
import { linear } from "../../../src/tensor/kernels/matmul.ts";
import { gatherStored, levels, linearStored, quantizeRow } from "../../../src/tensor/kernels/storedWeights.ts";
import { decodeWeight, encodeWeight } from "../../../src/tensor/storage.ts";
import type { Int8Weight } from "../../../src/tensor/tensor.ts";
import { numbers, PRODUCTS } from "./cases.ts";

const TYPES = ["float16", "bfloat16", "int8"] as const;

test("float32: the bits of linear, and the rows of gatherRows", () => {
  const [R, I, O] = [5, 7, 9];
  const [x, data, bias] = [numbers(R * I, 2), numbers(O * I, 1), numbers(O, 3)];
  const weight = { dtype: "float32", data, shape: [O, I] } as const;
  const [y, want] = [new Float32Array(R * O), new Float32Array(R * O)];
  linearStored(y, x, weight, bias, R, "gelu");
  linear(want, x, data, bias, R, I, O, "gelu");
  expect(y).toEqual(want);
  const rows = new Float32Array(2 * I);
  gatherStored(rows, weight, Int32Array.of(8, 3));
  expect(rows).toEqual(Float32Array.of(...data.slice(8 * I), ...data.slice(3 * I, 4 * I)));
});

describe("float16 and bfloat16", () => {
  test.each(PRODUCTS)("R=%i I=%i O=%i: the bits of float32 with the rounded weight", (R, I, O) => {
    const [x, bias] = [numbers(R * I, 2), numbers(O, 3)];
    for (const dtype of ["float16", "bfloat16"] as const) {
      const weight = encodeWeight(dtype, numbers(O * I, 1), [O, I]);
      const rounded = new Float32Array(O * I);
      decodeWeight(rounded, weight);
      const [y, want] = [new Float32Array(R * O), new Float32Array(R * O)];
      linearStored(y, x, weight, bias, R, "gelu");
      linear(want, x, rounded, bias, R, I, O, "gelu");
      expect(y).toEqual(want);
    }
  });
});

describe("int8", () => {
  test("levels: the largest sum fits 32 bits, and one level more would not", () => {
    for (const K of [1, 2, 511, 768, 1024, 3072, 4096, 8192, 100_000]) {
      expect(levels(K) * 128 * K).toBeLessThan(2 ** 31);
      if (levels(K) < 32767) expect((levels(K) + 1) * 128 * K).toBeGreaterThanOrEqual(2 ** 31);
    }
    expect([levels(768), levels(3072)]).toEqual([21845, 5461]);
  });

  test("a row of activations by hand", () => {
    const K = 4096; // 4095 levels
    const t = 2 ** -3;
    const x = new Float32Array(K);
    x.set([4095, -4095, 0.5, 1.5, -2.5, 7.4].map((a) => a * t));
    const a = new Float32Array(K);
    expect(quantizeRow(a, x)).toBe(t);
    expect(a.slice(0, 7)).toEqual(Float32Array.of(4095, -4095, 0, 2, -2, 7, 0));
    expect(levels(K)).toBe(4095);
  });

  test("no activation is further than half a step away", () => {
    for (const scale of [1e-30, 1, 1e30]) {
      const x = numbers(768, 5, scale);
      const a = new Float32Array(768);
      const t = quantizeRow(a, x);
      for (const [k, value] of x.entries()) {
        expect(Number.isInteger(a[k]) && Math.abs(a[k]) <= levels(768)).toBe(true);
        expect(Math.abs(value - a[k] * t)).toBeLessThanOrEqual(t * (0.5 + 2 ** -8));
      }
    }
  });

  test.each(PRODUCTS)("R=%i I=%i O=%i: the integer sum, and three roundings", (R, I, O) => {
    const [x, bias] = [numbers(R * I, 2, 3), numbers(O, 3)];
    const weight = encodeWeight("int8", numbers(O * I, 1), [O, I]) as Int8Weight;
    const y = new Float32Array(R * O);
    linearStored(y, x, weight, bias, R);
    for (let r = 0; r < R; r++) {
      const row = x.subarray(r * I, (r + 1) * I);
      const a = new Float32Array(I);
      const t = quantizeRow(a, row);
      for (let o = 0; o < O; o++) {
        let sum = 0n;
        for (let i = 0; i < I; i++) sum += BigInt(a[i]) * BigInt(weight.data[o * I + i]);
        const scale = Math.fround(t * weight.scale[o]);
        const want = Math.fround(Math.fround(Math.fround(Number(sum)) * scale) + bias[o]);
        if (y[r * O + o] !== want) expect.fail(`[${r}, ${o}] is ${y[r * O + o]}, must be ${want}`);
      }
    }
  });

  test("the largest possible sum is exact", () => {
    const K = 3072;
    const x = new Float32Array(K).fill(1);
    const weight = encodeWeight("int8", new Float32Array(2 * K).fill(-127).fill(127, K), [2, K]);
    const y = new Float32Array(2);
    linearStored(y, x, weight, new Float32Array(2), 1);
    const want = Math.fround(Math.fround(levels(K) * 127 * K) * Math.fround(1 / levels(K)));
    expect(y).toEqual(Float32Array.of(-want, want));
    expect(want / (127 * K)).toBeCloseTo(1, 6);
  });

  test("rows of zeros are the bias, and a row with NaN or an infinity is NaN", () => {
    const weight = encodeWeight("int8", numbers(3 * 2, 1), [2, 3]);
    const bias = Float32Array.of(1, 2);
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const x = Float32Array.from([0, 0, 0, ...bad.flatMap((value) => [1, value, 2])]);
    const y = new Float32Array(8);
    linearStored(y, x, weight, bias, 4);
    expect(y).toEqual(Float32Array.of(1, 2, ...Array(6).fill(Number.NaN)));
  });
});

test.each(TYPES)("%s: gatherStored gives the rows of the decoded table", (dtype) => {
  const [N, H] = [9, 5];
  const table = encodeWeight(dtype, numbers(N * H, 1), [N, H]);
  const all = new Float32Array(N * H);
  decodeWeight(all, table);
  const indices = Int32Array.of(8, 0, 3, 3);
  const y = new Float32Array(4 * H);
  gatherStored(y, table, indices);
  expect(y).toEqual(Float32Array.from([...indices].flatMap((row) => [...all.subarray(row * H, row * H + H)])));
});
