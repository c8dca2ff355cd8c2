import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { SentenceModules } from "../../../src/load/sentenceModules.ts";
import { NO_SETTINGS } from "../../../src/load/sentenceSettings.ts";
import { AS_THE_MODEL } from "../../../src/load/transformerSettings.ts";
import type { BertModel } from "../../../src/runtime/bertModel.ts";
import type { SentenceGroup } from "../../../src/training/data/sentenceExamples.ts";
import { retrievalMetrics } from "../../../src/training/metrics/retrieval.ts";
import type { VectorLossSettings } from "../../../src/training/sentence/vectorLosses.ts";
import { evaluateSentences } from "../../../src/training/tasks/sentenceEvaluation.ts";

/** What sentence-transformers' evaluators say of these vectors: make_embedding_losses.py. */
const golden: {
  readonly vectors: Readonly<Record<string, readonly number[]>>;
  readonly pairs: readonly { anchor: string; positive: string; negative: readonly string[] }[];
  readonly scores: readonly number[];
  readonly metrics: Readonly<Record<string, number>>;
  /** With `truncate_dim`. */
  readonly truncated: Readonly<Record<string, Readonly<Record<string, number>>>>;
} = JSON.parse(readFileSync(join(import.meta.dirname, "../reference/embeddingMetrics.json"), "utf8"));

const [first] = Object.values(golden.vectors);
const TEXTS = Object.keys(golden.vectors);
const sentence: SentenceModules = {
  ...{ ...AS_THE_MODEL, ...NO_SETTINGS, texts: new Map() },
  modules: [{ type: "Pooling", modes: ["mean"], includePrompt: true }],
};

/** A model whose texts have one token, which has the text's vector. */
const model = {
  config: { hiddenSize: first.length, numHiddenLayers: 1 },
  async forward(sequences: readonly { inputIds: ArrayLike<number> }[]) {
    const data = Float32Array.from(sequences.flatMap(({ inputIds }) => golden.vectors[TEXTS[inputIds[0]]]));
    return { lastHiddenState: { data, shape: [sequences.length, 1, first.length] } };
  },
} as unknown as BertModel;

function asked(
  examples: readonly SentenceGroup[],
  loss: Partial<VectorLossSettings> = {},
  truncateDim: number | null = null,
) {
  const encoded = TEXTS.map((_, i) => ({
    sequence: { inputIds: Int32Array.of(i), tokenTypeIds: Uint8Array.of(0) },
    promptLength: 0,
  }));
  const features = examples.map(({ texts }) => texts.map((text) => encoded[TEXTS.indexOf(text)]));
  const name = examples[0].score === null ? "MultipleNegativesRankingLoss" : "CoSENTLoss";
  const cut = { ...sentence, truncateDim };
  return {
    examples,
    features,
    sentence: cut,
    loss: { name, scale: 20, matryoshka: null, ...loss } as VectorLossSettings,
  };
}

const pairs = golden.pairs.map(
  ({ anchor, positive, negative }, i): SentenceGroup => ({
    ...{ where: `line ${i + 1}`, texts: [anchor, positive, ...negative], score: null },
  }),
);
const scored = golden.pairs.map(
  ({ anchor, positive }, i): SentenceGroup => ({
    ...{ where: `line ${i + 1}`, texts: [anchor, positive], score: golden.scores[i] },
  }),
);
const TRIPLETS = "cosine_accuracy";
/** The library's vectors are float64, ours float32; its triplet accuracy is a float32. */
const DIGITS = 7;

describe("the metrics of sentence-transformers", () => {
  test("a search, and triplets", async () => {
    const { metrics, mistakeCount, examples } = await evaluateSentences(model, { batchSize: 7 }, asked(pairs));
    const { loss, ...others } = metrics;
    const wanted = Object.keys(golden.metrics).filter(
      (name) => name.startsWith("cosine_") && !/precision|accuracy@(?!1$)/.test(name),
    );
    expect(Object.keys(others).sort()).toEqual(wanted.sort());
    expect(wanted).toContain(TRIPLETS);
    for (const name of wanted) expect(others[name], name).toBeCloseTo(golden.metrics[name], DIGITS);
    expect(loss).toBeGreaterThan(0);
    const wrongQueries = 1 - golden.metrics["cosine_accuracy@1"];
    expect(wrongQueries).toBeGreaterThan(0);
    expect(mistakeCount).toBeGreaterThan(0);
    expect(examples[0]).toMatchObject({ input: golden.pairs[0].anchor, expected: golden.pairs[0].positive });
  });

  test("correlations with scores", async () => {
    const { metrics } = await evaluateSentences(model, { batchSize: 7 }, asked(scored));
    const { loss, ...others } = metrics;
    expect(Object.keys(others)).toEqual(["pearson_cosine", "spearman_cosine"]);
    for (const [name, value] of Object.entries(others)) expect(value, name).toBeCloseTo(golden.metrics[name], DIGITS);
    expect(loss).toBeGreaterThan(0);
  });

  test.each(Object.keys(golden.truncated))("of vectors cut to their first %s numbers", async (dim) => {
    const want = golden.truncated[dim];
    const all = await Promise.all(
      [pairs, scored].map((examples) => evaluateSentences(model, { batchSize: 7 }, asked(examples, {}, Number(dim)))),
    );
    const { loss: _, ...metrics } = { ...all[0].metrics, ...all[1].metrics };
    expect(Object.keys(metrics).length).toBeGreaterThan(8);
    for (const [name, value] of Object.entries(metrics)) expect(value, name).toBeCloseTo(want[name], DIGITS);
    expect(want.cosine_accuracy).not.toBe(golden.metrics.cosine_accuracy);
  });
});

