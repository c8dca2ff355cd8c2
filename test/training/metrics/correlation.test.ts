import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pearsonCorrelation, spearmanCorrelation } from "../../../src/training/metrics/correlation.ts";
import { golden } from "./golden.ts";

describe("against scipy 1.17.1", () => {
  test("Pearson and Spearman, with ties, constants and large offsets", () => {
    for (const { predictions, references, pearson, spearman } of golden.correlation) {
      // The largest difference is 7.8e-16; 2.6e-13 where the numbers are near 3e8 and have 8 digits less to differ in.
      const digits = predictions.some((x) => Math.abs(x) > 1e5) ? 12 : 14;
      const got = pearsonCorrelation({ predictions, references });
      if (pearson === null) expect(got).toBeNaN();
      else expect(got).toBeCloseTo(pearson, digits);
      const rank = spearmanCorrelation({ predictions, references });
      if (spearman === null) expect(rank).toBeNaN();
      else expect(rank).toBeCloseTo(spearman, 14); // 5.6e-16;
    }
    expect(golden.correlation.some(({ pearson }) => pearson === null)).toBe(true);
    expect(golden.correlation.some(({ pearson }) => pearson !== null && pearson < 0)).toBe(true);
  });
});

describe("by hand", () => {
  test("Spearman with ties: ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4", () => {
    // dx = (−1.5, 0, 0, 1.5), dy = (−1.5, 0.5, −0.5, 1.5): 4.5 / √(4.5 · 5)
    const pairs = { predictions: [1, 7, 7, 9], references: [10, 30, 20, 40] };
    expect(spearmanCorrelation(pairs)).toBeCloseTo(4.5 / Math.sqrt(22.5), 15);
  });

  test("of what does not vary there is no correlation, even if its mean is rounded", () => {
    const pairs = { predictions: [0.1, 0.1, 0.1], references: [1, 2, 3] };
    expect(pearsonCorrelation(pairs)).toBeNaN();
    expect(spearmanCorrelation(pairs)).toBeNaN();
    expect(pearsonCorrelation({ predictions: pairs.references, references: pairs.predictions })).toBeNaN();
  });

  test("numbers whose squares overflow or underflow", () => {
    const references = [1, 2, 4];
    const want = pearsonCorrelation({ predictions: [1, 2, 3], references });
    for (const scale of [1e300, 1e-300]) {
      const predictions = [scale, 2 * scale, 3 * scale];
      expect(pearsonCorrelation({ predictions, references })).toBeCloseTo(want, 13);
    }
  });
});

describe("properties", () => {
  const pairs = fc
    .array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })), { minLength: 2, maxLength: 30 })
    .map((list) => ({ predictions: list.map(([p]) => p), references: list.map(([, r]) => r) }))
    .filter(({ predictions, references }) => new Set(predictions).size > 1 && new Set(references).size > 1);

  test("Spearman does not change under a map that keeps the order, and changes its sign under one that reverses it", () => {
    fc.assert(
      fc.property(pairs, (p) => {
        const want = spearmanCorrelation(p);
        expect(spearmanCorrelation({ ...p, predictions: p.predictions.map((x) => x ** 3 + 5) })).toBe(want);
        expect(spearmanCorrelation({ ...p, predictions: p.predictions.map((x) => -(2 ** x)) })).toBeCloseTo(-want, 13);
      }),
    );
  });

  test("Pearson is symmetric, within [−1, 1], and does not change under a straight line", () => {
    fc.assert(
      fc.property(pairs, fc.integer({ min: 1, max: 1000 }), fc.integer({ min: -1000, max: 1000 }), (p, a, b) => {
        const r = pearsonCorrelation(p);
        expect(Math.abs(r)).toBeLessThanOrEqual(1);
        expect(pearsonCorrelation({ predictions: p.references, references: p.predictions })).toBe(r);
        expect(pearsonCorrelation({ ...p, predictions: p.predictions.map((x) => a * x + b) })).toBeCloseTo(r, 11);
        expect(pearsonCorrelation({ ...p, predictions: p.predictions.map((x) => -x) })).toBeCloseTo(-r, 14);
      }),
    );
  });
});

test.each([
  [
    { predictions: [1], references: [1] },
    "pearsonCorrelation: there must be as many predictions as references, at least 2, got 1 and 1",
  ],
  [{ predictions: [1, 2, 3], references: [1, 2] }, "got 3 and 2"],
  [
    { predictions: [1, Number.NaN], references: [1, 2] },
    "pearsonCorrelation: predictions[1] must be a finite number, got NaN",
  ],
  [
    { predictions: [1, 2], references: [Number.POSITIVE_INFINITY, 2] },
    "references[0] must be a finite number, got Infinity",
  ],
])("%j is an error", (pairs, message) => {
  expect(() => pearsonCorrelation(pairs)).toThrow(
    expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
  );
});
