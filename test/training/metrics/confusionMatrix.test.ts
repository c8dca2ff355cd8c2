import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { classScores, confusionMatrix, entityConfusion } from "../../../src/training/metrics/confusionMatrix.ts";
import { entityMetrics } from "../../../src/training/metrics/entityMetrics.ts";
import { mostConfused } from "../../../src/training/report/mostConfused.ts";
import { golden } from "./golden.ts";

interface Case {
  readonly counts: number[][];
  /** Precision, recall, F1 and support of each class. */
  readonly scores: [number, number, number, number][];
}

const path = join(import.meta.dirname, "..", "reference", "confusion.json");
const { cases }: { cases: Case[] } = JSON.parse(readFileSync(path, "utf8"));
const NAMES = ["a", "b", "c", "d", "e", "f", "g"];

describe("confusionMatrix", () => {
  test("150 random classifications, as scikit-learn counts them", () => {
    expect(cases.length).toBe(150);
    for (const [i, { counts, scores }] of cases.entries()) {
      const pairs = golden.classification[i];
      const matrix = confusionMatrix(pairs, NAMES);
      const present = [...new Set([...pairs.predictions, ...pairs.references])].sort((a, b) => a - b);
      expect(matrix).toEqual({ labels: present.map((index) => NAMES[index]), counts });
      for (const [c, { precision, recall, f1, support }] of classScores(matrix).entries()) {
        expect(support).toBe(scores[c][3]);
        for (const [s, value] of [precision, recall, f1].entries()) expect(value).toBeCloseTo(scores[c][s], 14);
      }
    }
  });

  test("is refused without an example", () => {
    expect(() => confusionMatrix({ predictions: [], references: [] }, NAMES)).toThrow("at least 1, got 0 and 0");
  });
});

describe("entityConfusion", () => {
  test("by hand: right, another type, other words, missed, made up", () => {
    const references = [
      ["B-PER", "I-PER", "O", "B-LOC"],
      ["B-ORG", "O", "O", "B-LOC"],
    ];
    const predictions = [
      ["B-PER", "I-PER", "O", "B-ORG"],
      ["B-ORG", "I-ORG", "O", "O"],
    ];
    // ORG of words 0 to 1 is not ORG of word 0: one missed, one made up.
    expect(entityConfusion({ predictions, references })).toEqual({
      labels: ["LOC", "ORG", "PER", "O"],
      counts: [
        [0, 1, 0, 1],
        [0, 0, 0, 1],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
      ],
    });
    expect(entityConfusion({ predictions: [["O"]], references: [["O"]] })).toBeNull();
  });

  test("its scores are those of entityMetrics, which seqeval's test is for", () => {
    const tags = golden.entities.map((sentence) => sentence.tags);
    for (let i = 0; i + 1 < tags.length; i += 2) {
      const count = Math.min(tags[i].length, tags[i + 1].length);
      const pairs = { predictions: [tags[i].slice(0, count)], references: [tags[i + 1].slice(0, count)] };
      const matrix = entityConfusion(pairs);
      const scores = matrix ? classScores(matrix).filter(({ label }) => label !== "O") : [];
      const expected = Array.from(entityMetrics(pairs).perType, ([label, own]) => ({ label, ...own }));
      expect(scores).toEqual(expected);
    }
  });
});

describe("mostConfused", () => {
  const labels = ["a", "b", "c", "d"];
  const counts = [
    [9, 0, 3, 0],
    [0, 8, 0, 1],
    [2, 0, 7, 0],
    [0, 0, 0, 6],
  ];

  test("a small matrix stays what it is", () => {
    expect(mostConfused({ labels, counts }, 4)).toEqual({ labels, counts, left: 0 });
  });

  test("of a large one the classes with most mistakes stay, all others are counted together", () => {
    expect(mostConfused({ labels, counts }, 2)).toEqual({
      labels: ["a", "c", "others"],
      counts: [
        [9, 3, 0],
        [2, 7, 0],
        [0, 0, 15],
      ],
      left: 2,
    });
  });
});
