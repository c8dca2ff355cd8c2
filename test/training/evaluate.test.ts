import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWeights, saveSafetensors } from "../../src/load/weightFiles.ts";
import {
  type EvaluateOptions,
  type EvaluationResult,
  evaluate,
  type FinetuneOptions,
  type FinetuneTask,
  finetune,
} from "../../src/training/index.ts";
import { REVIEWS, temporaryFolder, writeTinyModel } from "../support/tinyModel.ts";

let place: ReturnType<typeof temporaryFolder>;
let start: string;
let runs = 0;
beforeAll(async () => {
  place = temporaryFolder();
  start = await tinyModel({ num_hidden_layers: 1 });
});
afterAll(() => place[Symbol.dispose]());

const named = (name: string) => join(place.path, name);

async function tinyModel(changes: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = named(`start-${runs++}`);
  mkdirSync(folder);
  await writeTinyModel(folder, changes);
  return folder;
}

/** A sequence classifier with these names for its labels. */
const classifier = (names: readonly string[], changes: object = {}) =>
  tinyModel({
    num_hidden_layers: 1,
    architectures: ["BertForSequenceClassification"],
    id2label: Object.fromEntries(names.map((name, i) => [i, name])),
    label2id: Object.fromEntries(names.map((name, i) => [name, i])),
    ...changes,
  });

const value = (text: string) => (text.includes("good") ? 1.5 : text.includes("fine") ? 0.5 : -1);
const SENTENCES = ["anna saw the cat .", "the dog saw paris .", "anna was in paris .", "who saw anna in paris ?"].map((text) => ({
  words: text.split(" "),
  tags: text.split(" ").map((word) => (word === "anna" ? "B-PER" : word === "paris" ? "B-LOC" : "O")),
})); // biome-ignore format: one line
const CONTEXT = "anna saw the cat in paris . the dog was in the book .";
const ask = (question: string, text: string) => ({
  ...{ id: question, question, context: CONTEXT },
  answers: text === "" ? [] : [{ text, start: CONTEXT.indexOf(text) }],
});
const ANSWERED = [ask("who saw the cat ?", "anna"), ask("who was in the book ?", "the dog")];
const CHOICES = ["cat", "dog", "film", "book"].map((thing, i) => ({
  text: `anna saw a ${thing}.`,
  choices: i % 2 === 0 ? [`it was a ${thing}.`, "it was paris."] : ["it was paris.", `it was a ${thing}.`],
  label: i % 2,
}));
const NEXT = ["cat", "dog", "film"].flatMap((thing) => [
  { text: `anna saw a ${thing}.`, text_pair: `the ${thing} was good.`, label: "IsNext" },
  { text: `anna saw a ${thing}.`, text_pair: "paris is bad.", label: 1 },
]);
const SETS = REVIEWS.map(({ text, label, where }) => ({
  ...{ text, where },
  label: [...(label === "positive" ? ["nice"] : []), ...(text.includes("cat") ? ["animal"] : [])],
}));
const RANKED = REVIEWS.map(({ text, label, where }, i) => ({
  ...{ where, query: `what was good ${i % 2 === 0 ? "." : "?"}`, text, label: label === "positive" },
}));

/** Each task with its examples; more options of both functions. */
const CASES: readonly [string, FinetuneTask, readonly unknown[], object?][] = [
  ["one label", "text-classification", REVIEWS],
  ["several labels", "text-classification", SETS],
  ["a number", "text-classification", REVIEWS.map(({ text, where }) => ({ text, where, label: value(text) }))],
  ["entities", "token-classification", SENTENCES],
  ["parts of speech", "token-classification", SENTENCES.map(({ words }) => ({ words, tags: words.map((word) => (word.length > 3 ? "NOUN" : "OTHER")) }))], // biome-ignore format: one line
  ["SQuAD 1.1", "question-answering", ANSWERED],
  ["SQuAD 2.0", "question-answering", [...ANSWERED, ask("is it bad ?", "")]],
  ["a choice", "multiple-choice", CHOICES],
  ["the next sentence", "next-sentence-prediction", NEXT],
  ["pairs", "text-ranking", RANKED],
  ["masks", "fill-mask", REVIEWS.map(({ text }) => text), { seed: 5, mlmProbability: 0.3 }],
];

