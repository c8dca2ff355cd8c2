import { expect, test } from "vitest";
import type { ExplorerGap } from "../../src/explorer/explorerResult.ts";
import { gapAnswers } from "../../src/explorer/scenes/answers.ts";

/** Answers beside those that they are compared with. */
const gapOf = (probabilities: Readonly<Record<string, number>>): ExplorerGap => ({
  ...{ position: 3, output: "predictionLogits", row: 0, areAsked: false, truth: null, entropy: 1 },
  answers: Object.entries(probabilities).map(([piece, probability], n) => ({
    ...{ id: piece.charCodeAt(0), piece, logit: 0, probability, rank: n + 1 },
  })),
});
const NOW = gapOf({ a: 0.5, b: 0.25, c: 0.125, d: 0.0625 });
const BEFORE = gapOf({ a: 0.25, c: 0.5, d: 0.0627, x: 0.1 });

test("arrows tell by how many points an answer has changed, thin bars what it was", () => {
  const { shapes, legend } = gapAnswers(NOW, { gap: BEFORE, name: "the answers before" }, 400);
  const texts = shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));
  expect(texts.filter((text) => /^([▲▼] |new$|=$)/u.test(text))).toEqual(["▲ 25.0", "new", "▼ 37.5", "="]);
  const thin = shapes.filter((shape) => shape.kind === "rule" && shape.tone === "quiet");
  expect(thin.map((shape) => shape.kind === "rule" && shape.width)).toEqual([100, 200, 400 * 0.0627]);
  expect(legend.slice(-2)).toEqual([
    "Arrows, in percentage points, and thin bars: against the answers before.",
    "“new” was not among those answers.",
  ]);
});

test("without such there are none", () => {
  const { shapes, legend } = gapAnswers(NOW, null, 400);
  expect(shapes.some((shape) => shape.kind === "text" && /[▲▼=]|new/u.test(shape.text))).toBe(false);
  expect(shapes.some((shape) => shape.kind === "rule" && shape.tone === "quiet")).toBe(false);
  expect(legend.length).toBe(1);
});

test("beside pieces that were asked for nothing is new: what was not asked for is not known", () => {
  for (const [now, before] of [
    [{ ...NOW, areAsked: true }, BEFORE],
    [NOW, { ...BEFORE, areAsked: true }],
  ]) {
    // biome-ignore format: one line
    const { shapes, legend } = gapAnswers(now, { gap: before, name: "what was kept" }, 400);
    const texts = shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));
    expect(texts.filter((text) => /^([▲▼] |new$|=$)/u.test(text))).toEqual(["▲ 25.0", "▼ 37.5", "="]);
    expect(legend.join()).not.toContain("new");
  }
});
