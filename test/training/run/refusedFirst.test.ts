import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FINETUNE_OPTIONS } from "../../../src/training/finetuneOptions.ts";
import { type FinetuneOptions, finetune, type PretrainOptions, pretrain } from "../../../src/training/index.ts";
import { PRETRAIN_OPTIONS } from "../../../src/training/pretrainOptions.ts";
import { plainbert } from "../../cli/run.ts";
import { REVIEWS, TINY_VOCABULARY, temporaryFolder, writeTinyModel } from "../../support/tinyModel.ts";
import { writeExamples } from "./pretrainingExamples.ts";

/** What can be known before a run begins is checked before anything is computed or written. */
let place: ReturnType<typeof temporaryFolder>;
let model: string;
let teacher: string;
let runs = 0;
beforeAll(async () => {
  place = temporaryFolder();
  [model, teacher] = ["student", "teacher"].map((name) => join(place.path, name));
  for (const folder of [model, teacher]) mkdirSync(folder);
  await writeTinyModel(model);
  await writeTinyModel(teacher, { hidden_size: 24, num_hidden_layers: 3, intermediate_size: 40 });
  await writeExamples(join(place.path, "examples"), TINY_VOCABULARY, 16);
});
afterAll(() => place[Symbol.dispose]());

const PAIRS = ["cat", "dog", "film", "book"].map((word) => ({
  anchor: `who saw the ${word} ?`,
  positive: `a ${word} .`,
}));
const TAGGED = [{ words: ["anna", "saw", "paris"], tags: ["B-PER", "O", "B-LOC"] }];
const ASKED = [{ id: "1", question: "who saw it ?", context: "anna saw it .", answers: [{ text: "anna", start: 0 }] }];
const CHOSEN = [{ text: "anna saw", choices: ["the cat .", "poor ."], label: 0 }];
const FOLLOWING = [{ text: "anna saw it .", text_pair: "it was a cat .", label: 0 }];
const RANKED = REVIEWS.map(({ text, label }) => ({ query: "was it good ?", text, label: label === "good" }));

/** Examples of each task. */
const EXAMPLES: Readonly<Record<string, readonly object[]>> = {
  "text-classification": REVIEWS,
  "token-classification": TAGGED,
  "question-answering": ASKED,
  "multiple-choice": CHOSEN,
  "text-ranking": RANKED,
  "next-sentence-prediction": FOLLOWING,
  "sentence-embedding": PAIRS,
};
const of = (task: string, more: object = {}) => {
  const examples = task === "fill-mask" ? REVIEWS.map(({ text }) => text) : EXAMPLES[task];
  return { task, teacher: undefined, trainDataset: examples, evalDataset: examples, ...more };
};

