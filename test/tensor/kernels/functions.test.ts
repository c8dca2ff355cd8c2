import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readSafetensors } from "../../../src/safetensors/index.ts";
import { gelu, geluNew, relu, silu, tanh } from "../../../src/tensor/kernels/activations.ts";
import { erf, erfc, exp, log, log1p, sigmoid, tanh as tanhOf } from "../../../src/tensor/kernels/transcendental.ts";
import { ulpDistance } from "../../support/close.ts";

/** 4,000 arguments over all float32 exponents, and the true values from mpmath (make_functions.py). */
const truth = readSafetensors(readFileSync(new URL("reference/functions.float64.safetensors", import.meta.url)));
const x = truth.toFloat32("x");

describe("transcendental functions against mpmath", () => {
  /** Largest relative error in float64 that the doc comment of transcendental.ts states. */
  test.each([
    ["exp", exp, 2.3e-16],
    ["erf", erf, 3.5e-16],
    ["erfc", erfc, 2.3e-15],
    ["tanh", tanhOf, 2.9e-16],
  ] as const)("%s", (name, f, bound) => {
    const want = truth.toFloat64(name);
    let worst = 0;
    x.forEach((v, i) => {
      const got = f(v);
      // Past the range of normal float64 numbers: 0 or Infinity, as the truth is there or is about to be.
      const outside = Math.abs(want[i]) < 1e-300 || !Number.isFinite(want[i]);
      const error = outside ? Math.abs(Math.fround(got) - Math.fround(want[i])) || 0 : Math.abs(got / want[i] - 1);
      expect(error, `${name}(${v}) = ${got}, want ${want[i]}`).toBeLessThanOrEqual(want[i] === 0 ? 0 : bound);
      worst = Math.max(worst, error);
    });
    expect(worst, "a bound ten times the worst error is no bound").toBeGreaterThan(bound / 10);
  });

  /** Math.log and Math.log1p are right within 1 ulp, 2.2e-16, in every engine of today; ours differ by 4.5e-16 at most. */
  test("log and log1p beside the engine's", () => {
    for (let i = 0; i < 20_000; i++) {
      const wide = 2 ** ((i / 20_000 - 0.5) * 2040);
      const near = 0.5 + (i / 20_000) * 1.6;
      for (const v of [wide, near]) {
        expect(Math.abs(log(v) - Math.log(v)), `${v}`).toBeLessThanOrEqual(4.5e-16 * Math.abs(Math.log(v)));
      }
      const t = (i / 20_000) ** 6;
      expect(Math.abs(log1p(t) - Math.log1p(t)), `${t}`).toBeLessThanOrEqual(4.5e-16 * Math.log1p(t));
    }
    expect([log(1), log(0), log(-1), log(Infinity), log(NaN), log1p(0), log1p(1)]).toEqual([
      0,
      -Infinity,
      NaN,
      Infinity,
      NaN,
      0,
      Math.LN2,
    ]);
  });

  test("NaN stays NaN, infinities have their limits", () => {
    for (const f of [exp, erf, erfc, tanhOf, sigmoid]) expect(f(Number.NaN)).toBeNaN();
    expect([exp(-Infinity), erf(-Infinity), erfc(-Infinity), tanhOf(-Infinity), sigmoid(-Infinity)]).toEqual([
      0, -1, 2, -1, 0,
    ]);
    expect([exp(Infinity), erf(Infinity), erfc(Infinity), tanhOf(Infinity), sigmoid(Infinity)]).toEqual([
      Infinity,
      1,
      0,
      1,
      1,
    ]);
    expect([exp(0), erf(0), erfc(0), tanhOf(0), sigmoid(0)]).toEqual([1, 0, 1, 0, 0.5]);
  });
});

describe("activations against mpmath", () => {
  test.each([
    ["gelu", gelu],
    ["gelu_new", geluNew],
    ["silu", silu],
    ["tanh", tanh],
  ] as const)("%s is within 1 ulp of float32, and nearly always correctly rounded", (name, kernel) => {
    const y = new Float32Array(x.length);
    kernel(y, x);
    const want = truth.toFloat64(name);
    let rounded = 0;
    y.forEach((got, i) => {
      const distance = ulpDistance(got, want[i]);
      expect(distance, `${name}(${x[i]}) = ${got}, want ${want[i]}`).toBeLessThanOrEqual(1);
      if (distance === 0) rounded++;
    });
    expect(rounded).toBe(x.length); // measured: all 4,000
    const inPlace = x.slice();
    kernel(inPlace, inPlace);
    expect(inPlace).toEqual(y);
  });

  test("relu keeps what is positive, and NaN", () => {
    const y = new Float32Array(5);
    relu(y, Float32Array.of(-1, 0, 2.5, Number.NaN, -Infinity));
    expect(y).toEqual(Float32Array.of(0, 0, 2.5, Number.NaN, 0));
  });

  test("every one hands NaN on", () => {
    for (const kernel of [gelu, geluNew, relu, silu, tanh]) {
      const y = Float32Array.of(Number.NaN);
      kernel(y, y);
      expect(y[0], kernel.name).toBeNaN();
    }
  });
});
