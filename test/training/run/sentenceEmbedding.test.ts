import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadParams } from "../../../src/checkpoint/loadParams.ts";
import { pipeline } from "../../../src/index.ts";
import type { SentenceModules } from "../../../src/load/sentenceModules.ts";
import { NO_SETTINGS } from "../../../src/load/sentenceSettings.ts";
import { AS_THE_MODEL } from "../../../src/load/transformerSettings.ts";
import { openWeights } from "../../../src/load/weightFiles.ts";
import { parseConfig } from "../../../src/model/config.ts";
import { plainTraining } from "../../../src/tensor/kernels/training.ts";
import { createGradients } from "../../../src/training/gradients.ts";
import { evaluate, type FinetuneOptions, finetune } from "../../../src/training/index.ts";
import { lossAndGradients } from "../../../src/training/lossAndGradients.ts";
import { sentenceFolder } from "../../support/sentenceFolders.ts";
import { temporaryFolder, writeTinyModel } from "../../support/tinyModel.ts";
import { weightsIn } from "../../support/weightsIn.ts";

let place: ReturnType<typeof temporaryFolder>;
let model: string;
let runs = 0;
beforeAll(async () => {
  place = temporaryFolder();
  model = join(place.path, "start");
  mkdirSync(model);
  await writeTinyModel(model, { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 });
});
afterAll(() => place[Symbol.dispose]());

const output = () => join(place.path, `run-${runs++}`);
const THINGS = ["cat", "dog", "film", "book", "paris", "anna", "a cat", "a dog"];
const PAIRS = THINGS.map((thing) => ({ anchor: `who saw ${thing} ?`, positive: `it was ${thing} .` }));
const TRIPLETS = PAIRS.map((pair, i) => ({ ...pair, negative: [PAIRS[(i + 3) % 8].positive, `not ${THINGS[i]} .`] }));
const SCORED = THINGS.flatMap((thing, i) => [
  { sentence1: `who saw ${thing} ?`, sentence2: `${thing} was good .`, score: 1 },
  { sentence1: `who saw ${thing} ?`, sentence2: `${THINGS[(i + 1) % 8]} is bad .`, score: i % 2 === 0 ? 0.25 : 0 },
]);
const LEARN = { task: "sentence-embedding", learningRate: 0.01, backend: "plain" } as const;
const train = (options: object) =>
  finetune({
    model,
    output: output(),
    ...LEARN,
    trainDataset: PAIRS,
    ...options,
  } as FinetuneOptions<"sentence-embedding">);

/** The encoder of the folders of `sentenceFolder`. */
const BASE = join(import.meta.dirname, "../../pipelines/reference/heads/ner");

/** The cosine of two texts' vectors, by the pipeline. */
async function cosines(folder: string, pairs: readonly (readonly [string, string])[]): Promise<number[]> {
  const embed = await pipeline("embeddings", folder, { backend: "plain" });
  const rows = async (texts: string[], encode: typeof embed.encodeQuery) => {
    const { data, dims } = await encode(texts, { normalize: true });
    return texts.map((_, i) => data.subarray(i * dims[1], (i + 1) * dims[1]));
  };
  const a = await rows(pairs.map(([text]) => text), embed.encodeQuery); // biome-ignore format: one line
  const b = await rows(pairs.map(([, text]) => text), embed.encodeDocument); // biome-ignore format: one line
  await embed.model.dispose();
  return a.map((row, i) => row.reduce((sum, x, d) => sum + x * b[i][d], 0));
}

