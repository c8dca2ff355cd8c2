import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../../src/safetensors/index.ts";
import { plain } from "../../../src/tensor/kernels/index.ts";
import { deviation, ulpDistance } from "../../support/close.ts";
import { numbers, SIZES } from "../kernels/cases.ts";
import { BACKENDS, on } from "./variants.ts";

/**
 * 4,000 arguments over all float32 exponents, and the true values from mpmath (../kernels/reference/make_functions.py).
 */
const truth = readSafetensors(
  readFileSync(new URL("../kernels/reference/functions.float64.safetensors", import.meta.url)),
);
const x = truth.toFloat32("x");
/** Below it float32 has fewer digits. */
const SMALLEST_NORMAL = 2 ** -126;

/** Largest error in units in the last place for x ≥ −1, for −5 ≤ x < −1 and below: as the results get small there. */
const BOUNDS = {
  gelu: [4, 4, 9],
  gelu_new: [3, 32, 250],
  silu: [3, 3, 7],
  tanh: [1, 1, 1],
} as const;
const KERNELS = { gelu: "gelu", gelu_new: "geluNew", silu: "silu", tanh: "tanh" } as const;

describe.each(BACKENDS)("%s", (_, backend) => {
  const k = backend.scope() as typeof backend;
  afterAll(() => k.release());

  test.each(Object.entries(BOUNDS))("%s of all exponents against mpmath", (name, bounds) => {
    const kernel = KERNELS[name as keyof typeof KERNELS];
    const want = truth.toFloat64(name);
    const y = k.zeros([x.length]).data;
    k[kernel](y, on(k, x).data);
    y.forEach((got, i) => {
      const bound = bounds[x[i] >= -1 ? 0 : x[i] >= -5 ? 1 : 2];
      if (Math.abs(want[i]) < SMALLEST_NORMAL && Math.abs(x[i]) > 1) {
        expect(Math.abs(got - want[i]), `${name}(${x[i]})`).toBeLessThanOrEqual(bound * 2 ** -149);
      } else {
        const distance = ulpDistance(got, Math.fround(want[i]));
        if (!(distance <= bound)) expect.fail(`${name}(${x[i]}) = ${got}, want ${want[i]}: ${distance} ulp`);
      }
    });
  });

  test.each(Object.entries(BOUNDS))("%s of 200,000 numbers from −12 to 12 against plain", (name, bounds) => {
    const kernel = KERNELS[name as keyof typeof KERNELS];
    const argument = on(
      k,
      Float32Array.from({ length: 200_000 }, (_, i) => (i / 200_000 - 0.5) * 24),
    ).data;
    const want = new Float32Array(argument.length);
    plain[kernel](want, argument);
    const y = k.zeros([argument.length]).data;
    k[kernel](y, argument);
    const worst = [0, 0, 0];
    y.forEach((got, i) => {
      const range = argument[i] >= -1 ? 0 : argument[i] >= -5 ? 1 : 2;
      worst[range] = Math.max(worst[range], ulpDistance(got, want[i]));
    });
    worst.forEach((distance, range) => {
      expect(distance, `range ${range}`).toBeLessThanOrEqual(bounds[range]);
    });
  });

  test.each(SIZES)(
    "activations of %i numbers: each one's result does not depend on its place, nothing else is written",
    (N) => {
      const values = numbers(N, N, 6);
      for (const kernel of ["gelu", "geluNew", "relu", "silu", "tanh"] as const) {
        const room = on(k, new Float32Array(N + 20).fill(7)).data;
        const y = room.subarray(3, 3 + N); // not aligned either
        y.set(values);
        k[kernel](y, y);
        const eight = k.zeros([8]).data;
        values.forEach((value, i) => {
          eight.fill(value);
          k[kernel](eight, eight);
          expect(y[i], `${kernel}(${value})`).toBe(eight[5]);
        });
        expect([...room.subarray(0, 3), ...room.subarray(3 + N)]).toEqual(new Array(20).fill(7));
      }
    },
  );

  test("NaN stays NaN, infinities have their limits", () => {
    const y = k.zeros([3]).data;
    const values = on(k, Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -1e30)).data;
    for (const [kernel, high, low] of [
      ["gelu", Infinity, -0],
      ["geluNew", Infinity, -0],
      ["relu", Infinity, 0],
      ["silu", Infinity, -0],
      ["tanh", 1, -1],
    ] as const) {
      k[kernel](y, values);
      expect(y, kernel).toEqual(Float32Array.of(Number.NaN, high, low));
    }
  });

  describe.each(SIZES)("rows of %i", (N) => {
    test("softmax, on the window alone", () => {
      const [rows, stride, offset] = [3, N + 4, 2];
      const scores = numbers(rows * stride + offset, N, 12);
      const got = on(k, scores).data;
      const want = scores.slice();
      k.softmaxRows({ data: got, offset, rows, cols: N, stride });
      plain.softmaxRows({ data: want, offset, rows, cols: N, stride });
      // s − m is rounded, which e^(s − m) feels |s − m| times as much; then e^s, the sum, its reciprocal, the product.
      for (const [i, value] of got.entries()) {
        const column = i - offset - Math.floor((i - offset) / stride) * stride;
        const inside = i >= offset && i < offset + rows * stride && column < N;
        const bound = inside ? want[i] * 2 ** -24 * (8 + 24) : 0;
        if (!(Math.abs(value - want[i]) <= bound)) expect.fail(`[${i}] is ${value}, must be ${want[i]}`);
      }
    });

    test("layerNorm, also in place", () => {
      const R = 4;
      const values = numbers(R * N, N, 3).map((v) => v + 1);
      const [gamma, beta] = [numbers(N, 1), numbers(N, 2)];
      const want = new Float32Array(R * N);
      plain.layerNorm(want, values, gamma, beta, R, N, 1e-12);
      const got = on(k, values).data;
      k.layerNorm(got, got, on(k, gamma).data, on(k, beta).data, R, N, 1e-12);
      if (N === 1) expect(got).toEqual(want);
      else expect(deviation(got, want).max).toBeLessThanOrEqual(2e-6); // two numbers that are nearly equal: 1.4e-6
    });

    test("layerNorm with a residual is that of the sum: the same bits", () => {
      const R = 3;
      const [x, residual] = [on(k, numbers(R * N, N)).data, on(k, numbers(R * N, N + 1)).data];
      const [gamma, beta] = [on(k, numbers(N, 1)).data, on(k, numbers(N, 2)).data];
      const sum = k.zeros([R * N]).data;
      k.add(sum, x, residual);
      const want = k.zeros([R * N]).data;
      k.layerNorm(want, sum, gamma, beta, R, N, 1e-12);
      for (const y of [k.zeros([R * N]).data, x]) {
        k.layerNorm(y, x, gamma, beta, R, N, 1e-12, residual);
        expect(y).toEqual(want);
      }
    });

    test("add", () => {
      const [a, b] = [numbers(N, 1), numbers(N, 2)];
      const y = on(k, a).data;
      k.add(y, y, on(k, b).data);
      expect(y).toEqual(a.map((v, i) => Math.fround(v + b[i])));
    });
  });

  test("allFinite finds NaN and infinities wherever they stand, and takes the largest numbers", () => {
    for (const N of [1, 7, 8, 9, 40]) {
      const { data } = on(k, new Float32Array(N).fill(3.4e38));
      expect(k.allFinite(data)).toBe(true);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (let i = 0; i < N; i++) {
          data[i] = value;
          expect(k.allFinite(data), `${value} at ${i} of ${N}`).toBe(false);
          data[i] = -3.4e38;
        }
      }
      expect(k.allFinite(data)).toBe(true);
    }
  });

  test("softmax of scores that would overflow e^s, and of a row with NaN", () => {
    const { data } = on(k, Float32Array.of(1000, 1000, -1000, -3e38));
    k.softmaxRows({ data, offset: 0, rows: 1, cols: 4, stride: 4 });
    expect(data).toEqual(Float32Array.of(0.5, 0.5, 0, 0));
    const other = on(k, Float32Array.of(1, Number.NaN, 1, 1)).data;
    k.softmaxRows({ data: other, offset: 0, rows: 2, cols: 2, stride: 2 });
    expect(other).toEqual(Float32Array.of(Number.NaN, Number.NaN, 0.5, 0.5));
  });
});
