import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accuracy, f1Score, matthewsCorrelation } from "../../../src/training/metrics/classification.ts";
import { glueMetrics } from "../../../src/training/metrics/glueMetrics.ts";
import { golden } from "./golden.ts";

/** Digits after the point that agree with scikit-learn, which sums in another order; the largest difference is 1.1e-16. */
const DIGITS = 15;

describe("against scikit-learn 1.9.1", () => {
  test.each(["macro", "micro", "weighted"] as const)("F1, %s", (average) => {
    for (const { predictions, references, labels, some, ...want } of golden.classification) {
      expect(f1Score({ predictions, references }, { average })).toBeCloseTo(want[average], DIGITS);
      if (labels && some) {
        expect(f1Score({ predictions, references }, { average, labels })).toBeCloseTo(some[average], DIGITS);
      }
    }
    expect(golden.classification.filter(({ some }) => some).length).toBeGreaterThan(50);
  });

  test("F1, binary", () => {
    const cases = golden.classification.filter(({ binary }) => binary !== undefined);
    expect(cases.length).toBeGreaterThan(50);
    for (const { predictions, references, binary } of cases) {
      expect(f1Score({ predictions, references })).toBeCloseTo(binary!, DIGITS);
    }
  });

  test("accuracy and Matthews correlation, degenerate cases among them", () => {
    for (const { predictions, references, ...want } of golden.classification) {
      expect(accuracy({ predictions, references })).toBeCloseTo(want.accuracy, DIGITS);
      expect(matthewsCorrelation({ predictions, references })).toBeCloseTo(want.matthews, DIGITS);
    }
    expect(golden.classification.some(({ matthews }) => matthews === 0)).toBe(true);
    expect(golden.classification.some(({ matthews }) => matthews < 0)).toBe(true);
  });
});

describe("by hand", () => {
  // tp 2, fp 1, fn 3, tn 4
  const predictions = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
  const references = [1, 1, 0, 1, 1, 1, 0, 0, 0, 0];

  test("a table of two classes", () => {
    expect(accuracy({ predictions, references })).toBe(0.6);
    expect(f1Score({ predictions, references })).toBe(0.5); // 4 / (4 + 1 + 3)
    expect(f1Score({ predictions, references }, { posLabel: 0 })).toBeCloseTo(8 / 12, 15); // 2 · 4 / (8 + 3 + 1)
    expect(f1Score({ predictions, references }, { average: "macro" })).toBeCloseTo((1 / 2 + 2 / 3) / 2, 15);
    expect(f1Score({ predictions, references }, { average: "micro" })).toBe(0.6); // = accuracy, each pair having one label
    expect(matthewsCorrelation({ predictions, references })).toBeCloseTo(
      (2 * 4 - 1 * 3) / Math.sqrt(3 * 5 * 5 * 7),
      15,
    );
  });

  test("names in place of numbers, and typed arrays", () => {
    const names = (list: number[]) => list.map((i) => ["ham", "spam"][i]);
    const named = { predictions: names(predictions), references: names(references) };
    expect(f1Score(named, { posLabel: "spam" })).toBe(0.5);
    expect(accuracy(named)).toBe(0.6);
    const typed = { predictions: Int32Array.from(predictions), references: Float32Array.from(references) };
    expect(f1Score(typed)).toBe(0.5);
    expect(matthewsCorrelation(typed)).toBe(matthewsCorrelation(named));
  });

  test("where nothing is counted it is 0", () => {
    expect(f1Score({ predictions: [0, 0], references: [0, 0] })).toBe(0);
    expect(f1Score({ predictions: [0, 0], references: [1, 1] })).toBe(0);
    expect(f1Score({ predictions: [0], references: [0] }, { average: "macro", labels: [7] })).toBe(0);
    expect(f1Score({ predictions: [0], references: [0] }, { average: "macro", labels: [] })).toBe(0);
    expect(matthewsCorrelation({ predictions: [1, 1], references: [0, 1] })).toBe(0);
  });
});

