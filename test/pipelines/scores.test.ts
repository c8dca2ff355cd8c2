import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchesOf } from "../../src/pipelines/answerAll.ts";
import { logSoftmaxAt, softmax, topK } from "../../src/pipelines/scores.ts";

describe("topK", () => {
  /** Few different values, so that many are equal. */
  const values = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.float({ noNaN: true })), {
    minLength: 1,
    maxLength: 60,
  });

  test("is the beginning of the sorted list, the lower index first among equals", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 70 }), (list, k) => {
        const sorted = list.map((_, i) => i).sort((a, b) => (list[a] === list[b] ? a - b : list[b] > list[a] ? 1 : -1));
        expect(topK(list, k)).toEqual(sorted.slice(0, k));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("softmax", () => {
  test("the values of Python's math.fsum and math.exp, far apart and close together", () => {
    // e^-1/(1 + e^-1 + e^-2), … printed by Python 3.11 with 17 digits
    const got = softmax("test", Float32Array.of(1, 3, 2));
    const want = [0.09003057317038046, 0.66524095577482178, 0.24472847105479767];
    for (const [i, p] of want.entries()) expect(Math.abs(got[i] - p)).toBeLessThan(2e-16);
    expect(softmax("test", Float32Array.of(-3e38, 3e38))).toEqual(Float64Array.of(0, 1));
    expect(softmax("test", Float32Array.of(500, 500))).toEqual(Float64Array.of(0.5, 0.5));
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%d is an error, not an answer", (bad) => {
    for (const list of [
      [bad, 0],
      [0, bad],
      [bad, bad],
    ]) {
      expect(() => softmax("fill-mask", Float32Array.from(list))).toThrow(
        "fill-mask: the model's logits must be finite",
      );
    }
  });
});

test("logSoftmaxAt: the values of Python's decimal with 40 digits, and finite where the probability is 0", () => {
  const logits = Float32Array.of(0.5, -20.25, -3);
  const want = [-0.02975041921770162, -20.779750419217702, -3.529750419217702];
  for (const [i, score] of want.entries())
    expect(Math.abs(logSoftmaxAt("test", logits, i) - score)).toBeLessThan(1e-15 * Math.max(1, Math.abs(score)));
  expect(logSoftmaxAt("test", Float32Array.of(-3e38, 3e38), 0)).toBe(2 * Math.fround(-3e38));
  expect(() => logSoftmaxAt("test", Float32Array.of(Number.NaN, 1), 1)).toThrow(
    "test: the model's logits must be finite",
  );
});

describe("batchesOf", () => {
  test("keeps the order, fills up to 2,048 tokens, and gives a longer item a batch of its own", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2500 }), { minLength: 1, maxLength: 30 }), (lengths) => {
        const batches = [...batchesOf(lengths, (length) => length)];
        expect(batches.flat()).toEqual(lengths);
        const sums = batches.map((batch) => batch.reduce((a, b) => a + b));
        for (const [i, batch] of batches.entries()) {
          expect(batch.length === 1 || sums[i] <= 2048).toBe(true);
          if (i > 0) expect(sums[i - 1] + batch[0]).toBeGreaterThan(2048); // it would not have fitted before
        }
      }),
    );
  });
});
