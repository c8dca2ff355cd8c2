import { describe, expect, test } from "vitest";
import { entropyOf } from "../../src/explorer/entropy.ts";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { added, KINDS, liftOf, meanOf, type Needle, type Tally, talliesOf } from "../../src/explorer/needles.ts";
import { PROFILE } from "../../src/explorer/profile.ts";
import { numbersOf } from "../../src/explorer/scene.ts";
import { badgePicture, headsPicture, rankedByPair, rankedHeads } from "../../src/explorer/scenes/badges.ts";
import { headOrder } from "../../src/explorer/scenes/order.ts";
import type { Bert } from "../../src/index.ts";
import { explored, MODELS, small } from "./models.ts";

/** What heads do, against sums over the attention that are written out here. */
const model = await small();
const result = explored(model, "The carpenter, the screwdriver and the carpenter.", {
  ...{ pair: "The king [MASK] the carpenter.", masks: [] },
});
const T = result.tokens.length;
const text = result.tokens.map(({ piece }) => piece);

/** The keys of a query, by the names of pieces and by their positions. */
const KEYS: Readonly<Record<Exclude<Needle, "distance" | "entropy">, (i: number) => number[]>> = {
  previous: (i) => (i > 0 ? [i - 1] : []),
  next: (i) => (i < T - 1 ? [i + 1] : []),
  self: (i) => [i],
  cls: () => [0],
  sep: () => positions((piece) => piece === "[SEP]"),
  punctuation: () => positions((piece) => piece === "," || piece === "."),
  pieces: (i) => positions((_, j) => j !== i && wordOf(i) !== null && wordOf(i) === wordOf(j)),
  same: (i) => positions((piece, j) => j !== i && piece === text[i] && !piece.startsWith("[")),
  other: (i) =>
    positions((piece, j) => result.tokens[j].segment !== result.tokens[i].segment && !/^\[(SEP|CLS)\]$/.test(piece)),
  mask: () => positions((piece) => piece === "[MASK]"),
};
const positions = (is: (piece: string, j: number) => boolean): number[] =>
  text.flatMap((piece, j) => (is(piece, j) ? [j] : []));
/** A word of a text, by where its first piece begins: pieces that go on with one have ## before them. */
function wordOf(j: number): number | null {
  if (result.tokens[j].isSpecial) return null;
  let first = j;
  while (text[first].startsWith("##")) first--;
  return first;
}

const at = (layer: number, head: number, i: number, j: number) => result.attentions[layer][(head * T + i) * T + j];

describe("a head's badge", () => {
  test("the text has every kind of key", () => {
    expect(text.filter((piece) => piece.startsWith("##")).length).toBeGreaterThan(2);
    for (const keys of Object.values(KEYS)) expect(text.some((_, i) => keys(i).length > 0)).toBe(true);
  });

  test.each(Object.entries(KEYS))("%s: the mean over the rows that have such keys, and its lift", (needle, keysOf) => {
    const tallies = talliesOf(result, needle as Needle);
    const rows = text.flatMap((_, i) => (keysOf(i).length > 0 ? [i] : []));
    const even = rows.reduce((sum, i) => sum + keysOf(i).length / T, 0) / rows.length;
    for (const [layer, own] of tallies.entries()) {
      for (const [head, tally] of own.entries()) {
        const mean =
          rows.reduce((sum, i) => sum + keysOf(i).reduce((all, j) => all + at(layer, head, i, j), 0), 0) / rows.length;
        expect(tally.rows).toBe(rows.length);
        expect(meanOf(tally)).toBeCloseTo(mean, 9);
        expect(liftOf(tally)).toBeCloseTo(mean / even, 6);
      }
    }
  });

  test("distance and entropy", () => {
    const [distances, entropies] = [talliesOf(result, "distance"), talliesOf(result, "entropy")];
    const mean = (of: (i: number) => number) => text.reduce((sum, _, i) => sum + of(i), 0) / T;
    for (let layer = 0; layer < 4; layer++) {
      for (let head = 0; head < 4; head++) {
        const far = (p: (i: number, j: number) => number) =>
          mean((i) => text.reduce((sum, _, j) => sum + p(i, j) * Math.abs(i - j), 0));
        const [own, even] = [far((i, j) => at(layer, head, i, j)), far(() => 1 / T)];
        expect(meanOf(distances[layer][head])).toBeCloseTo(own, 5);
        expect(liftOf(distances[layer][head])).toBeCloseTo(own / even, 5);
        const start = (head * T * T) | 0;
        const entropy = mean((i) => entropyOf(result.attentions[layer].subarray(start + i * T, start + (i + 1) * T)));
        expect(meanOf(entropies[layer][head])).toBeCloseTo(entropy, 9);
        expect(liftOf(entropies[layer][head])).toBeCloseTo(entropy / Math.log(T), 9);
      }
    }
  });

  test.each(["previous", "next", "self", "cls", "sep"] as const)("%s is what the map orders by", (needle) => {
    const order = headOrder(result, { sort: needle, query: null, key: null });
    const ranked = rankedHeads(talliesOf(result, needle), null, needle);
    expect(ranked.map(({ layer, head }) => [layer, head])).toEqual(order.map(({ layer, head }) => [layer, head]));
    for (const [n, { own }] of ranked.entries()) expect(own.mean).toBeCloseTo(order[n].score as number, 9);
  });

  test("a kind that a text does not have is none, and no number", () => {
    const plain = explored(model, "the door");
    for (const needle of ["pieces", "same", "other", "mask", "punctuation"] as const) {
      const tallies = talliesOf(plain, needle);
      expect(tallies.flat().map(meanOf)).toEqual(Array(16).fill(null));
      expect(tallies.flat().map(liftOf)).toEqual(Array(16).fill(null));
    }
    const scene = badgePicture(badgesOf(plain, 0, 0), { layer: 0, head: 0 }, null);
    expect([...numbersOf(scene)].length).toBe(KINDS.length - 5);
  });

  test("several texts add up to rows, not to means of means", () => {
    const [one, two]: Tally[] = [
      { rows: 3, sum: 1.5, even: 0.5 },
      { rows: 1, sum: 0.1, even: 0.5 },
    ];
    expect(meanOf(added(one, two))).toBe(0.4);
    expect(liftOf(added(one, two))).toBe(1.6);
  });

  test("a model of random weights does nothing above chance, but by chance", async () => {
    const random = explored(await MODELS[0][1](), "the door was shut and the ship came in , he said .");
    for (const needle of ["previous", "next", "self", "cls", "sep", "same"] as const)
      for (const tally of talliesOf(random, needle).flat()) expect(liftOf(tally)).toBeLessThan(4); // of a trained head 15
  });
});

