import { afterAll, describe, expect, test } from "vitest";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import type { Scene } from "../../src/explorer/scene.ts";
import { gapAnswers, nextSentence } from "../../src/explorer/scenes/answers.ts";
import { BertTokenizer, type FillMaskPrediction, pipeline } from "../../src/index.ts";
import { explored, MODELS, small, tiny } from "./models.ts";

const unmask = await pipeline("fill-mask", undefined, { backend: "plain" });
const isNext = await pipeline("next-sentence-prediction", undefined, { backend: "plain" });
afterAll(() => Promise.all([unmask.dispose(), isNext.dispose()]));
const model = await small();

/** The pieces and percentages that a scene shows, from top to bottom. */
function rowsOf({ shapes }: Scene): (readonly [piece: string, percent: string])[] {
  const texts = shapes.filter((shape) => shape.kind === "text").sort((a, b) => a.y - b.y || a.x - b.x);
  const pieces = texts.filter(({ align }) => align === "left");
  const percents = texts.filter(({ text, align }) => align === "right" && text.endsWith(" %"));
  expect(pieces.map(({ y }) => y)).toEqual(percents.map(({ y }) => y));
  return pieces.map(({ text }, n) => [text, percents[n].text]);
}

const percentOf = (score: number): string => `${(100 * score).toFixed(2)} %`;

describe("what fits is what the pipeline says", () => {
  test.each([
    "She opened the [MASK] and looked out.",
    "The [MASK] came into the [MASK].",
    "[MASK]",
    "un[MASK]able, \u{1f600} and [MASK] [MASK]!",
  ])("%s", async (text) => {
    const wanted = (await unmask(text, { top_k: 8 })) as unknown[];
    const perGap = (Array.isArray(wanted[0]) ? wanted : [wanted]) as FillMaskPrediction[][];
    const { gaps } = explored(model, text);
    expect(gaps.length).toBe(perGap.length);
    for (const [n, gap] of gaps.entries()) {
      expect(gap.answers.map(({ id }) => id)).toEqual(perGap[n].map(({ token }) => token));
      for (const [m, { probability }] of gap.answers.entries()) {
        expect(Math.abs(probability / perGap[n][m].score - 1)).toBeLessThanOrEqual(1e-12);
      }
      const rows = perGap[n].map(({ token_str, score }) => [token_str, percentOf(score)]);
      expect(rowsOf(gapAnswers(gap))).toEqual(rows);
    }
  });

  test.each([
    ["She opened the [MASK] and looked out.", ["window", "door", "##s", "."]],
    ["The [MASK] came into the [MASK].", ["ship"]],
  ])("%s, of these pieces: %j", async (text, targets) => {
    const wanted = (await unmask(text, { targets, top_k: targets.length })) as unknown[];
    const perGap = (Array.isArray(wanted[0]) ? wanted : [wanted]) as FillMaskPrediction[][];
    const all = explored(model, text, { top: 100_000 }).gaps;
    const { gaps, unknownTargets } = explored(model, text, { targets: ["xyzzy", ...targets] });
    expect(unknownTargets).toEqual(["xyzzy"]);
    for (const [n, gap] of gaps.entries()) {
      expect(gap.answers.map(({ id }) => id)).toEqual(perGap[n].map(({ token }) => token));
      const rows = gap.answers.map(({ id, piece, rank, probability }, m) => {
        expect(Math.abs(probability / perGap[n][m].score - 1)).toBeLessThanOrEqual(1e-12);
        expect(all[n].answers[rank - 1].id).toBe(id);
        return [`${piece} #${rank}`, percentOf(probability)];
      });
      expect(rowsOf(gapAnswers(gap))).toEqual(rows);
      expect(gap.entropy).toBe(all[n].entropy);
    }
  });

  test("of pieces that are none: all", () => {
    const { gaps, unknownTargets } = explored(model, "The [MASK]", { targets: ["xyzzy", "[[", "Door door"] });
    expect(unknownTargets).toEqual(["xyzzy", "[[", "Door door"]);
    expect(gaps).toEqual(explored(model, "The [MASK]").gaps);
    expect(explored(model, "The [MASK]").unknownTargets).toEqual([]);
  });

  test("in a model with more rows than tokens these are no answer, but count", async () => {
    const { model: large, tokenizer } = await tiny();
    const few = BertTokenizer.fromVocabulary(Array.from({ length: 30 }, (_, id) => tokenizer.idToToken(id) as string));
    const all = explored({ model: large, tokenizer }, "the [MASK]", { top: 211 }).gaps[0];
    const shown = explored({ model: large, tokenizer: few }, "the [MASK]", { top: 211 }).gaps[0];
    const those = all.answers.filter(({ id }) => id < 30);
    expect(shown.answers).toEqual(those.map((answer, n) => ({ ...answer, rank: n + 1 })));
    expect(shown.answers.length).toBe(30);
    expect(shown.entropy).toBe(all.entropy);
  });
});