/** A wrong value of each option, in a run that learns of a teacher unless it says otherwise. */
const WRONG: Readonly<Record<keyof FinetuneOptions, readonly object[]>> = {
  output: [{ output: "" }],
  model: [{ model: "no/such/model" }],
  task: [{ task: "translation" }],
  trainDataset: [{ trainDataset: [] }, { trainDataset: [{ anchor: "a" }] }, { trainDataset: "no-such-file.jsonl" }],
  evalDataset: [{ evalDataset: [] }, { evalDataset: [{ anchor: "a" }] }, { evalDataset: "no-such-file.jsonl" }],
  resume: [{ resume: "yes" }],
  numTrainEpochs: [{ numTrainEpochs: 0 }],
  maxSteps: [{ maxSteps: 0 }, { maxSteps: 1, numTrainEpochs: 1 }],
  batchSize: [{ batchSize: 0 }, { batchSize: 1 }],
  gradientAccumulationSteps: [{ gradientAccumulationSteps: 0.5 }],
  learningRate: [{ learningRate: -1 }],
  warmupSteps: [{ warmupSteps: -1 }, { warmupSteps: 1000 }, { maxSteps: 2, warmupSteps: 3 }],
  warmupRatio: [{ warmupRatio: 2 }],
  optimizer: [{ optimizer: "sgd" }],
  weightDecay: [{ weightDecay: -1 }],
  adamBeta1: [{ adamBeta1: 2 }],
  adamBeta2: [{ adamBeta2: -1 }],
  adamEpsilon: [{ adamEpsilon: -1 }],
  maxGradNorm: [{ maxGradNorm: 0 }],
  layerwiseDecay: [{ layerwiseDecay: 2 }],
  freezeEmbeddings: [{ freezeEmbeddings: 1 }],
  freezeLayers: [{ freezeLayers: 3 }, { freezeLayers: 2, vectorLossWeight: 0 }],
  gradientCheckpointing: [{ gradientCheckpointing: 1 }],
  seed: [{ seed: -1 }],
  loggingSteps: [{ loggingSteps: 0 }],
  evalSteps: [{ evalSteps: 0 }, { evalSteps: 1, evalDataset: undefined }],
  evalBatchSize: [{ evalBatchSize: 0 }],
  saveSteps: [{ saveSteps: 0 }],
  saveTotalLimit: [{ saveTotalLimit: 0 }],
  loadBestModelAtEnd: [{ loadBestModelAtEnd: 1 }],
  metricForBestModel: [
    { metricForBestModel: "accuracy" },
    { metricForBestModel: "teacher_cosine", vectorLossWeight: 0, evalDataset: PAIRS.map(({ anchor }) => anchor) },
    ...[...Object.keys(EXAMPLES), "fill-mask"].map((task) => of(task, { metricForBestModel: "bleu" })),
  ],
  greaterIsBetter: [{ greaterIsBetter: 1 }],
  earlyStoppingPatience: [{ earlyStoppingPatience: 0 }],
  report: [{ report: "yes" }],
  backend: [{ backend: "gpu" }, of("text-classification", { backend: "gpu" })],
  threads: [{ threads: 0 }, of("text-classification", { threads: -1 })],
  onLog: [{ onLog: 1 }],
  onProgress: [{ onProgress: 1 }],
  onNote: [{ onNote: 1 }],
  onTeacher: [{ onTeacher: 1 }, of("sentence-embedding", { onTeacher: () => {} })],
  signal: [{ signal: 1 }],
  revision: [{ revision: 1 }],
  token: [{ token: 1 }],
  cache_dir: [{ cache_dir: 1 }],
  local_files_only: [{ local_files_only: 1 }],
  force_download: [{ force_download: 1 }],
  assets: [{ assets: 1 }],
  progress_callback: [{ progress_callback: 1 }],
  maxLength: [{ maxLength: 2 }, { maxLength: 1000 }, of("text-classification", { maxLength: 1000 })],
  problemType: [{ problemType: "regression" }, of("text-classification", { problemType: "several" })],
  labels: [{ labels: ["a", "b"] }, of("text-classification", { labels: ["a"] })],
  glueTask: [{ glueTask: "rte" }, of("text-classification", { glueTask: "rta" })],
  columns: [{ columns: { anchor: "a" } }],
  docStride: [{ docStride: 2 }, of("question-answering", { docStride: 1000 })],
  maxAnswerLength: [{ maxAnswerLength: 2 }, of("question-answering", { maxAnswerLength: 0 })],
  misplacedAnswers: [{ misplacedAnswers: "skip" }, of("question-answering", { misplacedAnswers: "leave" })],
  mlmProbability: [{ mlmProbability: 0.1 }, of("fill-mask", { mlmProbability: 2 })],
  doWholeWordMask: [{ doWholeWordMask: true }, of("fill-mask", { doWholeWordMask: 1 })],
  classWeights: [{ classWeights: [1, 2] }, of("text-classification", { classWeights: [1, 2, 3] })],
  labelSmoothingFactor: [{ labelSmoothingFactor: 0.1 }, of("text-classification", { labelSmoothingFactor: 2 })],
  posWeight: [{ posWeight: 2 }, of("text-ranking", { posWeight: 0 })],
  atK: [{ atK: 2 }, of("text-ranking", { atK: 0 })],
  loss: [{ loss: "CoSENTLoss" }, of("sentence-embedding", { loss: "CoSENTLoss" })],
  scale: [{ scale: 2 }, of("sentence-embedding", { scale: 0 })],
  matryoshkaDims: [{ matryoshkaDims: [17] }, { matryoshkaDims: [25], keepProjection: true }],
  matryoshkaWeights: [{ matryoshkaWeights: [1] }, { matryoshkaDims: [8], matryoshkaWeights: [0] }],
  teacher: [{ teacher: "no/such/model" }, { teacher: 3 }],
  vectorLossWeight: [{ vectorLossWeight: -1 }, { vectorLossWeight: 0, similarityLossWeight: 0 }],
  similarityLossWeight: [{ similarityLossWeight: -1 }, { similarityLossWeight: 0, matryoshkaDims: [8] }],
  keepProjection: [{ keepProjection: "yes" }, { keepProjection: true, vectorLossWeight: 0 }],
};
const cases = (table: Readonly<Record<string, readonly object[]>>) =>
  Object.entries(table).flatMap(([name, all]) => all.map((options, i) => [i === 0 ? name : `${name} ${i}`, options] as const)); // biome-ignore format: one line

const fresh = () => join(place.path, `run-${runs++}`);

