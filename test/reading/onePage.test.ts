import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as page from "../../docs/reading/onePage.ts";
import * as training from "../../docs/reading/onePageTraining.ts";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import { loadBert } from "../../src/index.ts";
import { openWeights } from "../../src/load/weightFiles.ts";
import { parseConfig } from "../../src/model/config.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import { adamwStep, createMoments } from "../../src/training/adamwStep.ts";
import { createGradients, zeroGradients } from "../../src/training/gradients.ts";
import { lossAndGradients } from "../../src/training/lossAndGradients.ts";
import { TSX } from "../support/examplePrograms.ts";
import { reference } from "../support/reference.ts";
import { type Case, readReference, TOKENIZERS } from "../tokenizer/library.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const PAGE = join(REPOSITORY, "docs/reading/onePage.ts");
const TRAINING = join(REPOSITORY, "docs/reading/onePageTraining.ts");
const SMALL = join(REPOSITORY, "weights");

/** The tokens of a batch of one. */
interface Sequence {
  readonly inputIds: readonly number[];
  readonly tokenTypeIds: readonly number[];
}

/** Compares every hidden state and logit of a sequence, to the bit. @returns how many numbers there were */
async function expectSameBits(model: page.Model, engine: BertModel, sequence: Sequence): Promise<number> {
  const want = await engine.forward([sequence], { hiddenStates: true });
  const states = page.encoder(model, { ids: sequence.inputIds, types: sequence.tokenTypeIds });
  const last = states[model.layers];
  const pairs: [got: page.Matrix, want: { readonly data: Float32Array }][] = [
    ...states.map((state, n): [page.Matrix, { data: Float32Array }] => [state, want.hiddenStates![n]]),
    [page.maskedLanguageModel(model, last), want.predictionLogits!],
    [[page.nextSentence(model, last)], want.seqRelationshipLogits!],
  ];
  expect(states).toHaveLength(model.layers + 1);
  for (const [i, [got, { data }]] of pairs.entries()) {
    expect(Float32Array.from(got.flatMap((row) => [...row])), `matrix ${i}`).toEqual(data);
  }
  return pairs.reduce((count, [, { data }]) => count + data.length, 0);
}

describe("the page has the bits of `plain`", () => {
  test("every hidden state and logit of the small model", async () => {
    await using engine = await loadBert(undefined, { backend: "plain" });
    const model = page.readModel(SMALL);
    for (const [text, textPair] of [["She opened the [MASK] and looked out."], ["It rained.", "He took a coat."]]) {
      const { inputIds, tokenTypeIds } = engine.tokenizer.encode(text, textPair === undefined ? {} : { textPair });
      expect(page.encode(model.vocabulary, text, textPair)).toEqual({ ids: inputIds, types: tokenTypeIds });
      expect(await expectSameBits(model, engine, { inputIds, tokenTypeIds })).toBeGreaterThan(90_000);
    }
  });

  test("every hidden state and logit of tiny/model.safetensors", async () => {
    const config = parseConfig(readFileSync(reference("tiny/config.json"), "utf8"));
    const weights = await openWeights(reference("tiny/model.safetensors"));
    const engine = await BertModel.load(weights, config, plain);
    const model: page.Model = {
      weights: page.readSafetensors(reference("tiny/model.safetensors")),
      layers: config.numHiddenLayers,
      heads: config.numAttentionHeads,
      vocabulary: new Map(),
    };
    const { input_ids, token_type_ids, attention_mask } = JSON.parse(
      readFileSync(reference("tiny/inputs.json"), "utf8"),
    );
    for (const [b, ids] of (input_ids as number[][]).entries()) {
      const isToken = (_: number, t: number) => attention_mask[b][t] === 1;
      const sequence = { inputIds: ids.filter(isToken), tokenTypeIds: token_type_ids[b].filter(isToken) };
      expect(await expectSameBits(model, engine, sequence)).toBeGreaterThan(600);
    }
    await weights.close();
  });
});