test("the batch's size changes the loss of pairs and of no cosine, and no other number", async () => {
  const ofSize = async (examples: readonly SentenceGroup[], batchSize: number, loss = {}) =>
    (await evaluateSentences(model, { batchSize }, asked(examples, loss))).metrics;
  const { loss: a, ...some } = await ofSize(pairs, 4);
  const { loss: b, ...same } = await ofSize(pairs, 60);
  expect(same).toEqual(some);
  expect(b).toBeGreaterThan(a);
  const [one, other] = await Promise.all([4, 60].map((n) => ofSize(scored, n, { name: "CosineSimilarityLoss" })));
  expect(one.loss).toBeCloseTo(other.loss, 12);
});

test("mistakes: the worst first, with what was found in its place", async () => {
  const { mistakes, mistakeCount } = await evaluateSentences(model, { batchSize: 60, worst: 3 }, asked(pairs));
  expect(mistakes.length).toBe(3);
  expect(mistakeCount).toBeGreaterThan(3);
  expect(mistakes[0].loss).toBeGreaterThanOrEqual(mistakes[1].loss);
  for (const { expected, predicted } of mistakes) expect(predicted).not.toBe(expected);
});

test("scored pairs: an error is a pair whose place by cosine is none of those that its score has", async () => {
  const [a, ...others] = TEXTS;
  const cosine = (b: string) => {
    const [x, y] = [golden.vectors[a], golden.vectors[b]];
    const product = (u: readonly number[], v: readonly number[]) => u.reduce((sum, one, d) => sum + one * v[d], 0);
    return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
  };
  const five = others.slice(0, 5).sort((b, c) => cosine(b) - cosine(c)); // the least alike first
  const evaluated = (scores: readonly number[]) => {
    const examples = five.map((b, i): SentenceGroup => ({ where: `${i}`, texts: [a, b], score: scores[i] }));
    return evaluateSentences(model, { batchSize: 5 }, asked(examples));
  };
  expect(await evaluated([0, 0, 1, 1, 1])).toMatchObject({ mistakeCount: 0, errorName: "rank error" });
  const { mistakes } = await evaluated([1, 0, 0, 1, 1]); // 0 has the ranks 0 and 1, 1 has 2 to 4
  expect(mistakes.map(({ where, loss }) => [where, loss])).toEqual([["0", 2 / 4], ["2", 1 / 4]]); // biome-ignore format: one line
  const { errorName } = await evaluateSentences(
    model,
    { batchSize: 5 },
    asked(scored, { name: "CosineSimilarityLoss" }),
  );
  expect(errorName).toBeUndefined();
});

test("a vector that is no number is an error that names the example", async () => {
  const broken = { ...model, forward: async () => ({ lastHiddenState: { data: new Float32Array(6 * 200).fill(Number.NaN), shape: [200, 1, 6] } }) }; // biome-ignore format: one line
  await expect(evaluateSentences(broken as unknown as BertModel, { batchSize: 200 }, asked(pairs))).rejects.toThrow("line 1: the model's output must be finite"); // biome-ignore format: one line
});

test("retrieval by hand: two of three found, at ranks 1 and 3", () => {
  const found = retrievalMetrics([{ ranks: [1, 3, 12] }]);
  expect(found["recall@3"]).toBeCloseTo(2 / 3, 14);
  expect(found["ndcg@10"]).toBeCloseTo((1 + 1 / 2) / (1 + 1 / Math.log2(3) + 1 / 2), 14);
  expect(found["map@100"]).toBeCloseTo((1 + 2 / 3 + 3 / 12) / 3, 14);
  expect(found["mrr@10"]).toBe(1);
});
