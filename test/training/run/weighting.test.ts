import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FinetuneOptions, finetune } from "../../../src/training/index.ts";
import type { PreparedTask } from "../../../src/training/tasks/task.ts";
import { weighted } from "../../../src/training/tasks/weighting.ts";
import { REVIEWS, temporaryFolder, writeTinyModel } from "../../support/tinyModel.ts";

let place: ReturnType<typeof temporaryFolder>;
let model: string;
let runs = 0;
beforeAll(async () => {
  place = temporaryFolder();
  model = join(place.path, "start");
  mkdirSync(model);
  await writeTinyModel(model, { num_hidden_layers: 1 });
});
afterAll(() => place[Symbol.dispose]());

/** Twelve that are negative, four that are not. */
const UNEVEN = REVIEWS.filter(({ label }, i) => label === "negative" || i < 8).slice(0, 16);
const OPTIONS = { task: "text-classification", trainDataset: UNEVEN, maxSteps: 2, backend: "plain" } as const;
const train = (options: object) =>
  finetune({ ...OPTIONS, model, output: join(place.path, `run-${runs++}`), ...options } as FinetuneOptions);
const weightsAfter = async (options: object) =>
  readFileSync(join((await train(options)).output, "model.safetensors")).toString("base64");

const WORDS = ["anna", "saw", "paris", "in", "a", "film"];
const TAGGED = [{ words: WORDS, tags: ["B-PER", "O", "B-LOC", "O", "O", "O"] }];
const NER = { task: "token-classification", trainDataset: TAGGED } as const;

/** A task of C labels and these examples. */
const taskOf = (labels: readonly string[], examples: readonly (number | Int32Array)[]): PreparedTask => ({
  ...{ problemType: null, evaluate: null, metricNames: [], labels },
  lengths: examples.map(() => 1),
  batch: (indices) => ({ input: [], labels: { labels: indices.map((i) => examples[i]) as number[] } }),
  *contents() {},
});
const weightsOf = (task: PreparedTask) =>
  weighted("finetune", task, { classWeights: "balanced" }).batch([0], 0).labels.classWeights;

describe("weights of classes", () => {
  test("balanced is scikit-learn's; words without a label count for nothing", () => {
    const classes = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2];
    const want = [0.55555556, 1.11111111, 3.33333333]; // compute_class_weight("balanced") of scikit-learn 1.9
    const got = weightsOf(taskOf(["a", "b", "c"], classes));
    expect(Array.from(got ?? [])).toEqual(want.map((weight) => expect.closeTo(weight, 8)));
    expect(weightsOf(taskOf(["a", "b", "c"], [Int32Array.from([-100, ...classes, -100])]))).toEqual(got);
    expect(() => weightsOf(taskOf(["a", "b"], [0, 0]))).toThrow('finetune: classWeights: "balanced" must have examples of each label, has none of "b"'); // biome-ignore format: one line
  });

  test("in an array, by label and balanced: the same bits, and others than without", async () => {
    const negative = UNEVEN.filter(({ label }) => label === "negative").length;
    const [a, b] = [8 / negative, 8 / (16 - negative)];
    const all = [await weightsAfter({ classWeights: [a, b] })];
    all.push(await weightsAfter({ classWeights: { positive: b, negative: a } }));
    all.push(await weightsAfter({ classWeights: "balanced" }));
    expect(new Set(all).size).toBe(1);
    expect(await weightsAfter({})).not.toBe(all[0]);
    expect(await weightsAfter({ classWeights: [1, 1] })).not.toBe(all[0]);
    expect(await weightsAfter({ classWeights: { positive: 2 } })).toBe(await weightsAfter({ classWeights: [1, 2] }));
  });

  test("of words", async () => {
    const counts = { "B-LOC": 6 / 3, "B-PER": 6 / 3, O: 6 / 12 };
    expect(await weightsAfter({ ...NER, classWeights: "balanced" })).toBe(await weightsAfter({ ...NER, classWeights: counts })); // biome-ignore format: one line
  });

  test("evaluation has none: a weighted run of rate 0 evaluates as the start", async () => {
    const still = { learningRate: 0, evalDataset: UNEVEN, maxSteps: 1 };
    const [plain, other] = [
      await train(still),
      await train({ ...still, classWeights: [9, 1], labelSmoothingFactor: 0.4 }),
    ];
    expect(other.metrics).toEqual(plain.metrics);
    expect(other.log[0].loss).not.toBe(plain.log[0].loss);
  });
});