test("token ids are equal on every cased case of the tokenizer's reference", () => {
  const vocabulary = page.readVocabulary(join(REPOSITORY, "test/tokenizer/reference/bert-base-cased/vocab.txt"));
  const cases: Case[] = JSON.parse(readReference("cases.json")).cases;
  const compared = { whole: 0, truncated: 0 };
  for (const c of cases.filter(({ vocab }) => vocab === "bert-base-cased")) {
    const got = page.encode(vocabulary, c.text, c.pair);
    // The page does not truncate: where the case does, the ids before that are those of the engine's tokenizer.
    const { inputIds, tokenTypeIds } = TOKENIZERS[c.vocab].encode(c.text, {
      ...(c.pair !== undefined && { textPair: c.pair }),
    });
    expect(got, JSON.stringify(c.text)).toEqual({ ids: inputIds, types: tokenTypeIds });
    if (c.truncation === undefined && c.error === undefined) {
      expect(got, JSON.stringify(c.text)).toEqual({ ids: c.ids, types: c.type_ids });
      compared.whole++;
    } else compared.truncated++;
  }
  expect(compared).toEqual({ whole: 1383, truncated: 613 });
});

test("the page is at most 350 lines and imports node:fs and four functions", () => {
  const text = readFileSync(PAGE, "utf8");
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(350);
  expect(text.match(/^import .*$/gm)).toEqual([
    'import { existsSync, readFileSync, realpathSync } from "node:fs";',
    'import { erf, erfc, exp, tanh } from "../../src/tensor/kernels/transcendental.ts";',
  ]);
});

/** Runs a file as a program, with Node, or with tsx where its path is put before. */
const run = (...args: string[]) => spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
/** The answers that a run printed, and their probabilities. */
const answersOf = ({ stdout }: { readonly stdout: string }) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/\s+/).slice(0, 2).join(" "));
const ANSWERS = ["door 53.62", "room 15.14", "window 3.60", "bell 2.80", "table 1.88"];

test("run as a program it prints README's five answers", () => {
  const ran = run(PAGE, "She opened the [MASK] and looked out.");
  expect(ran).toMatchObject({ status: 0, stderr: "" });
  expect(answersOf(ran)).toEqual(ANSWERS);
});

test("so it does through a link, and without .ts", () => {
  const folder = mkdtempSync(join(tmpdir(), "one-page-"));
  symlinkSync(REPOSITORY, join(folder, "link"), "junction");
  const linked = join(folder, "link", "docs", "reading", "onePage.ts");
  for (const args of [[linked], [TSX, linked], [TSX, PAGE], [TSX, PAGE.slice(0, -3)]])
    expect(answersOf(run(...args)), args.join(" ")).toEqual(ANSWERS);
  rmSync(folder, { recursive: true });
  expect(run(TSX, TRAINING.slice(0, -3), "1").stdout.trimEnd().split("\n")).toHaveLength(4);
});

test("of several [MASK] it fills the first, and says so", () => {
  const [first, ...answers] = run(PAGE, "The [MASK] is [MASK].").stdout.trimEnd().split("\n");
  expect(first).toBe("for the first of several [MASK]:");
  expect(answers).toHaveLength(5);
});

test.each([
  ["no [MASK]", PAGE, "No gap.", 'the text must have a [MASK], got "No gap."'],
  ["no text", PAGE, "", 'the text must have a [MASK], got ""'],
  [
    "a long text",
    PAGE,
    `${"so ".repeat(300)}[MASK]`,
    "a text has 303 tokens, the model takes 256: give a shorter text",
  ],
  ...["abc", "0", "-5", "1e9999", "1.5"].map((updates) => [
    `${updates} updates`,
    TRAINING,
    updates,
    `UPDATES must be an integer > 0, got ${updates}`,
  ]),
])("%s: one sentence says what is wrong", (_, file, argument, sentence) => {
  expect(run(file, argument)).toMatchObject({ status: 1, stdout: "", stderr: `${sentence}\n` });
});

