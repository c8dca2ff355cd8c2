import { describe, expect, test } from "vitest";
import { plainTraining } from "../../../src/tensor/kernels/training.ts";
import { TRAINING_BACKENDS } from "../../support/training.ts";
import { BACKWARD_CASES, type BackwardCase } from "./backwardCases.ts";
import { numbers } from "./cases.ts";

/** Step of the central differences; in float64 their error is near 1e-10. */
const STEP = 1e-5;
/** At most so many elements of each input are varied. */
const SAMPLED = 60;
/** Largest error as a share of the largest element, or of 1 where that is smaller. */
const TOLERANCE = {
  plain: 1.3e-7, // measured 1.293e-7 (attention with dropout, value)
  simd: 3.3e-7, // measured 3.212e-7 (linearBackwardWeight)
  deterministic: 3.7e-7, // measured 3.616e-7 (attention)
};

/** The slopes of each case by input and index: every backend is held against the same. */
const slopes = new Map<string, number>();

/** ∂(Σ dy y)/∂x_i by central differences of the equation in float64. */
function slope({ kernel, size, forward, inputs }: BackwardCase, dy: Float32Array, name: string, i: number): number {
  const key = [kernel, size, name, i].join();
  const known = slopes.get(key);
  if (known !== undefined) return known;
  const at = (step: number) => {
    const arrays = Object.fromEntries(Object.entries(inputs).map(([key, data]) => [key, Float64Array.from(data)]));
    arrays[name][i] += step;
    return forward(arrays).reduce((total, y, n) => total + y * dy[n], 0);
  };
  const found = (at(STEP) - at(-STEP)) / (2 * STEP);
  slopes.set(key, found);
  return found;
}

describe.each(TRAINING_BACKENDS)("gradients against finite differences: $title", ({ name: backend, create }) => {
  const k = create();
  const on = (data: Float32Array) => {
    const copy = k.empty([data.length]).data;
    copy.set(data);
    return copy;
  };

  test.each(BACKWARD_CASES.map((c) => [`${c.kernel}: ${c.size}`, c] as const))("%s", (_, c) => {
    const length = c.forward(Object.fromEntries(Object.entries(c.inputs).map(([n, d]) => [n, Float64Array.from(d)])));
    const dy = numbers(length.length, 11);
    const before = Object.fromEntries(
      Object.entries(c.inputs).map(([name, { length }]) => [name, numbers(length, 12)]),
    );
    const gradients = Object.fromEntries(Object.entries(before).map(([name, data]) => [name, on(data)]));
    c.backward(
      k,
      gradients,
      Object.fromEntries(Object.entries(c.inputs).map(([name, data]) => [name, on(data)])),
      on(dy),
    );
    const named = [...c.added, ...c.written];
    expect(named.length).toBeGreaterThan(0);
    for (const [name, got] of Object.entries(gradients)) {
      if (!named.includes(name)) {
        expect(got, `${name} is left alone`).toEqual(before[name]);
        continue;
      }
      const stride = Math.max(1, Math.floor(got.length / SAMPLED));
      let [worst, largest] = [0, 1];
      for (let i = 0; i < got.length; i += stride) {
        const want = slope(c, dy, name, i) + (c.added.includes(name) ? before[name][i] : 0);
        const error = Math.abs(got[i] - want);
        worst = Math.max(worst, error); // NaN too
        largest = Math.max(largest, Math.abs(want));
      }
      expect(worst / largest, name).toBeLessThanOrEqual(TOLERANCE[backend]);
    }
  });
});

test("every kernel that has a gradient is among the cases", () => {
  const kernels = Object.keys(plainTraining).filter((name) => name.endsWith("Backward") || name.startsWith("linearB"));
  expect(new Set(BACKWARD_CASES.map(({ kernel }) => kernel))).toEqual(new Set([...kernels, "dropout"]));
  expect(kernels.length).toBe(11);
});