const badgesOf = (of: ExplorerResult, layer: number, head: number) =>
  Object.fromEntries(KINDS.map((needle) => [needle, talliesOf(of, needle)[layer][head]])) as Record<Needle, Tally>;

describe("the pictures", () => {
  test.each(KINDS)("%s: heads in order, each number its mean", (needle) => {
    const tallies = talliesOf(result, needle);
    const order = rankedHeads(tallies, PROFILE, needle);
    for (const width of [328, 520]) {
      const shown = [...numbersOf(headsPicture(order, needle, PROFILE, width))];
      expect(
        shown.map(({ value, ref: { tap, at: place } }) => [tap, meanOf(tallies[place[0]][place[1]]) === value]),
      ).toEqual(Array(16).fill([needle, true]));
      expect(new Set(shown.map(({ ref }) => String(ref.at))).size).toBe(16);
      for (const shape of headsPicture(order, needle, null, width).shapes) {
        if (shape.kind !== "bar") continue;
        const tally = tallies[shape.ref.at[0]][shape.ref.at[1]];
        const full = needle === "entropy" ? Math.log(T) : needle === "distance" ? T - 1 / T : 1;
        expect(shape.width).toBeCloseTo((width * (meanOf(tally) as number)) / full, 4);
      }
      const sign = needle === "entropy" || needle === "distance" ? 1 : -1;
      expect(shown.map(({ value }) => sign * value)).toEqual(
        shown.map(({ value }) => sign * value).sort((a, b) => a - b),
      );
    }
  });

  test("the picked pair: heads by its probability, which is forward's", () => {
    const order = rankedByPair(result, 3, 6);
    for (const { layer, head, own } of order) expect(own.mean).toBe(at(layer, head, 3, 6));
    expect(order.map(({ own }) => own.mean)).toEqual(
      headOrder(result, { sort: "pair", query: 3, key: 6 }).map(({ score }) => score),
    );
    expect([...numbersOf(headsPicture(order, "pair", null))].map(({ value }) => value)).toEqual(
      order.map(({ own }) => own.mean),
    );
  });

  test("of more heads the first are shown, and it is said", () => {
    const tallies = Array.from({ length: 12 }, (_, layer) =>
      Array.from({ length: 12 }, (_none, head) => ({ rows: 1, sum: (layer * 12 + head) / 200, even: 0.1 })),
    );
    const scene = headsPicture(rankedHeads(tallies, null, "next"), "next", null);
    expect([...numbersOf(scene)].length).toBe(16);
    expect(scene.legend.join(" ")).toContain("16 of 144 heads are shown");
    expect(scene.legend.join(" ")).toContain("no profile of this model");
  });
});

describe("the profile", () => {
  test("is of the small model, has every head and kind, and only numbers that can be", () => {
    expect(PROFILE.fingerprint).toBe((model.model as Bert).fingerprint);
    expect(PROFILE.passages).toBe(200);
    expect(Object.keys(PROFILE.badges)).toEqual(KINDS);
    for (const [needle, layers] of Object.entries(PROFILE.badges)) {
      expect(layers.map((own) => own.length)).toEqual([4, 4, 4, 4]);
      for (const { mean, lift } of layers.flat()) {
        expect(mean).toBeGreaterThanOrEqual(0);
        expect(mean).toBeLessThanOrEqual(needle === "distance" ? 128 : needle === "entropy" ? Math.log(128) : 1);
        expect(lift).toBeGreaterThanOrEqual(0);
      }
    }
  });

  test("knows the heads that a text shows: the one of the token before and the one of the token after", () => {
    for (const needle of ["previous", "next"] as const) {
      const [here] = rankedHeads(talliesOf(result, needle), PROFILE, needle);
      expect(here.profile?.mean).toBe(Math.max(...PROFILE.badges[needle].flat().map(({ mean }) => mean ?? 0)));
      expect(here.profile?.mean).toBeGreaterThan(0.9);
    }
  });
});
