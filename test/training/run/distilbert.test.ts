import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadBert, pipeline } from "../../../src/index.ts";
import { openWeights } from "../../../src/load/weightFiles.ts";
import { evaluate, type FinetuneTask, finetune } from "../../../src/training/index.ts";
import { distilbertPath } from "../../support/distilbert.ts";
import { temporaryFolder } from "../../support/tinyModel.ts";

const TEXTS = ["The door was open.", "The window was shut.", "She read a good letter.", "He read a bad book."];
const context = "Emma lived in London and Anna in Bath.";
/** Examples that a model this small can learn by heart. */
const EXAMPLES = {
  "text-classification": TEXTS.map((text, i) => ({ text, label: i < 2 ? "thing" : "reading" })),
  "token-classification": [
    { words: ["Emma", "lived", "in", "London"], tags: ["B-PER", "O", "O", "B-LOC"] },
    { words: ["Anna", "read", "in", "Bath"], tags: ["B-PER", "O", "O", "B-LOC"] },
  ],
  "question-answering": [
    { id: "1", question: "Was Emma in London?", context, answers: [{ text: "Emma", start: 0 }] },
    { id: "2", question: "Was Anna in Bath?", context, answers: [{ text: "Anna", start: 25 }] },
  ],
  "multiple-choice": [
    { text: "She read", choices: ["a letter.", "the door."], label: 0 },
    { text: "The door", choices: ["a letter.", "was open."], label: 1 },
  ],
  "text-ranking": TEXTS.map((text, i) => ({ query: "What was read?", text, label: i < 2 ? 0 : 1 })),
  "fill-mask": TEXTS,
  "sentence-embedding": [
    { anchor: "Was Emma in London?", positive: "Emma lived in London.", negative: "He read a bad book." },
    { anchor: "What was read?", positive: "She read a good letter.", negative: "The door was open." },
  ],
} as const satisfies Partial<Record<FinetuneTask, readonly unknown[]>>;
type Task = keyof typeof EXAMPLES;

const CLASSES: Readonly<Record<Task, string>> = {
  "text-classification": "DistilBertForSequenceClassification",
  "token-classification": "DistilBertForTokenClassification",
  "question-answering": "DistilBertForQuestionAnswering",
  "multiple-choice": "DistilBertForMultipleChoice",
  "text-ranking": "DistilBertForSequenceClassification",
  "fill-mask": "DistilBertForMaskedLM",
  "sentence-embedding": "DistilBertModel",
};

const run = (task: Task, output: string, options: object = {}) =>
  finetune({
    ...{ task, output, trainDataset: EXAMPLES[task], evalDataset: EXAMPLES[task], model: distilbertPath("mlm") },
    ...{ learningRate: 0.01, batchSize: 2, maxSteps: 100, evalSteps: 100, backend: "plain", ...options },
  } as never);

async function weightsIn(folder: string): Promise<Map<string, Float32Array>> {
  const weights = await openWeights(folder);
  try {
    const read = new Map<string, Float32Array>();
    for (const [name, { shape }] of weights.tensors) {
      read.set(name, new Float32Array(shape.reduce((a, b) => a * b, 1)));
      await weights.readInto(name, read.get(name) as Float32Array);
    }
    return read;
  } finally {
    await weights.close();
  }
}