describe("what is learned", () => {
  test("pairs: the folder is one of sentence-transformers, and its vectors give the loss of the evaluation", async () => {
    const notes: string[] = [];
    const result = await train({ evalDataset: PAIRS, numTrainEpochs: 25, onNote: (note: string) => notes.push(note) });
    expect(notes).toEqual(["the examples are pairs: the loss is MultipleNegativesRankingLoss, scale 20"]);
    expect(result.metrics).toMatchObject({ "eval_cosine_accuracy@1": 1, "eval_cosine_mrr@10": 1, "eval_cosine_ndcg@10": 1 }); // biome-ignore format: one line
    const files = readdirSync(result.output);
    expect(files).toEqual(expect.arrayContaining(["1_Pooling", "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"])); // biome-ignore format: one line
    const curves = readFileSync(join(result.output, "curves.svg"), "utf8");
    expect(curves.slice(curves.indexOf(">Ranking<"), curves.indexOf(">Scores<"))).toContain("eval_cosine_ndcg@10");
    const json = (name: string) => JSON.parse(readFileSync(join(result.output, name), "utf8"));
    expect(json("modules.json").map(({ path, type }: Record<string, string>) => [path, type])).toEqual([
      ["", "sentence_transformers.models.Transformer"],
      ["1_Pooling", "sentence_transformers.models.Pooling"],
    ]);
    expect(json("1_Pooling/config.json")).toMatchObject({ word_embedding_dimension: 16, pooling_mode_mean_tokens: true, pooling_mode_cls_token: false }); // biome-ignore format: one line
    expect(json("sentence_bert_config.json")).toEqual({ max_seq_length: 32, do_lower_case: false });
    expect(json("config.json")).toMatchObject({ architectures: ["BertModel"], dtype: "float32" });
    expect([...(await weightsIn(result.output)).keys()].some((name) => name.includes("cls."))).toBe(false);

    const all = PAIRS.flatMap(({ anchor }) => PAIRS.map(({ positive }) => [anchor, positive] as const));
    const scores = (await cosines(result.output, all)).map((cosine) => 20 * cosine);
    const terms = PAIRS.map((_, i) => {
      const row = scores.slice(8 * i, 8 * (i + 1));
      return Math.log(row.reduce((sum, score) => sum + Math.exp(score), 0)) - row[i];
    });
    const loss = terms.reduce((sum, term) => sum + term, 0) / 8;
    expect(Math.abs(result.metrics.eval_loss - loss)).toBeLessThan(1e-5); // measured 1e-6
  });

  test("examples with negatives are told as such", async () => {
    const notes: string[] = [];
    await train({ trainDataset: TRIPLETS, maxSteps: 1, onNote: (note: string) => notes.push(note) });
    expect(notes).toEqual([
      "the examples are pairs with negatives: the loss is MultipleNegativesRankingLoss, scale 20",
    ]);
  });

  test("triplets: the negatives of one example are those of all", async () => {
    const options = { trainDataset: TRIPLETS, evalDataset: TRIPLETS, numTrainEpochs: 25, batchSize: 4 };
    const { metrics, log } = await train(options);
    expect(metrics.eval_cosine_accuracy).toBe(1);
    expect(log.filter((entry) => "eval_loss" in entry).length).toBe(25);
  });

  test.each(["CoSENTLoss", "CosineSimilarityLoss"])("scored pairs: %s", async (loss) => {
    const { metrics } = await train({ trainDataset: SCORED, evalDataset: SCORED, numTrainEpochs: 20, loss });
    expect(metrics.eval_spearman_cosine).toBeGreaterThan(0.9);
    expect(metrics.eval_pearson_cosine).toBeGreaterThan(0.9);
  });

  test("scored pairs evaluate what pairs have taught", async () => {
    const { metrics } = await train({ evalDataset: SCORED, numTrainEpochs: 3 });
    expect(Object.keys(metrics)).toEqual(["eval_loss", "eval_pearson_cosine", "eval_spearman_cosine"]);
  });

  test("the best by a metric, and early stopping", async () => {
    const options = { evalDataset: SCORED, metricForBestModel: "spearman_cosine", loadBestModelAtEnd: true };
    const { metrics, log, bestStep, globalStep } = await train({ ...options, maxSteps: 60, evalSteps: 2, earlyStoppingPatience: 2 }); // biome-ignore format: one line
    const found = log.flatMap(({ eval_spearman_cosine: value }) => (value === undefined ? [] : [value]));
    expect(metrics.eval_spearman_cosine).toBe(Math.max(...found));
    expect(globalStep).toBe((bestStep as number) + 4);
  });
});