describe("the page of training has the bits of `plain`", () => {
  /** The page's learner and the engine's model, of the same file. */
  async function learners(file: string, configText: string) {
    const config = { ...parseConfig(configText), hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
    const weights = page.readSafetensors(file);
    const gradients = new Map(
      Array.from(weights, ([name, W]) => [name, W.map(({ length }) => new Float32Array(length))]),
    );
    const { numHiddenLayers: layers, numAttentionHeads: heads } = config;
    const opened = await openWeights(file);
    const model = { config, params: await loadParams(opened, config, plainTraining), kernels: plainTraining };
    await opened.close();
    return { learner: { weights, gradients, layers, heads, vocabulary: new Map<string, number>() }, model };
  }

  /** Every token has a label, so that the engine's last layer computes all rows, as the page does. */
  const EXAMPLE = {
    ids: [2, 5, 9, 9, 17, 100, 3, 8],
    types: [0, 0, 0, 0, 1, 1, 1, 1],
    labels: [5, 6, 7, 8, 9, 10, 11, 12],
  };
  const numbersOf = (rows: page.Matrix | undefined) => Float32Array.from((rows ?? []).flatMap((row) => [...row]));

  test.each([
    ["tiny", reference("tiny/model.safetensors"), reference("tiny/config.json"), 46],
    ["the small model", join(SMALL, "model.safetensors"), join(SMALL, "config.json"), 78],
  ])("the loss and every gradient of %s", async (_, file, config, tensors) => {
    const { learner, model } = await learners(file, readFileSync(config, "utf8"));
    const { ids, types, labels } = EXAMPLE;
    for (const isNext of [true, false]) {
      const gradients = createGradients(model);
      const input = [{ inputIds: ids, tokenTypeIds: types }];
      const answers = { labels: [labels], nextSentenceLabel: [isNext ? 0 : 1] };
      const { loss } = lossAndGradients(model, gradients, input, answers, { dropout: null });
      for (const rows of learner.gradients.values()) for (const row of rows) row.fill(0);
      const hidden = new Map(labels.entries());
      expect(training.lossAndGradients(learner, { tokens: { ids, types }, hidden, isNext })).toBe(loss);
      expect(gradients.byName.size).toBe(tensors);
      for (const [name, { data }] of gradients.byName) {
        const got = numbersOf(learner.gradients.get(name));
        expect(
          got.findIndex((g, i) => g !== data[i]),
          name,
        ).toBe(-1);
        expect(got.length, name).toBe(data.length);
      }
    }
  });

  test("every weight after three steps of AdamW", async () => {
    const { learner, model } = await learners(
      reference("tiny/model.safetensors"),
      readFileSync(reference("tiny/config.json"), "utf8"),
    );
    const { ids, types, labels } = EXAMPLE;
    const gradients = createGradients(model);
    const moments = createMoments(model, gradients);
    const own = [0, 1].map(
      () => new Map(Array.from(learner.weights, ([name, W]) => [name, W.map((w) => new Float32Array(w.length))])),
    );
    for (let step = 1; step <= 3; step++) {
      zeroGradients(gradients);
      const answers = { labels: [labels], nextSentenceLabel: [0] };
      lossAndGradients(model, gradients, [{ inputIds: ids, tokenTypeIds: types }], answers, { dropout: null });
      adamwStep(
        model,
        gradients,
        moments,
        { step, learningRate: 0.003, norm: 1 },
        { maxGradNorm: Number.POSITIVE_INFINITY },
      );
      for (const rows of learner.gradients.values()) for (const row of rows) row.fill(0);
      training.lossAndGradients(learner, { tokens: { ids, types }, hidden: new Map(labels.entries()), isNext: true });
      training.adamw(learner, own, step, 0.003);
      for (const [name, { data }] of model.params.byName)
        expect(numbersOf(learner.weights.get(name)), name).toEqual(data);
    }
  });

  test("it is at most 350 lines, and learns", () => {
    expect(readFileSync(TRAINING, "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(350);
    const { stdout, stderr } = spawnSync(process.execPath, [TRAINING, "30"], { encoding: "utf8" });
    expect(stderr).toBe("");
    const losses = [...stdout.matchAll(/loss (\d+\.\d+)/g)].map(([, loss]) => Number(loss));
    expect(losses).toHaveLength(1);
    expect(losses[0]).toBeLessThan(Math.log(211) + Math.log(2)); // that of guessing among 211 pieces and 2 answers
    expect(stdout.trimEnd().split("\n")).toHaveLength(1 + 4);
  });
});