describe("finetune: a wrong value is refused before anything is computed or written", () => {
  test("the table has every option", () => {
    expect(Object.keys(WRONG).sort()).toEqual(Object.keys(FINETUNE_OPTIONS).sort());
  });

  const said: string[] = [];
  const given = (options: object) => ({
    ...{ model, teacher, output: fresh(), task: "sentence-embedding", trainDataset: PAIRS, evalDataset: PAIRS },
    ...{ backend: "plain", ...options },
  });
  const watched = (options: object) => {
    const tell = (what: string) => () => said.push(what);
    const isOfTeacher = "teacher" in options && options.teacher === undefined;
    return { ...given({ ...(!isOfTeacher && { onTeacher: tell("teacher") }), onProgress: tell("step"), ...options }) };
  };

  test.each(cases(WRONG))("%s", async (_, options) => {
    const all = watched(options);
    said.length = 0;
    await expect(finetune(all as unknown as FinetuneOptions)).rejects.toThrow(expect.objectContaining({ name: expect.stringMatching(/^(BertError|HubError)$/) })); // biome-ignore format: one line
    expect([said, all.output !== "" && existsSync(all.output)]).toEqual([[], false]);
  });

  test("keepProjection where both models have vectors of one size", async () => {
    const all = watched({ teacher: model, keepProjection: true });
    await expect(finetune(all as unknown as FinetuneOptions)).rejects.toThrow("keepProjection must be left out where the vectors of both models have 16 numbers"); // biome-ignore format: one line
    expect([said, existsSync(all.output)]).toEqual([[], false]);
  });

  test("the right values of the same run are taken", async () => {
    said.length = 0;
    const all = watched({ maxSteps: 1, metricForBestModel: "cosine_ndcg@10" });
    await finetune(all as unknown as FinetuneOptions);
    expect(new Set(said)).toEqual(new Set(["teacher", "step"]));
    expect(readdirSync(all.output)).toContain("teacher");
  });
});

describe("the metrics that a task says it has are those of its evaluation", () => {
  const scored = PAIRS.map(({ anchor, positive }, i) => ({ sentence1: anchor, sentence2: positive, score: i / 4 }));
  const numbers = REVIEWS.map(({ text }, i) => ({ text, label: i / 3 }));
  const rte = ["entailment", "not_entailment"];
  const pairs = (labels: readonly unknown[]) => REVIEWS.map(({ text }, i) => ({ text, text_pair: text, label: labels[i % labels.length] })); // biome-ignore format: one line
  test.each([
    ...[...Object.keys(EXAMPLES), "fill-mask"].map((task) => of(task)),
    of("text-classification", { trainDataset: numbers, evalDataset: numbers }),
    of("text-classification", { trainDataset: numbers, evalDataset: numbers.slice(0, 1), problemType: "regression" }),
    of("text-classification", { trainDataset: [{ text: "a", label: ["x", "y"] }, { text: "b", label: ["y"] }], evalDataset: [{ text: "a", label: ["x"] }] }), // biome-ignore format: one line
    of("text-classification", { glueTask: "rte", trainDataset: pairs(rte), evalDataset: pairs(rte) }),
    of("text-classification", { glueTask: "mrpc", trainDataset: pairs([0, 1]), evalDataset: pairs([0, 1]) }),
    of("text-classification", { glueTask: "stsb", trainDataset: pairs([1, 2.5, 4]), evalDataset: pairs([1, 2.5, 4]) }),
    of("token-classification", { trainDataset: [{ words: ["a", "b"], tags: ["DET", "NOUN"] }], evalDataset: [{ words: ["a"], tags: ["DET"] }] }), // biome-ignore format: one line
    of("question-answering", { evalDataset: [...ASKED, { ...ASKED[0], id: "2", answers: [] }] }),
    of("question-answering", { evalDataset: [{ ...ASKED[0], answers: [] }] }),
    of("text-ranking", { evalDataset: [RANKED[0]], atK: 3 }),
    of("text-ranking", { atK: 3 }),
    of("text-ranking", { evalDataset: RANKED.map((pair, i) => ({ ...pair, label: i / 40 })) }),
    of("sentence-embedding", { evalDataset: PAIRS.map((pair) => ({ ...pair, negative: "it was poor ." })) }),
    of("sentence-embedding", { evalDataset: scored }),
    of("sentence-embedding", { evalDataset: scored.slice(0, 1) }),
    { teacher: "teacher", trainDataset: PAIRS, evalDataset: ["the cat ."] },
    { teacher: "teacher", trainDataset: PAIRS, evalDataset: ["the cat ."], vectorLossWeight: 0 },
    { teacher: "student", trainDataset: PAIRS, evalDataset: ["the cat ."], vectorLossWeight: 0 },
    { teacher: "teacher", trainDataset: PAIRS, evalDataset: scored },
  ])("%j", async (options: object) => {
    const run = (more: object) => {
      const one = {
        model,
        task: "sentence-embedding",
        backend: "plain",
        maxSteps: 1,
        output: fresh(),
        ...options,
        ...more,
      };
      const named = "teacher" in options && options.teacher ? { teacher: join(place.path, options.teacher as string) } : {}; // biome-ignore format: one line
      return finetune({ ...one, ...named } as FinetuneOptions);
    };
    const { message } = await run({ metricForBestModel: "bleu" }).then(
      () => ({ message: "" }),
      (error: Error) => error,
    );
    const names = Object.keys((await run({})).metrics).map((name) => name.replace("eval_", ""));
    expect(names).toContain("loss");
    expect(message).toBe(`finetune: metricForBestModel must be one of ${names.join(", ")}, got "bleu"`);
  });
});