const PLAIN = { backend: "plain" } as const;
const trained = (task: FinetuneTask, dataset: readonly unknown[], more: object = {}) =>
  finetune({
    ...{ model: start, task, trainDataset: dataset, evalDataset: dataset, output: named(`run-${runs++}`) },
    ...{ maxSteps: 4, saveSteps: 99, learningRate: 0.01, ...PLAIN, ...more },
  } as FinetuneOptions);
/** Trained once for the tests of a case. */
const models = new Map<string, ReturnType<typeof trained>>();
const modelOf = ([name, task, dataset, more]: (typeof CASES)[number]) =>
  models.get(name) ?? models.set(name, trained(task, dataset, more)).get(name)!;
const evaluated = (options: object): Promise<EvaluationResult> => evaluate({ ...PLAIN, ...options } as EvaluateOptions);

describe("the numbers of finetune, by the task that config.json names", () => {
  test.each(CASES)("%s", async (...one) => {
    const [, task, dataset, more = {}] = one;
    const run = await modelOf(one);
    const result = await evaluated({ model: run.output, dataset, ...more });
    expect(result.metrics).toEqual(run.metrics);
    expect(result).toMatchObject({ model: run.output, task, file: null, examples: dataset.length });
    const losses = result.mistakes.map(({ loss }) => loss);
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
    // What is told agrees with itself.
    const { eval_accuracy: accuracy, eval_exact, eval_exact_match } = result.metrics;
    const right = (dataset.length - result.mistakeCount) / dataset.length;
    if (task === "question-answering") expect(100 * right).toBeCloseTo(eval_exact ?? eval_exact_match, 10);
    else if (accuracy !== undefined && !["token-classification", "fill-mask"].includes(task))
      expect(right).toBeCloseTo(accuracy, 12);
    const { confusionMatrix, classes } = result;
    if (task === "next-sentence-prediction" || (task === "text-classification" && confusionMatrix)) {
      const counts = confusionMatrix?.counts ?? [];
      expect(counts.flat().reduce((a, b) => a + b, 0)).toBe(dataset.length);
      expect(counts.reduce((sum, row, i) => sum + row[i], 0) / dataset.length).toBeCloseTo(accuracy, 12);
    }
    const f1 = result.metrics.eval_f1_macro;
    if (f1 !== undefined) expect((classes ?? []).reduce((sum, one) => sum + one.f1, 0) / (classes?.length ?? 0)).toBeCloseTo(f1, 12); // biome-ignore format: one line
  });

  test("on the fast backend too", async () => {
    const fast = { backend: "auto", threads: 1 } as const;
    const run = await trained("text-classification", REVIEWS, fast);
    expect((await evaluated({ model: run.output, dataset: REVIEWS, ...fast })).metrics).toEqual(run.metrics);
  });

  test("of a file", async () => {
    const file = named("dev.jsonl");
    writeFileSync(file, REVIEWS.map(({ text, label }) => `${JSON.stringify({ text, label })}\n`).join(""));
    const run = await trained("text-classification", REVIEWS, { evalDataset: file });
    const result = await evaluated({ model: run.output, dataset: file, worst: 2 });
    expect(result).toMatchObject({ metrics: run.metrics, file });
    expect(result.mistakeCount).toBeGreaterThan(2);
    expect(result.mistakes.length).toBe(2);
    const [{ where, input, expected }] = result.mistakes;
    const line = Number(where.split("line ")[1]);
    expect({ input, expected }).toEqual({ input: REVIEWS[line - 1].text, expected: REVIEWS[line - 1].label });
  });

  test("a model of both heads is asked which", async () => {
    const both = { model: start, dataset: NEXT, ...PLAIN };
    await expect(evaluated(both)).rejects.toThrow("evaluate: task must be fill-mask or next-sentence-prediction for a model that is a BertForPreTraining by its config.json, is left out"); // biome-ignore format: one line
    const small = { ...both, model: undefined };
    await expect(evaluated(small)).rejects.toThrow(
      "is left out; model is left out: it is the small model that comes with plainbert",
    );
    expect((await evaluated({ ...both, task: "next-sentence-prediction" })).examples).toBe(NEXT.length);
    expect((await evaluated({ ...both, dataset: ["the cat was good."], task: "fill-mask" })).task).toBe("fill-mask");
  });
});

