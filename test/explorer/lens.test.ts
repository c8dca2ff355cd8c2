import { beforeAll, describe, expect, test } from "vitest";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { stateTaps } from "../../src/explorer/further/layerTaps.ts";
import type { Lens } from "../../src/explorer/further/lens.ts";
import { numbersOf } from "../../src/explorer/scene.ts";
import { lensRanks, lensWords } from "../../src/explorer/scenes/layerLens.ts";
import type { BertOutput, Tensor } from "../../src/index.ts";
import { type Explored, expectTrue, explored, forwardOf, MODELS, small } from "./models.ts";

/** The lens against the head that predicts, a row at a time, and against forward. */
const TEXT = "The door was [MASK], and he looked";
const WITH_HEAD = MODELS.filter(([name]) => name !== "real-bert-tiny");

const lensIn = (result: ExplorerResult): Lens => result.further?.lens as Lens;

/** The hidden states of a result's text, by their taps. */
async function statesOf({ model }: Explored, { tokens }: ExplorerResult): Promise<Map<string, Tensor>> {
  const input = [{ inputIds: tokens.map(({ id }) => id), tokenTypeIds: tokens.map(({ segment }) => segment) }];
  const { hiddenStates = [] } = await model.forward(input, { hiddenStates: true });
  return new Map(stateTaps(model.taps).map((tap, n) => [tap, hiddenStates[n]]));
}

/** What the head makes of each state at a position, [T, V] as far as that row, by the names in references. */
async function truthOf(explored: Explored, result: ExplorerResult, position: number): Promise<BertOutput> {
  const { model } = explored;
  const { hiddenSize: H, vocabSize: V } = model.config;
  const taps = new Map<string, Tensor>();
  for (const [tap, { data }] of await statesOf(explored, result)) {
    const row = { shape: [1, H], data: data.slice(position * H, (position + 1) * H) };
    const rows = new Float32Array(result.tokens.length * V);
    rows.set(model.predictMasked(row).data, position * V);
    taps.set(`predictMasked(${tap})`, { shape: [result.tokens.length, V], data: rows });
  }
  return { taps } as unknown as BertOutput;
}

describe.each(WITH_HEAD)("%s", (_, open) => {
  let model: Explored;
  beforeAll(async () => {
    model = await open();
  });

  test.each([
    ["the first gap", null, []],
    ["a picked token that is not hidden", 2, []],
    ["one that is hidden by a click", 2, [2]],
  ] as const)("%s: every number is the head's at that layer", async (_, picked, masks) => {
    const result = explored(model, TEXT, { pair: "out of the window.", masks, further: { lens: picked } });
    const lens = lensIn(result);
    const position = picked ?? result.gaps[0].position;
    expect(lens.position).toBe(position);
    const truth = await truthOf(model, result, position);
    for (const width of [328, 1120]) {
      for (const scene of [lensWords(lens, width), lensRanks(lens, width)]) {
        const places = expectTrue(scene, truth);
        expect(new Set(places).size).toBe(places.length);
        expect(scene.legend.join(" ")).toContain("off distribution, a hint");
        expect(scene.width).toBe(width);
      }
    }
    expect(lens.layers.map(({ tap }) => `predictMasked(${tap})`)).toEqual([...(truth.taps ?? new Map()).keys()]);
  });

  test("the last row is the model's own logits, to the last bit", async () => {
    const result = explored(model, TEXT, { further: { lens: null } });
    const { position } = lensIn(result);
    const output = await forwardOf(model, result);
    const logits = (output.predictionLogits ?? output.logits) as Tensor;
    const V = model.model.config.vocabSize;
    const { best, followed } = lensIn(result).layers[lensIn(result).layers.length - 1];
    for (const { id, logit } of [...best, ...followed]) expect(logit).toBe(logits.data[position * V + id]);
    expect(best).toEqual(result.gaps[0].answers);
  });

  test("places and probabilities are those of all scores", async () => {
    const result = explored(model, TEXT, { further: { lens: null } });
    const { position, layers } = lensIn(result);
    const truth = await truthOf(model, result, position);
    const V = model.model.config.vocabSize;
    for (const { tap, best, followed } of layers) {
      const all = truth.taps?.get(`predictMasked(${tap})`)?.data.subarray(position * V, (position + 1) * V);
      const scores = [...(all as Float32Array)].map((score, id) => ({ score, id }));
      const known = scores.filter(({ id }) => model.tokenizer.idToToken(id) !== undefined);
      const sum = scores.reduce((total, { score }) => total + Math.exp(score), 0);
      for (const { id, logit, rank, probability } of [...best, ...followed]) {
        const above = known.filter((one) => one.score > logit || (one.score === logit && one.id < id));
        expect(rank).toBe(above.length + 1);
        expect(probability).toBeCloseTo(Math.exp(logit) / sum, 12);
      }
      expect(best.map(({ rank }) => rank)).toEqual(best.map((_, n) => n + 1));
    }
  });
});

describe("the words that are followed", () => {
  const followed = (result: ExplorerResult) => lensIn(result).layers[0].followed.map(({ piece }) => piece);

  test("are the last layer's likeliest, with the token itself or the one that is hidden", async () => {
    const model = await small();
    const result = explored(model, "She opened the door and looked out.", { masks: [4], further: { lens: null } });
    const last = result.gaps[0].answers.slice(0, 3).map(({ piece }) => piece);
    expect(followed(result)).toEqual([...new Set([...last, "door"])]);
    const shown = explored(model, "She opened the door and looked out.", { further: { lens: 2 } });
    expect(followed(shown)).toContain("opened");
  });

  test("are those that are asked for, where there are any; cut ones are told", async () => {
    const targets = ["door", "window", "box", "book"];
    const result = explored(await small(), "She opened the [MASK].", { targets, further: { lens: null } });
    expect(followed(result)).toEqual(targets);
    expect(lensRanks(lensIn(result), 328).legend.join(" ")).toContain("2 of 4 words are shown");
    expect([...numbersOf(lensRanks(lensIn(result), 1120))].length).toBe(5 * 4);
  });
});

test("there is no lens without a gap or a picked token, beyond the text, or without the head", async () => {
  const model = await small();
  expect(explored(model, "the door", { further: { lens: null } }).further?.lens).toBeNull();
  expect(explored(model, "the door", { further: { lens: 99 } }).further?.lens).toBeNull();
  expect(lensIn(explored(model, "the [MASK]", { further: { lens: 99 } })).position).toBe(2);
  const headless = await MODELS[1][1]();
  expect(explored(headless, "the door", { further: { lens: 1 } }).further?.lens).toBeNull();
  expect(explored(model, "the door").further).toBeUndefined();
});