describe("pretrain: a wrong value is refused before anything is computed or written", () => {
  const examples = () => join(place.path, "examples");
  const phases = (more: object) => ({ phases: [{ examples: examples(), steps: 2, ...more }] });
  const asOfFinetune = Object.keys(PRETRAIN_OPTIONS).filter((name) => name in WRONG);
  const WRONG_OF_PRETRAIN: Readonly<Record<string, readonly (() => object)[]>> = {
    ...Object.fromEntries(asOfFinetune.map((name) => [name, [() => WRONG[name as keyof FinetuneOptions][0]]])),
    phases: [() => ({ phases: [] }), () => phases({ steps: 0 }), () => phases({ examples: "nowhere" }), () => phases({ batchSize: 0 })], // biome-ignore format: one line
    config: [() => ({ config: { hidden_size: 15 } }), () => ({ config: { hiden_size: 16 } })],
    model: [() => ({ config: undefined, model: "no/such/model" }), () => ({ model })],
    evalExamples: [() => ({ evalExamples: "nowhere" })],
    maxEvalExamples: [() => ({ maxEvalExamples: 0 })],
    warmupSteps: [() => ({ warmupSteps: -1 }), () => ({ warmupSteps: 3 })],
    metricForBestModel: [() => ({ metricForBestModel: "bleu" })],
    freezeLayers: [() => ({ freezeLayers: 2 })],
  };

  test("the table has every option", () => {
    expect(Object.keys(WRONG_OF_PRETRAIN).sort()).toEqual(Object.keys(PRETRAIN_OPTIONS).sort());
  });

  const sizes = { num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2, intermediate_size: 32 };
  const given = (options: object) =>
    ({ output: fresh(), config: sizes, backend: "plain", evalExamples: examples(), ...phases({}), ...options }) as PretrainOptions; // biome-ignore format: one line
  const all = Object.entries(WRONG_OF_PRETRAIN).flatMap(([name, makers]) => makers.map((make, i) => [i === 0 ? name : `${name} ${i}`, make] as const)); // biome-ignore format: one line

  test.each(all)("%s", async (_, make) => {
    const said: string[] = [];
    const one = given({ onProgress: () => said.push("step"), ...make() });
    await expect(pretrain(one)).rejects.toThrow(expect.objectContaining({ name: expect.stringMatching(/^(BertError|HubError)$/) })); // biome-ignore format: one line
    expect([said, one.output !== "" && existsSync(one.output)]).toEqual([[], false]);
  });

  test("its metrics are those of its evaluation", async () => {
    const { metrics } = await pretrain(given({}));
    const names = Object.keys(metrics).map((name) => name.replace("eval_", ""));
    await expect(pretrain(given({ metricForBestModel: "bleu" }))).rejects.toThrow(`metricForBestModel must be one of ${names.join(", ")}, got "bleu"`); // biome-ignore format: one line
  });
});

test("the command leaves no folder either, and names its own options", async () => {
  const file = join(place.path, "pairs.jsonl");
  writeFileSync(file, PAIRS.map((pair) => `${JSON.stringify(pair)}\n`).join(""));
  const output = fresh();
  const args = ["finetune", "--task", "sentence-embedding", "--train-file", file, "--validation-file", file, "--model", model, "--backend", "plain", "--output", output]; // biome-ignore format: one line
  for (const [more, message] of [
    [["--teacher", teacher, "--metric-for-best-model", "accuracy"], "finetune: --metric-for-best-model must be one of loss, cosine_accuracy@1, "], // biome-ignore format: one line
    [
      ["--teacher", teacher, "--warmup-steps", "100"],
      "finetune: --warmup-steps must be at most 3, all updates, got 100",
    ],
    [["--teacher", model, "--keep-projection"], "finetune: --keep-projection must be left out where the vectors"],
    [["--keep-projection"], "finetune: --keep-projection must be left out without --teacher, got true"],
  ] as const) {
    expect(await plainbert([...args, ...more])).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
    expect(existsSync(output)).toBe(false);
  }
});