describe("whether the second text follows is what the pipeline says", () => {
  test.each([
    ["She went to the door.", "It was locked."],
    ["It was locked.", "Green ideas sleep in the sea of three ships."],
    ["a", "[MASK]"],
  ])("%s | %s", async (text, pair) => {
    const wanted = await isNext(text, pair, { top_k: null });
    const score = (label: string) => wanted.find((one) => one.label === label)?.score as number;
    const scene = nextSentence(explored(model, text, { pair })) as Scene;
    const rows = [["It follows", percentOf(score("IsNext"))], ["It does not", percentOf(score("NotNext"))]]; // biome-ignore format: one line
    expect(rowsOf(scene)).toEqual(rows);
    const strong = scene.shapes.flatMap((shape) =>
      shape.kind === "text" && shape.tone === "strong" ? [shape.text] : [],
    );
    expect(strong).toEqual([score("IsNext") >= 0.5 ? "It follows" : "It does not"]);
  });

  test("without a second text nothing is said", () => {
    expect(nextSentence(explored(model, "She went to the door."))).toBeNull();
  });
});

describe("models of one head", () => {
  const [text, pair, masks] = ["She went to the door.", "It was locked.", [2]];
  const both = explored(model, text, { pair, masks });

  test("that predicts tokens: the same answers, of its own output", () => {
    const { gaps, nextSentence: next } = explored(unmask, text, { pair, masks });
    expect(both.gaps.map(({ output }) => output)).toEqual(["predictionLogits"]);
    expect(gaps).toEqual(both.gaps.map((gap) => ({ ...gap, output: "logits" })));
    expect(next).toBeNull();
  });

  test("that says whether a text follows: the same answer, of its own output", () => {
    const { gaps, nextSentence: next } = explored(isNext, text, { pair, masks });
    expect(gaps).toEqual([]);
    expect(both.nextSentence?.output).toBe("seqRelationshipLogits");
    expect(next).toEqual({ ...both.nextSentence, output: "logits" });
  });

  test("that classifies: neither, whatever is masked", async () => {
    const result = explored(await MODELS[1][1](), "the door", { masks: [1], pair: "was" });
    expect([result.gaps, result.nextSentence]).toEqual([[], null]);
    expect(result.tokens[1]).toMatchObject({ isMasked: true, piece: "[MASK]" });
  });
});

describe("a token hidden by a click is one written as [MASK]", () => {
  const without = ({ request, milliseconds, tokens, gaps, ...rest }: ExplorerResult) => ({
    ...rest,
    gaps: gaps.map(({ truth, ...gap }) => gap),
    tokens: tokens.map(({ span, word, isSpecial, hidden, ...token }) => token), // of other characters
  });

  test.each([
    ["the cat sat on the mat", ""],
    ["the door was shut", "and the ship came in"],
  ])("%s | %s", (text, pair) => {
    const words = text.split(" ");
    for (const [n, word] of words.entries()) {
      const position = n + 1;
      expect(explored(model, text, { pair }).tokens[position].piece).toBe(word);
      const written = words.with(n, "[MASK]").join(" ");
      const clicked = explored(model, text, { pair, masks: [position] });
      expect(without(clicked)).toEqual(without(explored(model, written, { pair })));
      expect(clicked.gaps.map((gap) => gap.position)).toEqual([position]);
    }
  });

  test("but for what is hidden, which is named with its place and probability", () => {
    const V = model.model.config.vocabSize;
    const { gaps } = explored(model, "the door quickly was shut by", { masks: [1, 2, 3, 6], top: V });
    for (const { answers, truth, ...gap } of gaps) {
      const n = answers.findIndex(({ id }) => id === truth?.id);
      expect(truth).toEqual({ id: answers[n].id, piece: answers[n].piece, rank: n + 1, probability: answers[n].probability }); // biome-ignore format: one line
      const { legend } = gapAnswers({ ...gap, truth, answers: answers.slice(0, 8) });
      const percent = percentOf(answers[n].probability);
      expect(legend).toContain(`✓ is what is hidden: “${answers[n].piece}”, place ${n + 1}, ${percent}.`);
    }
    expect(gaps.length).toBe(4);
    expect(gaps.some(({ truth }) => (truth?.rank ?? 0) > 8)).toBe(true);
    expect(explored(model, "the [MASK]").gaps[0].truth).toBeNull();
  });

  test("several at once, and those of the second text", () => {
    const clicked = explored(model, "the door was shut", { pair: "the ship came", masks: [2, 4, 7] });
    const written = explored(model, "the [MASK] was [MASK]", { pair: "the [MASK] came" });
    expect(without(clicked)).toEqual(without(written));
    expect(clicked.gaps.length).toBe(3);
  });

  test("[CLS], [SEP] and positions that there are not stay as they are", () => {
    const plainly = explored(model, "the door", { pair: "was shut" });
    const clicked = explored(model, "the door", { pair: "was shut", masks: [0, 3, 6, 7, 99_999] });
    expect(without(clicked)).toEqual(without(plainly));
  });
});
