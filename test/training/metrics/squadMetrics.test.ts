import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalizeAnswer, squadMetrics, squadV2Metrics } from "../../../src/training/metrics/squadMetrics.ts";
import { golden } from "./golden.ts";

const referencesOf = (answers: Record<string, string[]>) =>
  Object.entries(answers).map(([id, texts]) => ({ id, answers: texts.map((text) => ({ text })) }));
const mapOf = <T>(object: Record<string, T>) => new Map(Object.entries(object));

describe("against the official script's Python", () => {
  test("normalizeAnswer: articles beside letters of all sorts, every kind of whitespace", () => {
    for (const [text, want] of golden.normalized) expect(normalizeAnswer(text), JSON.stringify(text)).toBe(want);
  });

  test("version 1.1", () => {
    for (const { answers, predictions, exact_match, f1 } of golden.squad) {
      const got = squadMetrics({ predictions: mapOf(predictions), references: referencesOf(answers) });
      expect(got.exact_match).toBeCloseTo(exact_match, 12);
      expect(got.f1).toBeCloseTo(f1, 12);
    }
  });

  test("version 2.0, with thresholds", () => {
    for (const { answers, predictions, probabilities, threshold, metrics } of golden.squad_v2) {
      const got = squadV2Metrics({
        predictions: mapOf(predictions),
        references: referencesOf(answers),
        noAnswerThreshold: threshold,
        ...(probabilities && { noAnswerProbabilities: mapOf(probabilities) }),
      });
      expect(Object.keys(got).sort()).toEqual(Object.keys(metrics).sort());
      for (const [name, want] of Object.entries(metrics)) expect(got[name as "f1"], name).toBeCloseTo(want, 12);
    }
    const names = new Set(golden.squad_v2.flatMap(({ metrics }) => Object.keys(metrics)));
    expect(names.size).toBe(13);
  });
});

describe("by hand", () => {
  test("normalizeAnswer", () => {
    expect(normalizeAnswer("The  U.S. Army's")).toBe("us armys");
    expect(normalizeAnswer("a-n")).toBe("");
    expect(normalizeAnswer("ça añ Theß an1")).toBe("ça añ theß an1"); // articles only between what are no letters or digits
    expect(normalizeAnswer("thé an l’a")).toBe("thé l’"); // é is a letter, ’ is not and is no ASCII punctuation
  });

  test("F1 is that of the best reference, words counted as often as they stand", () => {
    const references = [{ id: "q", answers: [{ text: "big big dog" }, { text: "cat" }] }];
    const f1 = (text: string) => squadMetrics({ predictions: new Map([["q", text]]), references });
    expect(f1("big dog")).toEqual({ exact_match: 0, f1: expect.closeTo(100 * ((2 * 1 * (2 / 3)) / (1 + 2 / 3)), 12) });
    expect(f1("big big big cat")).toEqual({
      exact_match: 0,
      f1: expect.closeTo(100 * ((2 * (2 / 4) * (2 / 3)) / (2 / 4 + 2 / 3)), 12),
    });
    expect(f1("the Cat!")).toEqual({ exact_match: 100, f1: 100 });
    expect(f1("")).toEqual({ exact_match: 0, f1: 0 });
  });

  test("answers without a word: version 1.1 finds nothing in common, version 2 finds them equal", () => {
    const pairs = { predictions: new Map([["q", "an"]]), references: [{ id: "q", answers: [{ text: "The" }] }] };
    expect(squadMetrics(pairs)).toEqual({ exact_match: 100, f1: 0 });
    expect(squadV2Metrics(pairs)).toMatchObject({ exact: 100, f1: 100, HasAns_total: 1 });
  });

  test("the best threshold lies after the last answer that is worth giving", () => {
    const references = referencesOf({ a: ["x"], b: [], c: ["y"], d: [] });
    const got = squadV2Metrics({
      predictions: mapOf({ a: "x", b: "wrong", c: "y", d: "" }),
      references,
      noAnswerProbabilities: mapOf({ a: 0.1, b: 0.9, c: 0.4, d: 0.8 }),
    });
    expect(got).toEqual({
      ...{ exact: 75, f1: 75, total: 4, HasAns_exact: 100, HasAns_f1: 100, HasAns_total: 2 },
      ...{ NoAns_exact: 50, NoAns_f1: 50, NoAns_total: 2 },
      ...{ best_exact: 100, best_exact_thresh: 0.4, best_f1: 100, best_f1_thresh: 0.4 },
    });
  });
});

test("a question's own answer is always right, and the best threshold at least as good as none", () => {
  const answers = fc.dictionary(fc.string({ minLength: 1 }), fc.array(fc.string(), { maxLength: 2 }), {
    minKeys: 1,
    maxKeys: 6,
  });
  fc.assert(
    fc.property(answers, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (all, numbers) => {
      const references = referencesOf(all);
      const predictions = new Map(
        Object.entries(all).map(([id, texts]) => [id, texts.find((text) => normalizeAnswer(text) !== "") ?? ""]),
      );
      const noAnswerProbabilities = new Map(Object.keys(all).map((id) => [id, numbers.next().value]));
      expect(squadV2Metrics({ predictions, references })).toMatchObject({ exact: 100, f1: 100 });
      const worse = new Map([...predictions].map(([id, text], i) => [id, i % 2 ? text : "…"]));
      const got = squadV2Metrics({ predictions: worse, references, noAnswerProbabilities });
      expect(got.best_exact).toBeGreaterThanOrEqual(got.exact);
    }),
  );
});

describe("errors", () => {
  const references = [{ id: "q1", answers: [] }];
  test.each([
    [
      () => squadMetrics({ predictions: new Map(), references: [] }),
      "squadMetrics: references must have at least one question, got none",
    ],
    [
      () => squadMetrics({ predictions: new Map([["q1", ""]]), references }),
      'squadMetrics: references "q1" must have an answer',
    ],
    [
      () => squadV2Metrics({ predictions: new Map(), references }),
      'squadV2Metrics: predictions must have an answer for "q1", got none',
    ],
    [
      () => squadV2Metrics({ predictions: new Map([["q1", ""]]), references, noAnswerProbabilities: new Map() }),
      'squadV2Metrics: noAnswerProbabilities must have a number for "q1", got none',
    ],
  ])("%#", (call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }));
  });
});