describe("what is told beside the metrics", () => {
  test("of a regression the largest errors, no classes and no matrix", async () => {
    const model = await classifier(["LABEL_0"]);
    const dataset = [0.5, -40, 3].map((label) => ({ text: "the cat was good.", label }));
    const result = await evaluated({ model, dataset });
    expect(result).toMatchObject({ classes: null, confusionMatrix: null, mistakeCount: 3 });
    expect(result.mistakes.map(({ where }) => where)).toEqual(["dataset[1]", "dataset[2]", "dataset[0]"]);
    expect(result.mistakes[0].expected).toBe("-40.00");
    expect(result.settings.problemType).toBe("regression");
  });

  test("of tags the words that are wrong", async () => {
    const dataset = [{ words: ["anna", "was", "in", "paris"], tags: ["B-PER", "O", "O", "B-LOC"] }];
    const run = await trained("token-classification", dataset, { maxSteps: 60, learningRate: 0.02 });
    const other = [{ words: ["anna", "was", "in", "paris"], tags: ["B-PER", "O", "O", "B-PER"] }];
    const { mistakes, confusionMatrix } = await evaluated({ model: run.output, dataset: other });
    expect(mistakes).toMatchObject([{ input: "anna was in paris", expected: "paris B-PER", predicted: "paris B-LOC" }]);
    expect(confusionMatrix).toEqual({ labels: ["LOC", "PER"], counts: [[0, 0], [1, 1]] }); // biome-ignore format: one line
  });

  test.each(CASES)("one example is enough: %s", async (...one) => {
    const [, , dataset, more = {}] = one;
    const run = await modelOf(one);
    const result = await evaluated({ model: run.output, dataset: dataset.slice(0, 1), ...more });
    expect(result.examples).toBe(1);
    expect(result.metrics.eval_loss).toBeGreaterThan(0);
    expect("eval_pearson" in result.metrics).toBe(false);
  });
});