describe("modules that a folder has", () => {
  /** A folder of a form, with `Normalize` after its modules if that is asked for. */
  async function startOf(form: string, normalize = false): Promise<string> {
    const from = await sentenceFolder(place.path, form);
    const listing = join(from, "modules.json");
    const without = readFileSync(listing, "utf8").replace(/,\s*\{[^{}]*Dropout"\s*\}/, ""); // it is refused, below
    writeFileSync(listing, without);
    if (!normalize) return from;
    const to = join(place.path, `${form}-normalized`);
    cpSync(from, to, { recursive: true });
    const modules = JSON.parse(readFileSync(join(from, "modules.json"), "utf8"));
    const last = { idx: modules.length, name: "n", path: "n", type: "sentence_transformers.models.Normalize" };
    writeFileSync(join(to, "modules.json"), JSON.stringify([...modules, last]));
    return to;
  }
  const SMALL = { evalDataset: TRIPLETS, trainDataset: TRIPLETS, learningRate: 0.003, maxSteps: 20, evalSteps: 5 };

  test("Dense is trained, saved, gone on with, and evaluated as it is now", async () => {
    const start = await startOf("dense", true);
    const {
      output: folder,
      metrics,
      log,
    } = await train({ ...SMALL, model: start, saveSteps: 50, maxSteps: 120, evalSteps: 30 });
    const [before, after] = await Promise.all([weightsIn(join(start, "2_Dense")), weightsIn(join(folder, "2_Dense"))]);
    expect([...after.keys()].sort()).toEqual(["linear.bias", "linear.weight"]);
    for (const [name, data] of after) expect(data, name).not.toEqual(before.get(name));
    const losses = log.flatMap(({ eval_loss: loss }) => (loss === undefined ? [] : [loss]));
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(["1_Pooling", "2_Dense", "modules.json"]));
    const again = await evaluate({ model: folder, dataset: TRIPLETS, backend: "plain" });
    expect(again.metrics).toEqual(metrics);
    expect(again.task).toBe("sentence-embedding");
    expect(again.settings).toMatchObject({ loss: "MultipleNegativesRankingLoss", scale: 20, batchSize: 8, modules: "Pooling mean, Dense 24 to 16 Tanh, Normalize" }); // biome-ignore format: one line
    const other = await train({ ...SMALL, model: folder, maxSteps: 2 });
    expect((await weightsIn(join(other.output, "2_Dense"))).get("linear.bias")).not.toEqual(after.get("linear.bias"));
  });

  test("gradient checkpointing changes no bit of encoder and Dense", async () => {
    const options = { ...SMALL, model: await startOf("dense"), maxSteps: 3, gradientAccumulationSteps: 2 };
    const [kept, again] = [await train(options), await train({ ...options, gradientCheckpointing: true })];
    for (const part of ["", "2_Dense"])
      expect(await weightsIn(join(again.output, part))).toEqual(await weightsIn(join(kept.output, part)));
    expect(again.metrics).toEqual(kept.metrics);
  });

  test("a checkpoint with another Dense than it had is refused", async () => {
    const options = { ...SMALL, model: await startOf("dense"), maxSteps: 4, saveSteps: 2, output: output() };
    await train(options);
    const [a, b] = [2, 4].map((step) => join(options.output, `checkpoint-${step}`, "2_Dense", "model.safetensors"));
    cpSync(a, b);
    await expect(train({ ...options, resume: true })).rejects.toThrow(/checkpoint-4.2_Dense.model.safetensors: is damaged or was changed/); // biome-ignore format: one line
  });

  test.each(["cls", "max", "mean_sqrt_len", "weightedmean", "lasttoken", "several_flags", "layer_norm", "dense_residual", "several_dense", "prompts", "without_prompt", "do_lower_case", "max_seq_length", "query_length", "in_a_folder", "truncate_dim"])(
    "%s: every weight but the pooler's changes, and the folder's vectors are those of the evaluation",
    async (form) => {
      const start = await startOf(form);
      const { output: folder, metrics } = await train({ ...SMALL, model: start, maxSteps: 3, evalSteps: 3, batchSize: 8 });
      const [before, after] = await Promise.all([weightsIn(BASE), weightsIn(folder)]);
      expect([...after.keys()].sort()).toEqual([...before.keys()].filter((name) => name.startsWith("bert.")).sort());
      expect(after.size).toBeGreaterThan(30);
      for (const [name, data] of after) expect(data, name).not.toEqual(before.get(name));
      const embed = await pipeline("embeddings", folder, { backend: "plain" });
      const right = await Promise.all(
        TRIPLETS.map(async ({ anchor, positive, negative }) => {
          const query = await embed.encodeQuery(anchor, { normalize: true });
          const { data, dims } = await embed.encodeDocument([positive, ...negative], { normalize: true });
          const scores = Array.from({ length: 3 }, (_, i) => query.data.reduce((sum, x, d) => sum + x * data[i * dims[1] + d], 0));
          return scores.slice(1).filter((score) => score < scores[0]).length;
        }),
      );
      await embed.model.dispose();
      expect(metrics.eval_cosine_accuracy).toBe(right.reduce((a, b) => a + b, 0) / 16);
    },
  ); // biome-ignore format: one line

  test.each([
    ["hidden_state", 'modules.json: models are not trained with an output of an inner layer, ["hidden_states", n]'],
  ])("%s is refused", async (form, message) => {
    const start = await startOf(form);
    await expect(train({ model: start })).rejects.toThrow(message);
    const { metrics } = await evaluate({
      model: start,
      task: "sentence-embedding",
      dataset: TRIPLETS,
      backend: "plain",
    });
    expect(metrics.eval_loss).toBeGreaterThan(0);
  });

  test("evaluate: truncateDim is the folder's truncate_dim, for one evaluation", async () => {
    const given = { task: "sentence-embedding", dataset: TRIPLETS, backend: "plain" } as const;
    const folder = await startOf("truncate_dim"); // the first 10 of 24
    const whole = await startOf("mean");
    const cut = await evaluate({ ...given, model: whole, truncateDim: 10 });
    expect(cut.metrics).toEqual((await evaluate({ ...given, model: folder })).metrics);
    expect(cut.settings.truncateDim).toBe(10);
    const all = await evaluate({ ...given, model: whole });
    expect(all.metrics.eval_loss).not.toBe(cut.metrics.eval_loss);
    expect((await evaluate({ ...given, model: folder, truncateDim: 24 })).metrics).toEqual(all.metrics);
  });

  test.each([
    [{ truncateDim: 25 }, "evaluate: truncateDim must be at most 24, what a vector has, got 25"],
    [{ truncateDim: 0 }, "evaluate: truncateDim must be a whole number from 1 to 2147483648, got 0"],
    [{ truncateDim: 4, matryoshkaDims: [8, 4] }, "evaluate: matryoshkaDims must be different whole numbers from 1 to 4, what a vector has, got [8, 4]"],
    [{ truncateDim: 4, task: "fill-mask", dataset: ["the cat."] }, "evaluate: truncateDim must be left out for fill-mask, it is of sentence-embedding, got 4"],
  ])("evaluate: %j is refused", async (options, message) => {
    const given = { task: "sentence-embedding", dataset: TRIPLETS, backend: "plain", ...options } as Parameters<typeof evaluate>[0];
    const start = given.task === "fill-mask" ? model : await startOf("mean");
    await expect(evaluate({ ...given, model: start })).rejects.toMatchObject({ code: "ERR_INPUT", message });
  }); // biome-ignore format: a case in a line

  test("a Dropout, and an activation function without a derivative here, are refused", async () => {
    const dropout = join(place.path, "dropout");
    cpSync(await startOf("mean"), dropout, { recursive: true });
    const modules = JSON.parse(readFileSync(join(dropout, "modules.json"), "utf8"));
    writeFileSync(join(dropout, "modules.json"), JSON.stringify([...modules, { path: "2_Dropout", type: "sentence_transformers.models.Dropout" }])); // biome-ignore format: one line
    await expect(train({ model: dropout })).rejects.toThrow("models are not trained with a Dropout");
    const softmax = join(place.path, "softmax");
    cpSync(await startOf("dense"), softmax, { recursive: true });
    const config = join(softmax, "2_Dense", "config.json");
    writeFileSync(config, readFileSync(config, "utf8").replace("activation.Tanh", "activation.Softmax"));
    await expect(train({ model: softmax })).rejects.toThrow('a Dense with the activation function "torch.nn.modules.activation.Softmax", only with Identity, Tanh'); // biome-ignore format: one line
  });
});

describe("batches", () => {
  test("two of an update: the mean of their losses, with the negatives of each alone", async () => {
    const once = { maxSteps: 1, loggingSteps: 1, seed: 5 };
    const whole = await train({ ...once, batchSize: 8 });
    const halves = await train({ ...once, batchSize: 4, gradientAccumulationSteps: 2 });
    expect(halves.log[0].loss).toBeLessThan(0.9 * whole.log[0].loss);
    const scored = { ...once, trainDataset: SCORED.slice(0, 8), loss: "CosineSimilarityLoss" };
    const [one, two] = [await train({ ...scored, batchSize: 8 }), await train({ ...scored, batchSize: 4, gradientAccumulationSteps: 2 })]; // biome-ignore format: one line
    expect(two.log[0].loss).toBeCloseTo(one.log[0].loss, 6);
    expect(two.log[0].grad_norm).toBeCloseTo(one.log[0].grad_norm, 5);
  });

  test("an epoch has all examples, in as many batches as the text needs that stands most often", async () => {
    const twice = PAIRS.map(({ positive }) => ({ anchor: "who saw it ?", positive }));
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const { globalStep } = await train({ trainDataset: [...PAIRS, ...twice], numTrainEpochs: 1, onNote });
    expect(globalStep).toBe(8);
    expect(notes[1]).toMatch(/^[2-7] of 8 batches of the first epoch teach nothing: a pair that is alone in its batch has nothing to be told from$/); // biome-ignore format: one line
  });

  test("scores that are all the same in some batches are said", async () => {
    const trainDataset = SCORED.slice(0, 6).map((one, i) => ({ ...one, score: i === 0 ? 1 : 0 }));
    const notes: string[] = [];
    const log = await train({ trainDataset, batchSize: 2, maxSteps: 3, loggingSteps: 1, onNote: (note: string) => notes.push(note) }); // biome-ignore format: one line
    expect(notes[1]).toBe("2 of 3 batches of the first epoch teach nothing: scores that are all the same have no order"); // biome-ignore format: one line
    expect(log.log.filter(({ loss }) => loss === 0).length).toBe(2);
  });

  test("what is left out of an epoch is said", async () => {
    const pairs = [0, 1, 2].flatMap((a) => [0, 1, 2].map((p) => [a, p]));
    const trainDataset = pairs.map(([a, p]) => ({ anchor: `anna ${THINGS[a]}`, positive: `paris ${THINGS[p]}` }));
    const left: number[] = [];
    for (let seed = 0; seed < 20; seed++) {
      const notes: string[] = [];
      await train({ trainDataset, seed, batchSize: 3, maxSteps: 1, onNote: (note: string) => notes.push(note) });
      left.push(Number(/^(\d) examples? (?:is|are) left out of the first epoch/.exec(notes[1] ?? "")?.[1] ?? 0));
    }
    expect(Math.max(...left)).toBeGreaterThan(0);
    expect(left).toContain(0);
  });
});

test("the number of threads changes no bit", async () => {
  const run = async (threads: number) => {
    const { output: folder, log } = await train({ model: await sentenceFolder(place.path, "dense"), backend: "simd", threads, maxSteps: 4, loggingSteps: 1, learningRate: 0.003 }); // biome-ignore format: one line
    const bits = [await weightsIn(folder), await weightsIn(join(folder, "2_Dense"))];
    return { bits, losses: log.map(({ loss }) => loss) };
  };
  const one = await run(1);
  expect(await run(2)).toEqual(one);
});

test("padding and masks change no bit: sequences are packed", async () => {
  const weights = await openWeights(model);
  const config = { ...parseConfig(readFileSync(join(model, "config.json"), "utf8")), architecture: "BertModel" } as const; // biome-ignore format: one line
  const params = await loadParams(weights, config, plainTraining);
  const sentence = { ...AS_THE_MODEL, ...NO_SETTINGS, texts: new Map(), modules: [{ type: "Pooling", modes: ["mean"], includePrompt: true }, { type: "Normalize" }] } satisfies SentenceModules; // biome-ignore format: one line
  const trained = { config, params, kernels: plainTraining, sentence };
  const ids = [[2, 5, 6, 3], [2, 7, 3], [2, 8, 9, 10, 3], [2, 11, 3]]; // biome-ignore format: one line
  const loss = { name: "MultipleNegativesRankingLoss", scale: 20, matryoshka: null } as const;
  const labels = { vectors: { loss, groups: [2, 2], scores: null, promptLengths: [0, 0, 0, 0] } };
  const [lists, padded] = [
    ids.map((inputIds) => ({ inputIds })),
    { inputIds: ids.map((row) => [...row, 0, 0, 0].slice(0, 5)), attentionMask: ids.map((row) => [0, 1, 2, 3, 4].map((t) => (t < row.length ? 1 : 0))) }, // biome-ignore format: one line
  ].map((input) => {
    const gradients = createGradients(trained);
    const options = { dropout: null };
    return { ...lossAndGradients(trained, gradients, input, labels, options), gradients: gradients.byName };
  });
  expect(lists.gradients.size).toBeGreaterThan(30);
  expect(padded).toEqual(lists);
  await weights.close();
});

test("a run that is stopped goes on to the same bits, with the modules of its checkpoint", async () => {
  const start = await sentenceFolder(place.path, "dense");
  const options = { model: start, maxSteps: 6, saveSteps: 2, trainDataset: TRIPLETS, learningRate: 0.003 };
  const folder = output();
  const controller = new AbortController();
  const onProgress = ({ step }: { step: number }) => step === 3 && controller.abort();
  await expect(train({ ...options, output: folder, signal: controller.signal, onProgress })).rejects.toThrow("stopped at step 3"); // biome-ignore format: one line
  await expect(train({ ...options, output: folder, resume: true, scale: 10 })).rejects.toThrow("resume: scale must be 20 as in the run in"); // biome-ignore format: one line
  await train({ ...options, output: folder, resume: true });
  const { output: whole } = await train(options);
  for (const name of ["", "2_Dense"]) expect(await weightsIn(join(folder, name))).toEqual(await weightsIn(join(whole, name))); // biome-ignore format: one line
});

describe("what is refused before anything is computed", () => {
  test.each([
    [{ loss: "CoSENTLoss" }, "finetune: loss must be MultipleNegativesRankingLoss for pairs, got \"CoSENTLoss\""],
    [{ trainDataset: SCORED, loss: "MultipleNegativesRankingLoss" }, "finetune: loss must be CoSENTLoss or CosineSimilarityLoss for scored pairs"],
    [{ loss: "TripletLoss" }, "finetune: loss must be one of MultipleNegativesRankingLoss, CoSENTLoss, CosineSimilarityLoss, got \"TripletLoss\""],
    [{ trainDataset: SCORED, loss: "CosineSimilarityLoss", scale: 2 }, "finetune: scale must be left out for CosineSimilarityLoss, which has none, got 2"],
    [{ trainDataset: SCORED, evalDataset: [{ ...SCORED[0], score: 2 }], loss: "CosineSimilarityLoss" }, "evalDataset[0]: score must be from -1 to 1"],
    [{ scale: 0 }, "finetune: scale must be a finite number above 0, got 0"],
    [{ trainDataset: [...SCORED, { sentence1: "a", sentence2: "b", score: 4.2 }], loss: "CosineSimilarityLoss" }, "trainDataset[16]: score must be from -1 to 1 for CosineSimilarityLoss, as a cosine is, got 4.2"],
    [{ matryoshkaDims: [16, 17] }, "finetune: matryoshkaDims must be different whole numbers from 1 to 16, what a vector has, got [16, 17]"],
    [{ matryoshkaDims: [8, 8] }, "finetune: matryoshkaDims must be different whole numbers from 1 to 16"],
    [{ matryoshkaWeights: [1] }, "finetune: matryoshkaWeights must be left out without matryoshkaDims, got [1]"],
    [{ matryoshkaDims: [16, 8], matryoshkaWeights: [1] }, "finetune: matryoshkaWeights must be 2 numbers above 0, one for each of matryoshkaDims, got [1]"],
    [{ batchSize: 1 }, "finetune: batchSize must be 2 or more where examples are pairs without a negative, such as trainDataset[0], as other examples of the batch have the negatives; got 1"],
    [{ trainDataset: PAIRS.map(({ anchor }) => ({ anchor, positive: "it was good ." })) }, "finetune: trainDataset must have two pairs that share no text, or negatives, as other pairs of a batch have the negatives; got 8 pairs of which each two share a text, such as trainDataset[0] and trainDataset[1]"],
    [{ trainDataset: [["a", "b"], ["b", "c"], ["c", "a"]].map(([anchor, positive]) => ({ anchor, positive })) }, "got 3 pairs of which each two share a text"],
    [{ trainDataset: SCORED, batchSize: 1 }, "finetune: batchSize must be 2 or more with CoSENTLoss, which compares the examples of a batch; got 1"],
    [{ trainDataset: SCORED.slice(0, 1) }, "finetune: trainDataset must have 2 examples or more with CoSENTLoss"],
    [{ trainDataset: SCORED.filter(({ score }) => score === 1) }, "finetune: trainDataset must have different scores with CoSENTLoss, which learns their order; got 1 of all 8 examples"],
    [{ trainDataset: [{ ...PAIRS[0], negative: PAIRS[0].positive }, PAIRS[1]] }, "trainDataset[0]: negative must be another text than positive, got"],
    [{ trainDataset: PAIRS.slice(0, 1) }, "finetune: trainDataset must have 2 examples or more where examples are pairs without a negative"],
    [{ evalDataset: [{ anchor: "a", positive: "" }] }, 'evalDataset[0]: positive must be a string that is not blank, got ""'],
    [{ maxLength: 33 }, "finetune: maxLength must be at most 32, the most that the model takes, got 33"],
    [{ labels: ["a"] }, "finetune: labels must be left out for sentence-embedding"],
    [{ task: "fill-mask", trainDataset: ["a"], loss: "CoSENTLoss" }, "finetune: loss must be left out for fill-mask, it is of sentence-embedding"],
    [{ columns: { text: "a" }, trainDataset: "none.jsonl" }, 'finetune: columns.text must be left out without teacher, as a text alone is learned from with one, got "a"'],
    [{ columns: { anchor: "a" }, trainDataset: "none.txt" }, "finetune: columns must be left out where no examples are in a file with columns, got"],
    [{ evalDataset: PAIRS, metricForBestModel: "mrr@10", maxSteps: 1 }, "finetune: metricForBestModel must be one of loss, cosine_accuracy@1,"],
    [{ onNote: true }, "finetune: onNote must be a function, got true"],
  ])("%j", async (options, message) => {
    await expect(train(options)).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) })); // biome-ignore format: one line
  }); // biome-ignore format: one line

  test("dimensions without the whole are said", async () => {
    const notes: string[] = [];
    await train({ matryoshkaDims: [8, 4], maxSteps: 1, onNote: (note: string) => notes.push(note) });
    expect(notes[1]).toBe("matryoshkaDims leaves out 16, the whole vector: only its first 8 numbers are trained"); // biome-ignore format: one line
  });
});