test.each(Object.keys(EXAMPLES) as Task[])(
  "%s is learned from another head's model, saved and evaluated",
  async (task) => {
    using place = temporaryFolder();
    const output = join(place.path, "run");
    await run(task, output);
    const losses = readFileSync(join(output, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .flatMap((line) => JSON.parse(line).loss ?? []);
    expect(losses.at(-1)).toBeLessThan(losses[0] / 2);

    const config = JSON.parse(readFileSync(join(output, "config.json"), "utf8"));
    const start = JSON.parse(readFileSync(join(distilbertPath("mlm"), "config.json"), "utf8"));
    expect(config).toMatchObject({ model_type: "distilbert", architectures: [CLASSES[task]], dim: 12, n_layers: 2 });
    expect(Object.keys(config)).toEqual(expect.arrayContaining(Object.keys(start)));
    const names = [...(await weightsIn(output)).keys()];
    expect(names.every((name) => /^(distilbert|vocab_|pre_classifier|classifier|qa_outputs)/.test(name))).toBe(true);
    await using bert = await loadBert(output, { strict: true });
    expect(bert.config.architecture).toBe(CLASSES[task]);
    const result = await evaluate({ model: output, dataset: EXAMPLES[task] as never, backend: "plain" });
    expect(result.task).toBe(task);
    expect(Number.isFinite(Object.values(result.metrics)[0])).toBe(true);
    if (task === "fill-mask" || task === "question-answering") return;
    const { eval_accuracy, eval_overall_accuracy, eval_cosine_accuracy } = result.metrics;
    const accuracy = eval_accuracy ?? eval_overall_accuracy ?? eval_cosine_accuracy;
    expect(accuracy).toBe(1);
  },
);

test("a learned classifier answers in the pipeline", async () => {
  using place = temporaryFolder();
  const output = join(place.path, "run");
  await run("text-classification", output);
  await using classify = await pipeline("text-classification", output);
  const labels = (await classify([...TEXTS])).map((answer) => (answer as { label: string }).label);
  expect(labels).toEqual(EXAMPLES["text-classification"].map(({ label }) => label));
  // To go on with other labels keeps pre_classifier, and begins a new classifier
  const again = join(place.path, "again");
  const trainDataset = TEXTS.map((text, i) => ({ text, label: `label ${i}` }));
  const options = {
    model: output,
    trainDataset,
    evalDataset: undefined,
    evalSteps: undefined,
    maxSteps: 1,
    learningRate: 0,
  };
  await run("text-classification", again, options);
  const [before, after] = [await weightsIn(output), await weightsIn(again)];
  expect(after.get("pre_classifier.weight")).toEqual(before.get("pre_classifier.weight"));
  expect(after.get("classifier.weight")).toHaveLength(48);
});

test("classes that weigh count, and checkpointing changes no bit", async () => {
  using place = temporaryFolder();
  const after = async (name: string, options: object) => {
    const more = { maxSteps: 3, evalSteps: 3, ...options };
    await run("text-classification", join(place.path, name), more);
    return weightsIn(join(place.path, name));
  };
  const weighing = { classWeights: { thing: 3 }, labelSmoothingFactor: 0.1 };
  const weighed = await after("weighed", weighing);
  expect(await after("checkpointed", { ...weighing, gradientCheckpointing: true })).toEqual(weighed);
  expect(await after("plain", {})).not.toEqual(weighed);
});

test("frozen layers stay as they are; others and the head do not", async () => {
  using place = temporaryFolder();
  const output = join(place.path, "run");
  await run("text-classification", output, { freezeLayers: 1, maxSteps: 3, evalSteps: 3 });
  const [before, after] = [await weightsIn(distilbertPath("mlm")), await weightsIn(output)];
  const kept = [...after.keys()].filter(
    (name) => before.has(name) && after.get(name)!.every((x, i) => x === before.get(name)![i]),
  );
  const frozen = (name: string) => /^distilbert\.(embeddings|transformer\.layer\.0)\./.test(name);
  expect(kept.sort()).toEqual([...after.keys()].filter(frozen).sort());
  expect(kept).toHaveLength(4 + 16);
});

test("a run that was stopped goes on to the same bits", async () => {
  using place = temporaryFolder();
  const [whole, parts] = [join(place.path, "whole"), join(place.path, "parts")];
  const options = { maxSteps: 8, evalSteps: 4, saveSteps: 4 };
  await run("token-classification", whole, options);
  const stop = new AbortController();
  const onProgress = ({ step }: { step: number }) => {
    if (step === 3) stop.abort();
  };
  await expect(run("token-classification", parts, { ...options, signal: stop.signal, onProgress })).rejects.toThrow(
    "finetune: stopped at step 3 of 8",
  );
  await run("token-classification", parts, { ...options, resume: true });
  expect(await weightsIn(parts)).toEqual(await weightsIn(whole));
});

test("next-sentence-prediction is refused", async () => {
  using place = temporaryFolder();
  const other = "a BERT with a next-sentence head, such as google-bert/bert-base-uncased: a DistilBERT has none";
  const pairs = [{ text: "a", text_pair: "b", label: 0 }];
  const given = { task: "next-sentence-prediction", trainDataset: pairs, model: distilbertPath("mlm") } as const;
  await expect(finetune({ ...given, output: join(place.path, "a") })).rejects.toMatchObject({
    code: "ERR_INPUT",
    message: `finetune: the model must be ${other}`,
  });
  await expect(
    evaluate({ task: "next-sentence-prediction", dataset: pairs, model: distilbertPath("mlm") }),
  ).rejects.toMatchObject({ code: "ERR_INPUT", message: `evaluate: the model must be ${other}` });
});