describe("labels", () => {
  const good = (label: string | number) => ({ text: "the cat was good.", label });
  test("are the model's own, in its order, or all of them but for capitals, or all indices", async () => {
    const model = await classifier(["Bad", "Good"]);
    const losses = async (labels: readonly (string | number)[], more: object = {}) => {
      const { metrics } = await evaluated({ model, dataset: labels.map(good), ...more });
      return metrics.eval_loss;
    };
    const [bad, best] = [await losses(["Bad"]), await losses(["Good"])];
    expect(bad).not.toBe(best);
    expect(await losses(["bad"])).toBe(bad);
    expect(await losses([0])).toBe(bad);
    expect(await losses(["1"])).toBe(best);
    expect(await losses(["n", "p"], { labels: ["n", "p"] })).toBe((bad + best) / 2);
    expect(await losses(["n"], { labels: ["p", "n"] })).toBe(best);
  });

  test.each([
    [["Bad", "Good"], ["Good", "fine"], 'dataset[1]: label must be one of "Bad", "Good", got "fine"'],
    [["Bad", "Good"], ["bad", "fine"], 'dataset[0]: label must be one of "Bad", "Good", got "bad"'],
    [["Bad", "Good"], [2], 'dataset[0]: label must be a whole number from 0 to 1, an index of "Bad", "Good", got 2'],
    [["1", "2"], [1, 0], 'dataset[1]: label must be one of "1", "2", got 0'],
    [["LABEL_0", "LABEL_1"], ["no"], 'dataset[0]: label must be "LABEL_0", "LABEL_1" or an index, unless labels says what the examples call them, got "no"'], // biome-ignore format: one line
  ])("%j has none of %j", async (names, labels, message) => {
    const model = await classifier(names);
    await expect(evaluated({ model, dataset: labels.map(good) })).rejects.toThrow(message);
  });

  test("LABEL_0 and LABEL_1 are named by labels or by glueTask, and are indices", async () => {
    const model = await classifier(["LABEL_0", "LABEL_1"]);
    const matrix = async (labels: readonly (string | number)[], more: object = {}) =>
      (await evaluated({ model, dataset: labels.map(good), ...more })).confusionMatrix;
    const unnamed = await matrix([0, 1]);
    expect(unnamed?.labels).toEqual(["LABEL_0", "LABEL_1"]);
    expect(await matrix(["LABEL_0", "LABEL_1"])).toEqual(unnamed);
    const names = ["entailment", "not_entailment"];
    expect(await matrix(names, { glueTask: "rte" })).toEqual({ ...unnamed, labels: names });
    expect(await matrix(["a", "b"], { labels: ["a", "b"] })).toEqual({ ...unnamed, labels: ["a", "b"] });
    await expect(matrix(["a"], { labels: ["a"] })).rejects.toThrow('evaluate: labels must be 2, one for each of the model\'s, "LABEL_0", "LABEL_1"; got 1'); // biome-ignore format: one line
  });

  test("a model's own order does not change GLUE's scores", async () => {
    // F1 is that of "equivalent", whichever index it has. An untrained classifier says one thing of all texts.
    const dataset = ["equivalent", "equivalent", "not_equivalent"].map(good);
    for (const names of [
      ["equivalent", "not_equivalent"],
      ["not_equivalent", "equivalent"],
      ["EQUIVALENT", "NOT_EQUIVALENT"],
    ]) {
      const { metrics, confusionMatrix } = await evaluated({
        model: await classifier(names),
        dataset,
        glueTask: "mrpc",
      });
      const column = confusionMatrix!.labels.findIndex((_, c) => confusionMatrix!.counts.every((row) => row.reduce((a, b) => a + b, 0) === row[c])); // biome-ignore format: one line
      const isEquivalent = confusionMatrix!.labels[column].toLowerCase() === "equivalent";
      expect(metrics.eval_f1).toBeCloseTo(isEquivalent ? 0.8 : 0, 12);
    }
  });

  test("tags are matched as labels are", async () => {
    const model = await classifier(["O", "B-PER"], { architectures: ["BertForTokenClassification"] });
    const sentence = (tags: readonly (string | number)[]) => ({ words: ["anna", "was"], tags });
    const { metrics } = await evaluated({ model, dataset: [sentence(["B-PER", "O"])] });
    expect((await evaluated({ model, dataset: [sentence([1, 0])] })).metrics).toEqual(metrics);
    await expect(evaluated({ model, dataset: [sentence(["B-LOC", "O"])] })).rejects.toThrow('dataset[0]: label must be one of "O", "B-PER", got "B-LOC"'); // biome-ignore format: one line
  });
});