describe("properties", () => {
  const pairs = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 40 })
    .map((list) => ({ predictions: list.map(([p]) => p), references: list.map(([, r]) => r) }));
  const swapped = ({ predictions, references }: { predictions: number[]; references: number[] }) => ({
    predictions: references,
    references: predictions,
  });

  test("exchanging predictions and references changes neither F1, macro or micro, nor Matthews", () => {
    fc.assert(
      fc.property(pairs, (p) => {
        for (const average of ["macro", "micro"] as const) {
          expect(f1Score(swapped(p), { average })).toBeCloseTo(f1Score(p, { average }), 14);
        }
        expect(matthewsCorrelation(swapped(p))).toBe(matthewsCorrelation(p));
      }),
    );
  });

  test("micro F1 over all classes is accuracy; perfect predictions have 1", () => {
    fc.assert(
      fc.property(pairs, (p) => {
        expect(f1Score(p, { average: "micro" })).toBe(accuracy(p));
        const perfect = { predictions: p.references, references: p.references };
        for (const average of ["macro", "micro", "weighted"] as const) expect(f1Score(perfect, { average })).toBe(1);
        if (new Set(p.references).size > 1) expect(matthewsCorrelation(perfect)).toBeCloseTo(1, 15);
      }),
    );
  });
});

describe("errors", () => {
  test.each([
    [
      () => accuracy({ predictions: [], references: [] }),
      "accuracy: there must be as many predictions as references, at least 1, got 0 and 0",
    ],
    [() => f1Score({ predictions: [1], references: [1, 0] }), "f1Score: there must be as many"],
    [() => matthewsCorrelation({ predictions: [1, 0], references: [1] }), "matthewsCorrelation: there must be as many"],
    [
      () => f1Score({ predictions: [0, 1], references: [2, 1] }),
      'f1Score: average must be other than "binary" for 3 classes',
    ],
    [
      () => f1Score({ predictions: ["a"], references: ["b"] }),
      'f1Score: posLabel must be one of the classes, "a" and "b", got 1',
    ],
    [() => f1Score({ predictions: [1], references: [1] }, { labels: [1] }), "f1Score: labels must be left out"],
    [
      () => f1Score({ predictions: [1], references: [1] }, { average: "samples" as "micro" }),
      "f1Score: average must be one of",
    ],
    [
      () => glueMetrics("snli" as "mnli", { predictions: [1], references: [1] }),
      "glueMetrics: task must be one of cola, sst2",
    ],
  ])("%#", (call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }));
  });
});

describe("glueMetrics", () => {
  const pairs = { predictions: [1, 0, 1, 1], references: [1, 0, 0, 1] };

  test("has each task's metrics under run_glue.py's names", () => {
    for (const task of ["sst2", "mnli", "qnli", "rte", "wnli"] as const) {
      expect(glueMetrics(task, pairs)).toEqual({ accuracy: 0.75 });
    }
    for (const task of ["mrpc", "qqp"] as const) {
      expect(glueMetrics(task, pairs)).toEqual({ accuracy: 0.75, f1: 0.8, combined_score: 0.775 });
    }
    expect(glueMetrics("cola", pairs)).toEqual({ matthews_correlation: 1 / Math.sqrt(3) }); // (2 · 1 − 1 · 0) / √(3 · 2 · 2 · 1)
    const scores = { predictions: [1, 2, 4], references: [0.5, 2.5, 4.5] };
    // Σ dx dy = 7 − … by hand: dx = (−4, −1, 5)/3, dy = (−2, 0, 2), so r = 6 / √(14/3 · 8)
    expect(glueMetrics("stsb", scores)).toEqual({
      pearson: expect.closeTo(6 / Math.sqrt((14 / 3) * 8), 14),
      spearmanr: expect.closeTo(1, 14),
      combined_score: expect.closeTo((1 + 6 / Math.sqrt((14 / 3) * 8)) / 2, 14),
    });
  });
});