describe("evaluate", () => {
  test("any model with an encoder, and one without a task of its own", async () => {
    const { metrics, task, settings } = await evaluate({ model, task: "sentence-embedding", dataset: SCORED, backend: "plain", loss: "CosineSimilarityLoss" }); // biome-ignore format: one line
    expect([task, settings.loss]).toEqual(["sentence-embedding", "CosineSimilarityLoss"]);
    expect(settings.problemType).toBe("regression"); // pages tell errors, and no mistakes
    const wanted = (await cosines(model, SCORED.map(({ sentence1, sentence2 }) => [sentence1, sentence2]))).map((cosine, i) => (cosine - SCORED[i].score) ** 2); // biome-ignore format: one line
    expect(metrics.eval_loss).toBeCloseTo(wanted.reduce((a, b) => a + b, 0) / 16, 5);
  });

  test("tells mistakes with their places", async () => {
    const { mistakes, mistakeCount, confusionMatrix, classes } = await evaluate({ model, task: "sentence-embedding", dataset: PAIRS, worst: 2 }); // biome-ignore format: one line
    expect([confusionMatrix, classes]).toEqual([null, null]);
    expect(mistakes.length).toBe(Math.min(2, mistakeCount));
    for (const { where, expected, predicted } of mistakes) {
      expect(where).toMatch(/^dataset\[\d\]$/);
      expect(predicted).not.toBe(expected);
    }
  });
});