describe("what is refused", () => {
  const good = { text: "the cat was good.", label: "a" };

  test.each([
    [{ dataset: [good], tasks: "fill-mask" }, 'evaluate: unknown option "tasks"; did you mean "task"?'],
    [{ dataset: [good], task: "translation" }, "evaluate: task must be one of text-classification, "],
    [{ dataset: [good], task: "fill-mask" }, 'evaluate: task must be text-classification for a model that is a BertForSequenceClassification by its config.json, got "fill-mask"'], // biome-ignore format: one line
    [{ dataset: [] }, "evaluate: dataset must be a file or at least one example, got none"],
    [{}, "evaluate: dataset must be a file or at least one example, got undefined"],
    [{ dataset: [{ text: "a" }] }, "dataset[0]: label must be there, got none"],
    [{ dataset: [good], batchSize: 0 }, "evaluate: batchSize must be a whole number from 1 to"],
    [{ dataset: [good], worst: -1 }, "evaluate: worst must be a whole number from 0 to"],
    [
      { dataset: [good], maxLength: 99 },
      "evaluate: maxLength must be at most 32, the most that the model takes, got 99",
    ],
    [
      { dataset: [good], docStride: 5 },
      "evaluate: docStride must be left out for text-classification, it is of question-answering, got 5",
    ],
    [
      { dataset: [good], glueTask: "rte", problemType: "regression" },
      "evaluate: problemType must be left out where glueTask is given",
    ],
    [{ dataset: [{ texts: "a" }] }, 'dataset[0]: unknown field "texts"; did you mean "text"?'],
    [{ dataset: [{ text: "a", label: 3.5 }], problemType: "regression" }, "evaluate: the model must have one label for a regression, has 2"], // biome-ignore format: one line
  ])("%j", async (options, message) => {
    const model = await classifier(["a", "b"]);
    await expect(evaluated({ model, ...options })).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) })); // biome-ignore format: one line
  });

  test("a model without a head for what is asked; a file that is none, empty, or of something else", async () => {
    const bare = await tinyModel({ architectures: ["BertModel"] });
    await expect(evaluated({ model: bare, dataset: [good] })).rejects.toThrow('dataset[0]: an example must be anchor and positive, or sentence1, sentence2 and score, got a text alone'); // biome-ignore format: one line
    const other = { model: bare, dataset: [good], task: "text-classification" } as const;
    await expect(evaluated(other)).rejects.toThrow('evaluate: task must be sentence-embedding for a model that is a BertModel by its config.json, got "text-classification"'); // biome-ignore format: one line
    const model = await classifier(["a", "b"]);
    await expect(evaluated({ model, dataset: named("none.jsonl") })).rejects.toThrow("no such file or folder");
    writeFileSync(named("empty.jsonl"), "");
    await expect(evaluated({ model, dataset: named("empty.jsonl") })).rejects.toThrow("empty.jsonl: must have at least one example, has none"); // biome-ignore format: one line
    writeFileSync(named("other.jsonl"), '{"tokens":["a"],"ner_tags":["O"]}\n');
    await expect(evaluated({ model, dataset: named("other.jsonl") })).rejects.toThrow(/other\.jsonl: line 1: /);
    await expect(evaluated({ model: named("nowhere"), dataset: [good] })).rejects.toThrow("nowhere");
  });

  test.each(CASES)("an output that is no number names the example: %s", async (...one) => {
    const [name, , dataset, more = {}] = one;
    const model = named(`${name} that overflows`);
    cpSync((await modelOf(one)).output, model, { recursive: true });
    const weights = await openWeights(model);
    const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const [tensor, { shape }] of weights.tensors) {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      await weights.readInto(tensor, data);
      if (tensor === "bert.embeddings.LayerNorm.weight") data.fill(3e38); // what is computed from it overflows
      tensors.set(tensor, { shape, data });
    }
    await weights.close();
    await saveSafetensors(join(model, "model.safetensors"), tensors as never);
    const found = evaluated({ model, dataset, ...more });
    await expect(found).rejects.toThrow(expect.objectContaining({ code: "ERR_TRAINING", message: expect.stringMatching(/^.+: the model's output must be finite, gives a loss of (NaN|Infinity)$/) })); // biome-ignore format: one line
  });
});

test("what comes out can be written as JSON and read again", async () => {
  const result = await evaluated({ model: await classifier(["positive", "negative"]), dataset: REVIEWS });
  expect(JSON.parse(JSON.stringify(result))).toEqual(result);
});
