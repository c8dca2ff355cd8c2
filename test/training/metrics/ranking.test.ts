import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Pairs } from "../../../src/training/metrics/pairs.ts";
import { rankingMetrics } from "../../../src/training/metrics/ranking.ts";
import { averagePrecision, relevanceMetrics } from "../../../src/training/metrics/relevance.ts";

type Numbers = Pairs<number>;
interface Golden {
  readonly relevance: readonly (Numbers & { readonly metrics: Readonly<Record<string, number>> })[];
  readonly ranking: readonly {
    readonly atK: number;
    readonly queries: readonly Numbers[];
    readonly metrics: Readonly<Record<string, number>>;
  }[];
}
const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "..", "reference", "relevance.json"), "utf8"));

describe("against the evaluators of sentence-transformers 6.2.0", () => {
  test("CrossEncoderClassificationEvaluator: thresholds to the bit", () => {
    for (const { metrics, ...pairs } of golden.relevance) {
      const got = relevanceMetrics(pairs);
      expect(Object.keys(got)).toEqual(Object.keys(metrics));
      for (const [name, value] of Object.entries(got)) {
        if (name.endsWith("threshold")) expect(value, name).toBe(metrics[name]);
        else expect(value, name).toBeCloseTo(metrics[name], 14);
      }
      expect(averagePrecision(pairs)).toBe(got.average_precision);
    }
    expect(golden.relevance.length).toBe(60);
    expect(golden.relevance.some(({ references }) => Array.from(references).every((y) => y === 0))).toBe(true);
  });

  test("CrossEncoderRerankingEvaluator: MAP, MRR and nDCG", () => {
    for (const { atK, queries, metrics } of golden.ranking) {
      const got = rankingMetrics(queries, { atK });
      expect(Object.keys(got)).toEqual(Object.keys(metrics));
      for (const [name, value] of Object.entries(got)) expect(value, name).toBeCloseTo(metrics[name], 14);
    }
    expect(golden.ranking.length).toBe(40);
  });
});

describe("by hand", () => {
  test("of equal scores the relevant ones stand last in MRR, and share the mean of gains in nDCG", () => {
    const got = rankingMetrics([{ predictions: [0.5, 0.5, 0.1], references: [1, 0, 0] }]);
    expect(got["mrr@10"]).toBe(1 / 2);
    expect(got["ndcg@10"]).toBeCloseTo((1 + 1 / Math.log2(3)) / 2, 14);
    expect(got.map).toBe(1 / 2);
  });

  test("a query alone, and one without anything relevant", () => {
    expect(rankingMetrics([{ predictions: [0.5], references: [1] }])).toEqual({ map: 1, "mrr@10": 1, "ndcg@10": 1 });
    expect(rankingMetrics([{ predictions: [0.5, 1], references: [0, 0] }])).toEqual({ map: 0, "mrr@10": 0, "ndcg@10": 0 }); // biome-ignore format: one line
  });

  test.each([
    [{ predictions: [1], references: [0.5] }, "references[0] must be 0 or 1, got 0.5"],
    [{ predictions: [Number.NaN], references: [1] }, "predictions[0] must be a finite number, got NaN"],
    [{ predictions: [], references: [] }, "there must be as many predictions as references, at least 1, got 0 and 0"],
    [{ predictions: [1, 2], references: [1] }, "there must be as many predictions as references, at least 1, got 2 and 1"], // biome-ignore format: one line
  ])("%j is refused", (pairs, message) => {
    expect(() => relevanceMetrics(pairs)).toThrow(`relevanceMetrics: ${message}`);
    expect(() => averagePrecision(pairs)).toThrow(`averagePrecision: ${message}`);
  });

  test("no query, and no k", () => {
    expect(() => rankingMetrics([])).toThrow("rankingMetrics: there must be as many predictions as references");
    expect(() => rankingMetrics([{ predictions: [1], references: [1] }], { atK: 0 })).toThrow("rankingMetrics: atK must be a whole number from 1, got 0"); // biome-ignore format: one line
  });
});