describe("smoothed labels", () => {
  const pair = { text: "a cat.", text_pair: "a dog.", label: 0 };
  test.each([
    ["text-classification", {}],
    ["token-classification", NER],
    ["multiple-choice", { trainDataset: [{ text: "a", choices: ["cat", "dog"], label: 1 }] }],
    ["next-sentence-prediction", { trainDataset: [pair, { ...pair, label: 1 }] }],
    ["fill-mask", { trainDataset: ["the cat was good."] }],
  ])("%s", async (task, options) => {
    const run = (labelSmoothingFactor: number) => weightsAfter({ ...options, task, labelSmoothingFactor });
    expect(await run(0.1)).not.toBe(await run(0));
  });
});

describe("what is refused", () => {
  const sets = [
    { text: "a cat.", label: ["x"] },
    { text: "a dog.", label: ["x", "y"] },
  ];
  const numbers = [
    { text: "a cat.", label: 0.5 },
    { text: "a dog.", label: 1.5 },
  ];
  const refused = "finetune: classWeights must be";
  test.each([
    [{ classWeights: [1] }, `${refused} 2 numbers, in the order of the labels, "negative", "positive", got [1]`],
    [{ classWeights: [1, 0] }, `${refused} "balanced", or finite numbers above 0 in an array or by label, got 0`],
    [{ classWeights: [1, Number.NaN] }, `${refused} "balanced", or finite numbers above 0 in an array or by label, got NaN`],
    [{ classWeights: "even" }, `${refused} "balanced", or finite numbers above 0 in an array or by label, got "even"`],
    [{ classWeights: {} }, `${refused} "balanced", or finite numbers above 0`],
    [{ classWeights: { postive: 2 } }, 'finetune: classWeights: unknown label "postive"; did you mean "positive"?'],
    [{ classWeights: [1, 2], trainDataset: sets }, `${refused} left out where several labels may hold at once, got [1, 2]`],
    [{ classWeights: [1, 2], trainDataset: numbers }, `${refused} left out for a regression, got [1, 2]`],
    [{ labelSmoothingFactor: 0.1, trainDataset: numbers }, "finetune: labelSmoothingFactor must be left out for a regression, got 0.1"],
    [{ labelSmoothingFactor: 0.1, trainDataset: sets }, "finetune: labelSmoothingFactor must be left out where several labels may hold at once, got 0.1"],
    [{ labelSmoothingFactor: 1.5 }, "finetune: labelSmoothingFactor must be a number from 0 to 1, got 1.5"],
    [{ task: "question-answering", labelSmoothingFactor: 0.1 }, "finetune: labelSmoothingFactor must be left out for question-answering, it is of text-classification,"],
    [{ task: "text-ranking", classWeights: [1, 2] }, `${refused} left out for text-ranking, it is of text-classification, token-classification`],
  ])("%j", async (options, message) => {
    await expect(train(options)).rejects.toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  }); // biome-ignore format: a case in a line

  test("going on with others", async () => {
    const { output } = await train({ classWeights: [1, 2], labelSmoothingFactor: 0.1 });
    const resume = (options: object) => train({ output, resume: true, ...options });
    await expect(resume({ classWeights: [1, 3], labelSmoothingFactor: 0.1 })).rejects.toThrow('finetune: resume: classWeights must be "1, 2" as in the run in'); // biome-ignore format: one line
    await expect(resume({ classWeights: [1, 2] })).rejects.toThrow("finetune: resume: labelSmoothingFactor must be 0.1 as in the run in"); // biome-ignore format: one line
  });
});
