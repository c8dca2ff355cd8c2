import { describe, expect, test } from "vitest";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { numbersOf, type Scene } from "../../src/explorer/scene.ts";
import { gapAnswers, nextSentence } from "../../src/explorer/scenes/answers.ts";
import { headLines, headMatrix, isShown } from "../../src/explorer/scenes/head.ts";
import { modelMap } from "../../src/explorer/scenes/modelMap.ts";
import { PAIRS } from "../../src/explorer/state.ts";
import { explored, small, stateOf } from "./models.ts";

const model = await small();

/** Every scene of a result, with every number and its place. */
function scenesOf(result: ExplorerResult): unknown {
  const scenes = [
    modelMap(result, 72),
    ...result.attentions.flatMap((_, layer) => [
      headLines(result, stateOf({ layer, head: 1, query: 2 })),
      headMatrix(result, stateOf({ layer, head: 3 })),
    ]),
    ...result.gaps.map((gap) => gapAnswers(gap)),
    nextSentence(result),
  ];
  return scenes.map(
    (scene: Scene | null) => scene && { ...JSON.parse(JSON.stringify(scene)), all: [...numbersOf(scene)] },
  );
}

describe("what was typed and undone", () => {
  test.each([
    ["She opened the [MASK].", "She opened the [MASK].?", ""],
    ["She opened the [MASK].", "", "It was locked."],
    ["a", "a ".repeat(400), "b"],
  ])("%s → %.30s → back: the same scenes", (text, other, pair) => {
    const before = scenesOf(explored(model, text, { pair }));
    expect(scenesOf(explored(model, other, { pair }))).not.toEqual(before);
    expect(scenesOf(explored(model, text, { pair }))).toEqual(before);
  });

  test("a mask that is put and taken", () => {
    const before = scenesOf(explored(model, "the door was shut"));
    expect(scenesOf(explored(model, "the door was shut", { masks: [2] }))).not.toEqual(before);
    expect(scenesOf(explored(model, "the door was shut", { masks: [] }))).toEqual(before);
  });
});

describe("with the two texts in each other's place", () => {
  const [a, b] = ["the door was shut", "a ship came into the harbour [MASK]"];
  const [ab, ba] = [explored(model, a, { pair: b }), explored(model, b, { pair: a })];
  /** The place of a token of either text in the other order; none for [CLS] and [SEP], which stay with their side. */
  const places = mirroredPlaces(ab, ba);

  test("every token has its place", () => {
    expect(places.size).toBe(ab.tokens.filter(({ isSpecial }) => !isSpecial).length);
    for (const [t, m] of places) expect(ba.tokens[m].piece).toBe(ab.tokens[t].piece);
  });

  test.each([
    ["all", "all"],
    ["aa", "bb"],
    ["ab", "ba"],
    ["ba", "ab"],
    ["bb", "aa"],
  ] as const)("%s shows the edges that %s showed", (one, other) => {
    const shown = [...places].flatMap(([i, mi]) => [...places].map(([j, mj]) => [isShown(ab, one, i, j), mi, mj]));
    expect(shown.some(([is]) => is)).toBe(true);
    for (const [is, mi, mj] of shown) expect(isShown(ba, other, mi as number, mj as number)).toBe(is);
  });

  test("each edge is shown by one filter, beside that of all", () => {
    for (let i = 0; i < ab.tokens.length; i++) {
      for (let j = 0; j < ab.tokens.length; j++) {
        const filters = PAIRS.filter((pairs) => isShown(ab, pairs, i, j));
        expect(filters.length).toBe(2);
        expect(filters).toContain("all");
      }
    }
  });
});

function mirroredPlaces(ab: ExplorerResult, ba: ExplorerResult): Map<number, number> {
  const ofText = ({ tokens }: ExplorerResult, segment: number) =>
    [...tokens.keys()].filter((t) => !tokens[t].isSpecial && tokens[t].segment === segment);
  const places = new Map<number, number>();
  for (const segment of [0, 1]) {
    const mirrored = ofText(ba, 1 - segment);
    for (const [n, t] of ofText(ab, segment).entries()) places.set(t, mirrored[n]);
  }
  return places;
}
