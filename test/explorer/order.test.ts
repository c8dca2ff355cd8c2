import { describe, expect, test } from "vitest";
import { entropyOf } from "../../src/explorer/entropy.ts";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { clearestHead, habitOf, headOrder, SORT_LEGENDS, SORT_NAMES } from "../../src/explorer/scenes/order.ts";
import { SORTS } from "../../src/explorer/state.ts";
import { explored, small } from "./models.ts";

/** The order of the heads, against what it is said to go by. */
const model = await small();
const result = explored(model, "The storm broke the old bridge.", { pair: "The [MASK] was cut off." });
const T = result.tokens.length;

/** The probabilities of a head by query and key. */
const rowsOf = ({ attentions }: ExplorerResult, layer: number, head: number): number[][] =>
  Array.from({ length: T }, (_, i) => [...attentions[layer].subarray((head * T + i) * T, (head * T + i + 1) * T)]);
const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
const SEPS = [...result.tokens.keys()].filter((t) => result.tokens[t].piece === "[SEP]");

const SCORES: Readonly<Record<(typeof SORTS)[number], (rows: number[][]) => number>> = {
  place: () => 0,
  sharp: (rows) =>
    mean(rows.map((row) => row.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0))) / Math.log(T),
  previous: (rows) => mean(rows.slice(1).map((row, n) => row[n])),
  next: (rows) => mean(rows.slice(0, -1).map((row, n) => row[n + 1])),
  self: (rows) => mean(rows.map((row, n) => row[n])),
  cls: (rows) => mean(rows.map((row) => row[0])),
  sep: (rows) => mean(rows.map((row) => SEPS.reduce((sum, j) => sum + row[j], 0))),
  pair: (rows) => rows[3][6],
};

describe("the heads", () => {
  test("the text has two [SEP]", () => expect(SEPS.length).toBe(2));

  test.each(SORTS.filter((sort) => sort !== "place"))("by %s: each once, the most first", (sort) => {
    const order = headOrder(result, { sort, query: 3, key: 6 });
    expect(new Set(order.map(({ layer, head }) => `${layer} ${head}`)).size).toBe(16);
    for (const { layer, head, score } of order)
      expect(score).toBeCloseTo(SCORES[sort](rowsOf(result, layer, head)), 12);
    const scores = order.map(({ score }) => score as number);
    const sorted = [...scores].sort((a, b) => (sort === "sharp" ? a - b : b - a));
    expect(scores).toEqual(sorted);
    expect(new Set(scores).size).toBeGreaterThan(8);
    expect(SORT_NAMES[sort]).toBeTruthy();
    expect(SORT_LEGENDS[sort]).toBeTruthy();
  });

  test.each([
    ["place", 3, 6],
    ["pair", null, 6],
    ["pair", 3, null],
  ] as const)("by %s with query %s and key %s: by layer and head", (sort, query, key) => {
    const places = Array.from({ length: 16 }, (_, n) => ({ layer: Math.floor(n / 4), head: n % 4, score: null }));
    expect(headOrder(result, { sort, query, key })).toEqual(places);
  });

  test("each is told by what it does most", () => {
    for (let layer = 0; layer < 4; layer++) {
      for (let head = 0; head < 4; head++) {
        const rows = rowsOf(result, layer, head);
        const habits = (["previous", "next", "self", "cls", "sep"] as const).map(
          (sort) => [SCORES[sort](rows), sort] as const,
        );
        const [score, sort] = habits.reduce((best, next) => (next[0] > best[0] ? next : best));
        const percent = Math.round(100 * score);
        expect(habitOf(result, layer, head)).toBe(
          `${percent} % to ${SORT_NAMES[sort]}, entropy ${SCORES.sharp(rows).toFixed(2)} of ln T`,
        );
      }
    }
  });

  test("the clearest has the largest mean of its rows' maxima, the first where all are alike", () => {
    const clear = Array.from({ length: 16 }, (_, n) =>
      mean(rowsOf(result, Math.floor(n / 4), n % 4).map((row) => Math.max(...row))),
    );
    const n = clear.indexOf(Math.max(...clear));
    expect(n).toBeGreaterThan(0);
    expect(clearestHead(result)).toEqual({ layer: Math.floor(n / 4), head: n % 4 });
    const alike = result.attentions.map((data) => new Float32Array(data.length).fill(1 / T));
    expect(clearestHead({ ...result, attentions: alike })).toEqual({ layer: 0, head: 0 });
  });

  test("a row of one key has no entropy, an even one ln T", () => {
    expect(entropyOf(Float32Array.of(0, 1, 0))).toBe(0);
    expect(entropyOf(new Float32Array(8).fill(0.125))).toBeCloseTo(Math.log(8), 12);
  });
});
