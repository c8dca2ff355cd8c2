import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBert, pipeline } from "../../../src/index.ts";
import { parseConfig } from "../../../src/model/config.ts";
import type { BertTokenizer } from "../../../src/tokenizer/index.ts";
import { planOf } from "../../../src/training/finetune.ts";
import {
  type FinetuneOptions,
  type FinetuneResult,
  type FinetuneTask,
  finetune,
  type RunOptions,
} from "../../../src/training/index.ts";
import { resolveRunOptions } from "../../../src/training/run/resolvedOptions.ts";
import type { PreparedTask } from "../../../src/training/tasks/task.ts";
import { REVIEWS, temporaryFolder, writeTinyModel } from "../../support/tinyModel.ts";
import { weightsIn } from "../../support/weightsIn.ts";

let place: ReturnType<typeof temporaryFolder>;
let model: string;
let runs = 0;
beforeAll(async () => {
  place = temporaryFolder();
  model = join(place.path, "start");
  mkdirSync(model);
  await writeTinyModel(model, { num_hidden_layers: 1 }); // each task is learned twice as fast
});
afterAll(() => place[Symbol.dispose]());

const output = () => join(place.path, `run-${runs++}`);
const CLASSIFY = { task: "text-classification", trainDataset: REVIEWS, learningRate: 0.01, backend: "plain" } as const;
const train = <T extends FinetuneTask>(options: Omit<FinetuneOptions<T>, "output" | "model"> & Partial<RunOptions>) =>
  finetune({ model, output: output(), ...options } as FinetuneOptions<T>);

const logOf = (folder: string) =>
  readFileSync(join(folder, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("an example without `where` is named by its place", () => {
  const choices = ["it was good.", "it was bad."];
  const ask = (question: string) => ({ id: question, question, context: "a", answers: [] });
  const cases: [FinetuneTask, object, object][] = [
    ["text-classification", { text: "a", label: "b" }, { text: "a" }],
    ["token-classification", { words: ["a"], tags: ["O"] }, { words: ["a"], tags: ["B-PER"] }],
    ["question-answering", ask("a"), ask("a ".repeat(40))],
    ["multiple-choice", { text: "a", choices, label: 0 }, { text: "a", choices }],
    ["next-sentence-prediction", { text: "a", text_pair: "b", label: 0 }, { text: "a", text_pair: "b", label: "b" }],
    ["text-ranking", { query: "a", text: "b", label: 0 }, { query: "a", text: "b" }],
  ];
  test.each(cases)("%s", async (task, good, bad) => {
    const labels = task === "token-classification" ? { labels: ["O", "B-LOC"] } : {};
    const run = (trainDataset: object[], evalDataset: object[]) =>
      train({ task, trainDataset, evalDataset, ...labels } as never);
    const named = (name: string) =>
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringMatching(name) });
    await expect(run([good, bad], [good])).rejects.toThrow(named("^trainDataset\\[1\\]: "));
    await expect(run([good, good], [good, good, bad])).rejects.toThrow(named("^evalDataset\\[2\\]: "));
    await expect(run([good, { ...bad, where: "here" }], [good])).rejects.toThrow(named("^here: "));
  });
});

describe("a field of an example that is none of the task's is refused", () => {
  const pair = { text: "a", label: "b" };
  const ask = { id: "q", question: "a", context: "a", answers: [{ text: "a", start: 0 }] };
  test.each([
    ["text-classification", { ...pair, textPair: "c" }, 'unknown field "textPair"; did you mean "text_pair"?'],
    ["text-classification", { ...pair, labels: "c" }, 'unknown field "labels"; did you mean "label"?'],
    ["next-sentence-prediction", { ...pair, textpair: "c" }, 'unknown field "textpair"; did you mean "text_pair"?'],
    ["token-classification", { tokens: ["a"], tags: ["O"] }, 'unknown field "tokens"; did you mean "words"?'],
    ["token-classification", { words: ["a"], ner_tags: ["O"] }, 'unknown field "ner_tags"; did you mean "tags"?'],
    ["question-answering", { ...ask, title: "T" }, `unknown field "title"; known are`],
    ["question-answering", { ...ask, answers: [{ text: "a", answer_start: 0 }] }, 'answers[0]: unknown field "answer_start"; did you mean "start"?'], // biome-ignore format: one line
    ["question-answering", { ...ask, answers: { text: ["a"], answer_start: [0] } }, "answers must be an array of { text, start }, got an object"], // biome-ignore format: one line
    ["text-ranking", { query: "a", text: "b", lable: 0 }, 'unknown field "lable"; did you mean "label"?'],
    ["multiple-choice", { text: "a", choices: ["b", "c"], lable: 0 }, 'unknown field "lable"; did you mean "label"?'],
    ["multiple-choice", { text: "a", choices: ["b"], label: 0 }, "choices must be an array of strings, at least two, got an array of 1"], // biome-ignore format: one line
    ["text-classification", JSON.parse('{"text": "a", "label": "b", "__proto__": 1}'), 'unknown field "__proto__"'],
    [
      "text-classification",
      ["a", "b"],
      "an example must be an object with where, text, text_pair, label, got an array of 2",
    ],
    ["text-classification", { text: 3, label: "b" }, "text must be a string, got 3"],
    [
      "token-classification",
      { words: ["a"], tags: [] },
      "tags must be an array of strings or whole numbers, at least one, got an array of 0",
    ],
    ["token-classification", { words: ["a"], tags: ["O", "O"] }, "tags must be one for each of 1 words, got 2"],
  ] as [FinetuneTask, object, string][])("%s: %j", async (task, example, message) => {
    const run = train({ task, trainDataset: [example] } as never);
    await expect(run).rejects.toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(`trainDataset[0]: ${message}`) }),
    );
  });
});

describe("labels", () => {
  const configOf = (folder: string) => JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  const labelled = (label: (positive: boolean) => unknown) =>
    REVIEWS.map(({ text, label: name }) => ({ text, label: label(name === "positive") }));
  const once = (options: object) => train({ ...CLASSIFY, maxSteps: 1, ...options });

  describe("that evaluation alone has are refused, unless they are listed", () => {
    const misspelt = [{ text: "it was good.", label: "postive" }, ...REVIEWS];
    const tagged = (tag: string | number) => [{ words: ["anna", "saw"], tags: [tag, "O"] }];
    const ner = { task: "token-classification", trainDataset: tagged("B-PER") };
    const sets = [
      { text: "a", label: ["x", "y"] },
      { text: "b", label: ["x"] },
    ];
    const stranger = [{ text: "a", label: ["x", "z"] }];
    test.each([
      [{ evalDataset: misspelt }, 'evalDataset[0]: label must be one of those to train with, "negative", "positive", unless labels lists it, got "postive"'], // biome-ignore format: one line
      [{ ...ner, evalDataset: tagged("B-LOC") }, 'evalDataset[0]: tag must be one of those to train with, "B-PER", "O", unless labels lists it, got "B-LOC"'], // biome-ignore format: one line
      [{ trainDataset: sets, evalDataset: stranger }, 'evalDataset[0]: label must be one of those to train with, "x", "y", unless labels lists it, got "z"'], // biome-ignore format: one line
    ])("%j", async (options, message) => {
      await expect(once(options)).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message }));
    });

    test("a file is named with the line", async () => {
      const file = join(output(), "..", `dev-${Math.random()}.jsonl`);
      writeFileSync(file, `${JSON.stringify(REVIEWS[0])}\n{"text":"a","label":"postive"}\n`);
      await expect(once({ evalDataset: file })).rejects.toThrow(`${file}: line 2: label must be one of`);
    });

    test("listed, or known to the classifier that training begins with", async () => {
      const labels = ["negative", "positive", "postive"];
      const { output: model } = await once({ evalDataset: misspelt, labels });
      expect(configOf(model).id2label).toEqual({ 0: "negative", 1: "positive", 2: "postive" });
      expect(configOf((await once({ model, evalDataset: misspelt })).output).id2label).toEqual(
        configOf(model).id2label,
      );
    });
  });

  test("indices of labels that are given, in texts and in words", async () => {
    const named = await once({ evalDataset: REVIEWS, labels: ["positive", "negative"] });
    const dataset = labelled((positive) => (positive ? 0 : 1));
    const indexed = await once({ trainDataset: dataset, evalDataset: dataset, labels: ["positive", "negative"] });
    expect(configOf(indexed.output).id2label).toEqual({ 0: "positive", 1: "negative" });
    expect(indexed.metrics).toEqual(named.metrics);
    expect(await weightsIn(indexed.output)).toEqual(await weightsIn(named.output));
    const words = ["anna", "saw", "paris"];
    const tag = (tags: (string | number)[]) =>
      train({
        task: "token-classification",
        trainDataset: [{ words, tags }],
        labels: ["O", "B-PER", "B-LOC"],
        maxSteps: 1,
      });
    const [byIndex, byName] = [await tag([1, 0, 2]), await tag(["B-PER", "O", "B-LOC"])];
    expect(configOf(byIndex.output).id2label).toEqual({ 0: "O", 1: "B-PER", 2: "B-LOC" });
    expect(await weightsIn(byIndex.output)).toEqual(await weightsIn(byName.output));
  });

  test("booleans, of a program and of a file", async () => {
    const classes = { 0: "false", 1: "true" };
    expect(configOf((await once({ trainDataset: labelled((positive) => positive) })).output).id2label).toEqual(classes);
    const file = join(place.path, "booleans.csv");
    writeFileSync(file, `text,label\n${REVIEWS.map(({ text, label }, i) => `${text},${label === "positive" ? ["True", "TRUE"][i % 2] : "False"}\n`).join("")}`); // biome-ignore format: one line
    expect(configOf((await once({ trainDataset: file })).output).id2label).toEqual(classes);
  });

  test("floats of a file are a regression, as in Python, whole ones too; whole numbers are classes", async () => {
    const write = (name: string, one: (text: string, stars: number) => string, head = "") => {
      const file = join(place.path, name);
      writeFileSync(file, head + REVIEWS.map(({ text, label }) => one(text, label === "positive" ? 5 : 1)).join("\n"));
      return file;
    };
    const csv = (suffix: string) =>
      write(`stars${suffix}.csv`, (text, stars) => `${text},${stars}${suffix}`, "text,label\n");
    const json = (suffix: string) => write(`stars${suffix}.jsonl`, (text, stars) => `{"text": "${text}", "label": ${stars}${suffix}}`); // biome-ignore format: one line
    for (const trainDataset of [csv(".0"), json(".0"), csv(".5"), json(".5")]) {
      const config = configOf((await once({ trainDataset, evalDataset: trainDataset })).output);
      expect([trainDataset, config.problem_type]).toEqual([trainDataset, "regression"]);
    }
    for (const trainDataset of [csv(""), json("")]) {
      const { problem_type, id2label } = configOf((await once({ trainDataset })).output);
      expect([problem_type, id2label]).toEqual(["single_label_classification", { 0: "1", 1: "5" }]);
    }
  });

  test("a classifier goes on with its own classes where the examples have the same, in its order", async () => {
    const first = await once({ labels: ["positive", "negative"] });
    const next = (options: object) => once({ model: first.output, ...options });
    const own = { 0: "positive", 1: "negative" };
    expect(configOf((await next({})).output).id2label).toEqual(own);
    expect(
      configOf((await next({ trainDataset: labelled((positive) => (positive ? 0 : 1)) })).output).id2label,
    ).toEqual(own);
    expect(configOf((await next({ trainDataset: labelled((positive) => (positive ? "good" : "bad")) })).output).id2label).toEqual({ 0: "bad", 1: "good" }); // biome-ignore format: one line
    expect(configOf((await next({ labels: ["negative", "positive"] })).output).id2label).toEqual({ 0: "negative", 1: "positive" }); // biome-ignore format: one line
  });
});

describe("answers that stand elsewhere than they say", () => {
  const context = "anna saw the cat in paris . the dog was in the book .";
  const ask = (id: string, text: string, start: number | null) => ({
    ...{ where: `question ${id}`, id, question: "who saw it ?", context },
    answers: [{ text, start }],
  });
  const good = [ask("1", "anna", 0), ask("2", "the dog", context.indexOf("the dog"))];
  const bad = [ask("3", "paris", 0), ask("4", "bob", null)];
  const near = ask("5", "saw  the", context.indexOf("saw"));
  const learn = (trainDataset: object[], options = {}) =>
    train({
      task: "question-answering",
      trainDataset,
      batchSize: 2,
      maxSteps: 2,
      backend: "plain",
      ...options,
    } as never);

  test("are left out of training and counted", async () => {
    const run = (await learn([good[0], bad[0], good[1], bad[1]])) as FinetuneResult;
    const without = (await learn(good)) as FinetuneResult;
    expect([run.skippedExamples, without.skippedExamples]).toEqual([2, 0]);
    expect(run.log.map(({ loss }) => loss)).toEqual(without.log.map(({ loss }) => loss));
    expect(await weightsIn(run.output)).toEqual(await weightsIn(without.output));
    expect((await learn([...good, near])).skippedExamples).toBe(0);
  });

  test("stay in evaluation, where the text of an answer counts", async () => {
    const both = await learn(good, { evalDataset: [...good, ...bad] });
    const alone = await learn(good, { evalDataset: good });
    expect(both.metrics.eval_loss).toBeCloseTo(alone.metrics.eval_loss, 12);
    expect(both.examples.map(({ expected }) => expected)).toEqual(["anna", "the dog", "paris", "bob"]);
  });

  test("are refused where that is asked, and where there are no others", async () => {
    await expect(learn([good[0], ...bad], { misplacedAnswers: "refuse" })).rejects.toThrow(
      'question 3: the answer "paris" does not stand where it says; nor does that of 1 other question',
    );
    await expect(learn([bad[1]])).rejects.toThrow('question 4: the answer "bob" does not stand where it says');
  });
});

describe("each task learns, and what is written answers in its pipeline as evaluation said", () => {
  test("text-classification", async () => {
    const result = await train({ ...CLASSIFY, evalDataset: REVIEWS, numTrainEpochs: 12 });
    expect(result.globalStep).toBe(48);
    expect(result.metrics.eval_accuracy).toBe(1);
    const classify = await pipeline("text-classification", result.output, { backend: "plain" });
    const answers = await classify(REVIEWS.map(({ text }) => text));
    expect(answers.map(({ label }) => label)).toEqual(REVIEWS.map(({ label }) => label));
    const loss = answers.reduce((sum, { score }) => sum - Math.log(score), 0) / answers.length;
    expect(result.metrics.eval_loss).toBeCloseTo(loss, 5);
    expect(result.examples[0]).toEqual({ input: REVIEWS[0].text, expected: "positive", predicted: "positive" });
    const config = JSON.parse(readFileSync(join(result.output, "config.json"), "utf8"));
    expect(config).toMatchObject({
      architectures: ["BertForSequenceClassification"],
      id2label: { 0: "negative", 1: "positive" },
      label2id: { negative: 0, positive: 1 },
      problem_type: "single_label_classification",
    });
    await classify.model.dispose();
  });

  test("several labels at once", async () => {
    const dataset = REVIEWS.map(({ text, label, where }) => ({
      ...{ text, where },
      label: [...(label === "positive" ? ["nice"] : []), ...(text.includes("cat") ? ["animal"] : [])],
    }));
    const result = await train({ ...CLASSIFY, trainDataset: dataset, evalDataset: dataset, numTrainEpochs: 40 });
    expect(result.metrics).toMatchObject({ eval_accuracy: 1, eval_f1_micro: 1, eval_f1_macro: 1 });
    const classify = await pipeline("text-classification", result.output, { backend: "plain" });
    const [both] = await classify(["the cat was good."], { top_k: null });
    expect(both.map(({ score }) => score > 0.5)).toEqual([true, true]);
    await classify.model.dispose();
  });

  test("a regression", async () => {
    const value = (text: string) => (text.includes("good") ? 1.5 : text.includes("fine") ? 0.5 : -1);
    const dataset = REVIEWS.map(({ text, where }) => ({ text, where, label: value(text) }));
    const result = await train({ ...CLASSIFY, trainDataset: dataset, evalDataset: dataset, numTrainEpochs: 40 });
    expect(result.metrics.eval_pearson).toBeGreaterThan(0.9);
    const bert = await loadBert(result.output, { backend: "plain" });
    const { logits } = await bert.forward(bert.tokenizer.encodeBatch(dataset.map(({ text }) => text)));
    const squares = dataset.map(({ label }, i) => ((logits?.data[i] ?? Number.NaN) - label) ** 2);
    expect(result.metrics.eval_loss).toBeCloseTo(squares.reduce((a, b) => a + b, 0) / squares.length, 6);
    await bert.dispose();
  });

  test("token-classification", async () => {
    const dataset = ["anna saw the cat .", "the dog saw paris .", "anna was in paris .", "a film is in the book ."].map(
      (text) => {
        const words = text.split(" ");
        const tag = (word: string) => (word === "anna" ? "B-PER" : word === "paris" ? "B-LOC" : "O");
        return { words, tags: words.map(tag) };
      },
    );
    const options = {
      task: "token-classification",
      trainDataset: dataset,
      evalDataset: dataset,
      learningRate: 0.02,
    } as const;
    const result = await train({ ...options, numTrainEpochs: 40, backend: "plain" });
    expect(result.metrics).toMatchObject({ eval_f1: 1, eval_precision: 1, eval_recall: 1, eval_accuracy: 1 });
    const find = await pipeline("token-classification", result.output, { backend: "plain" });
    const [entities] = await find(["anna was in paris ."], { aggregation_strategy: "simple" });
    expect(entities.map(({ entity_group, word }) => [entity_group, word])).toEqual([["PER", "anna"], ["LOC", "paris"]]); // biome-ignore format: one line
    await find.model.dispose();
  });

  test("question-answering", async () => {
    const context = "anna saw the cat in paris . the dog was in the book .";
    const ask = (question: string, text: string) => ({
      ...{ id: question, question, context },
      answers: text === "" ? [] : [{ text, start: context.indexOf(text) }],
    });
    const dataset = [ask("who saw the cat ?", "anna"), ask("who was in the book ?", "the dog"), ask("is it bad ?", "")];
    const options = {
      task: "question-answering",
      trainDataset: dataset,
      evalDataset: dataset,
      learningRate: 0.02,
    } as const;
    const result = await train({ ...options, batchSize: 3, numTrainEpochs: 150, backend: "plain" });
    expect(result.metrics).toMatchObject({
      eval_exact: 100,
      eval_f1: 100,
      eval_HasAns_exact: 100,
      eval_NoAns_exact: 100,
    });
    const answer = await pipeline("question-answering", result.output, { backend: "plain" });
    expect(await answer({ question: "who was in the book ?", context })).toMatchObject({ answer: "the dog" });
    await answer.model.dispose();
  });

  test("multiple-choice", async () => {
    const dataset = ["cat", "dog", "film", "book"].map((thing, i) => {
      const choices = [`it was a ${thing}.`, "it was paris."];
      return {
        text: `anna saw a ${thing}.`,
        choices: i % 2 === 0 ? choices : choices.toReversed(),
        label: i % 2,
      };
    });
    const options = {
      task: "multiple-choice",
      trainDataset: dataset,
      evalDataset: dataset,
      learningRate: 0.02,
    } as const;
    const result = await train({ ...options, batchSize: 2, numTrainEpochs: 40, backend: "plain" });
    expect(result.metrics.eval_accuracy).toBe(1);
    const choose = await pipeline("multiple-choice", result.output, { backend: "plain" });
    const { text, choices, label } = dataset[1];
    expect((await choose(text, choices))[0]).toMatchObject({ choice: choices[label] });
    await choose.model.dispose();
  });

  test("next-sentence-prediction", async () => {
    const dataset = ["cat", "dog", "film", "book"].flatMap((thing) => [
      { text: `anna saw a ${thing}.`, text_pair: `the ${thing} was good.`, label: "IsNext" },
      { text: `anna saw a ${thing}.`, text_pair: "paris is bad.", label: 1 },
    ]);
    const options = { task: "next-sentence-prediction", trainDataset: dataset, evalDataset: dataset } as const;
    const result = await train({ ...options, learningRate: 0.02, numTrainEpochs: 40, backend: "plain" });
    expect(result.metrics.eval_accuracy).toBe(1);
    const predict = await pipeline("next-sentence-prediction", result.output, { backend: "plain" });
    expect(await predict("anna saw a cat.", "paris is bad.")).toMatchObject({ label: "NotNext" });
    await predict.model.dispose();
  });

  test("fill-mask: masks of an evaluation stay, those of training change", async () => {
    const texts = REVIEWS.map(({ text }) => text);
    const options = { task: "fill-mask", trainDataset: texts, evalDataset: texts, learningRate: 0.01 } as const;
    const result = await train({ ...options, numTrainEpochs: 30, evalSteps: 4, backend: "plain" });
    const losses = result.log.flatMap(({ eval_loss }) => (eval_loss === undefined ? [] : [eval_loss]));
    expect(losses.length).toBe(30);
    expect(losses[29]).toBeLessThan(0.6 * losses[0]);
    expect(result.metrics.eval_perplexity).toBeCloseTo(Math.exp(result.metrics.eval_loss), 6);
    const fill = await pipeline("fill-mask", result.output, { backend: "plain" });
    const [[first]] = [await fill("the cat [MASK] good.")];
    expect((first as { token_str: string }).token_str).toBe("was");
    await fill.model.dispose();
  });
});

describe("options", () => {
  test("frozen parameters keep their bits, those of Python's names all others change", async () => {
    const two = join(place.path, "two-layers");
    mkdirSync(two);
    await writeTinyModel(two);
    const frozenRun = await finetune({ ...CLASSIFY, model: two, maxSteps: 2, freezeLayers: 1, output: output() });
    const [before, after] = await Promise.all([weightsIn(two), weightsIn(frozenRun.output)]);
    const frozen = (name: string) => name.startsWith("bert.embeddings.") || name.startsWith("bert.encoder.layer.0.");
    for (const [name, data] of after) {
      if (!before.has(name)) expect(name).toMatch(/^classifier\./);
      else if (frozen(name)) expect(data).toEqual(before.get(name));
      else expect(data, name).not.toEqual(before.get(name));
    }
  });

  test("an update of two batches is that of one batch of twice the size", async () => {
    const alone = { ...CLASSIFY, maxSteps: 1, seed: 3, learningRate: 1e-3, trainDataset: REVIEWS.slice(0, 8) };
    const still = join(place.path, "still");
    mkdirSync(still);
    await writeTinyModel(still, { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 });
    const one = await finetune({ ...alone, model: still, output: output(), batchSize: 8 });
    const two = await finetune({
      ...alone,
      model: still,
      output: output(),
      batchSize: 4,
      gradientAccumulationSteps: 2,
    });
    expect(two.log[0].loss).toBeCloseTo(one.log[0].loss, 6);
    expect(two.log[0].grad_norm).toBeCloseTo(one.log[0].grad_norm, 5);
  });

  test("the learning rate follows the schedule, lines are means of their updates", async () => {
    const { log, output } = await train({
      ...CLASSIFY,
      maxSteps: 8,
      warmupSteps: 2,
      loggingSteps: 1,
      learningRate: 8e-3,
    });
    const schedule = [0, 1 / 2, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6];
    for (const [i, { learning_rate }] of log.entries()) expect(learning_rate).toBeCloseTo(8e-3 * schedule[i], 12);
    expect(log.map(({ epoch }) => epoch)).toEqual([0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]);
    expect(logOf(output)).toEqual(log);
    const paired = await train({ ...CLASSIFY, maxSteps: 8, warmupSteps: 2, loggingSteps: 4, learningRate: 8e-3 });
    const mean = (from: number) => log.slice(from, from + 4).reduce((sum, { loss }) => sum + loss / 4, 0);
    expect(paired.log.map(({ loss }) => loss)).toEqual([expect.closeTo(mean(0), 12), expect.closeTo(mean(4), 12)]);
  });

  test("early stopping, and the best checkpoint is kept and is the result", async () => {
    // With labels the other way round in evaluation, what is learned is worse and worse.
    const upsideDown = REVIEWS.map((review) => ({
      ...review,
      label: review.label === "positive" ? "negative" : "positive",
    }));
    const result = await train({
      ...{ ...CLASSIFY, evalDataset: upsideDown, evalSteps: 2, maxSteps: 40, saveSteps: 4, saveTotalLimit: 1 },
      ...{ loadBestModelAtEnd: true, earlyStoppingPatience: 3 },
    });
    const evaluations = result.log.filter((entry) => "eval_loss" in entry);
    const losses = evaluations.map(({ eval_loss }) => eval_loss);
    const best = losses.indexOf(Math.min(...losses));
    expect(losses.length).toBe(best + 4);
    expect(result.bestStep).toBe(evaluations[best].step);
    expect(result.metrics.eval_loss).toBe(losses[best]);
    const checkpoints = readdirSync(result.output).filter((name) => name.startsWith("checkpoint-"));
    expect(checkpoints.sort()).toEqual([`checkpoint-${result.bestStep}`, `checkpoint-${result.globalStep}`].sort());
    const saved = readFileSync(join(result.output, `checkpoint-${result.bestStep}`, "model.safetensors"));
    expect(readFileSync(join(result.output, "model.safetensors")).equals(saved)).toBe(true);
  });

  test("a classifier for other labels is replaced by a new one", async () => {
    const first = await train({ ...CLASSIFY, maxSteps: 1 });
    const three = REVIEWS.map((review, i) => ({ ...review, label: String(i % 3) }));
    const second = await finetune({
      ...CLASSIFY,
      model: first.output,
      trainDataset: three,
      maxSteps: 1,
      output: output(),
    });
    expect((await weightsIn(second.output)).get("classifier.bias")?.length).toBe(3);
  });
});

describe("what is refused", () => {
  test.each([
    [{ task: "translation" }, "finetune: task must be one of text-classification, token-classification,"],
    [{ trainDataset: [] }, "finetune: trainDataset must be a file or at least one example, got none"],
    [{ learningRate: Number.NaN }, "finetune: learningRate must be a finite number from 0, got NaN"],
    [{ adamEpsilon: -1 }, "finetune: adamEpsilon must be a finite number from 0, got -1"],
    [{ numTrainEpochs: 0 }, "finetune: numTrainEpochs must be a number above 0 and at most 4294967295, got 0"],
    [{ maxGradNorm: 0 }, "finetune: maxGradNorm must be a number above 0, got 0"],
    [{ warmupRatio: 2 }, "finetune: warmupRatio must be a number from 0 to 1, got 2"],
    [{ batchSize: 0 }, "finetune: batchSize must be a whole number from 1 to"],
    [{ maxLength: 33 }, "finetune: maxLength must be at most 32, the most that the model takes, got 33"],
    [{ loadBestModelAtEnd: true }, "finetune: evalDataset must be given with loadBestModelAtEnd, is left out"],
    [{ evalDataset: REVIEWS, metricForBestModel: "f2", maxSteps: 1 }, 'finetune: metricForBestModel must be one of loss, accuracy, f1_macro, matthews_correlation, got "f2"'], // biome-ignore format: one line
    [{ freezeLayers: 2, task: "fill-mask", trainDataset: ["good"], maxSteps: 1, output: "" }, "finetune: output must be a folder"], // biome-ignore format: one line
    [{ freezeLayers: 2 }, "finetune: freezeLayers must be at most 1, the model's layers, got 2"],
    [{ maxSteps: 4, warmupSteps: 5 }, "finetune: warmupSteps must be at most 4, all updates, got 5"],
    [{ evalSteps: 5 }, "finetune: evalDataset must be given with evalSteps, is left out"],
    [{ metricForBestModel: "f1" }, "finetune: evalDataset must be given with metricForBestModel, is left out"],
    [
      { docStride: 1 },
      "finetune: docStride must be left out for text-classification, it is of question-answering, got 1",
    ],
    [{ mlmProbability: 0.2 }, "finetune: mlmProbability must be left out for text-classification, it is of fill-mask"],
    [
      { task: "fill-mask", trainDataset: ["good"], mlmProbability: 2 },
      "finetune: mlmProbability must be a number above 0 and at most 1, got 2",
    ],
    [{ task: "fill-mask", trainDataset: ["good"], labels: ["a"] }, "finetune: labels must be left out for fill-mask"],
    [{ task: "fill-mask", trainDataset: ["good", 3] }, "finetune: trainDataset[1] must be a string, got 3"],
    [{ problemType: "ranking" }, "finetune: problemType must be one of single_label_classification,"],
    [{ problemType: "regression", labels: ["a", "b"] }, "finetune: labels must be left out for a regression"],
    [{ glueTask: "rte", labels: ["a", "b"] }, "finetune: labels must be left out where glueTask is given"],
    [{ labels: "positive" }, 'finetune: labels must be an array of different strings, at least one, got "positive"'],
    [
      { labels: ["a", "b", "a"] },
      'finetune: labels must be an array of different strings, at least one, got "a" twice',
    ],
    [{ labels: [0, 1] }, "finetune: labels must be an array of different strings, at least one, got [0, 1]"],
    [{ freezeEmbeddings: "false" }, 'finetune: freezeEmbeddings must be true or false, got "false"'],
    [{ evalDataset: REVIEWS, metricForBestModel: 3 }, "finetune: metricForBestModel must be a string, got 3"],
    [{ onLog: true }, "finetune: onLog must be a function, got true"],
    [{ columns: { label: "b" } }, 'finetune: columns must be left out where no examples are in a file with columns, got {"label": "b"}'], // biome-ignore format: one line
    [{ columns: 5 }, "finetune: columns must be an object with text, text_pair, label, got 5"],
    [{ columns: false }, "finetune: columns must be an object with text, text_pair, label, got false"],
    [{ columns: ["a"] }, 'finetune: columns must be an object with text, text_pair, label, got ["a"]'],
    [{ columns: { foo: "x" } }, 'finetune: unknown column "foo"; known are'],
    [{ columns: { text: 3 } }, "finetune: columns.text must be a column's name, got 3"],
    [{ labels: false }, "finetune: labels must be an array of different strings, at least one, got false"],
    [{ maxSteps: 2, numTrainEpochs: 1 }, "finetune: numTrainEpochs must be left out where maxSteps is given, got 1"],
    [{ warmupSteps: 2, warmupRatio: 0 }, "finetune: warmupRatio must be left out where warmupSteps is given, got 0"],
    [{ columns: { textPair: "b" }, trainDataset: "test/training/reference/labels.json" }, 'finetune: unknown column "textPair"; did you mean "text_pair"?'], // biome-ignore format: one line
    [{ labels: ["positive"] }, 'finetune: there must be at least two labels, got only "positive"'],
    [
      { trainDataset: REVIEWS.filter(({ label }) => label === "positive") },
      'there must be at least two labels, got only "positive", as in the cat good',
    ],
    [
      { task: "token-classification", trainDataset: [{ words: ["a"], tags: ["O"] }] },
      'at least two labels, got only "O"',
    ],
    [
      { task: "token-classification", trainDataset: [{ words: ["a", "b"], tags: [0, 1] }] },
      "trainDataset[0]: labels must be given where tags are whole numbers, their indices, got none",
    ],
    [{ trainDataset: "no-such-file.jsonl", task: "translation" }, "finetune: task must be one of"],
    [
      { trainDataset: [{ text: "a", label: { toString: 1 } }] },
      "trainDataset[0]: label must be a string, a finite number, true or false",
    ],
    [
      {
        trainDataset: [
          { text: "a", label: "x" },
          { text: "b", label: 1 },
        ],
      },
      'trainDataset[1]: label must be a name, as "x" of trainDataset[0] is, got 1',
    ],
    [
      { evalDataset: [{ text: "a", label: 1 }] },
      'evalDataset[0]: label must be a name, as "positive" of the cat good is, got 1',
    ],
    [
      { trainDataset: [{ text: "a", label: 2 ** 53 }] },
      "trainDataset[0]: label must be a string where it has more digits than a number holds, got 9007199254740992",
    ],
    [
      { task: "token-classification", trainDataset: [{ words: ["a", "b"], tags: ["O", 1] }] },
      'trainDataset[0]: tag must be a name, as "O" of trainDataset[0] is, got 1',
    ],
  ])("%j", async (options, message) => {
    const all = { model, output: output(), ...CLASSIFY, ...options } as FinetuneOptions;
    await expect(finetune(all)).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) })); // biome-ignore format: one line
  });

  test("a folder with something in it", async () => {
    await expect(finetune({ ...CLASSIFY, model, output: model })).rejects.toThrow(
      "must be empty or not there, is neither",
    );
  });
});

describe("a loss that goes astray", () => {
  test("is not finite: the step, the batch, its examples and a tensor are named, and nothing later is saved", async () => {
    const folder = output();
    const run = finetune({
      ...CLASSIFY,
      model,
      output: folder,
      learningRate: 1e38,
      maxSteps: 9,
      saveSteps: 1,
      batchSize: 2,
    });
    const error = await run.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ERR_TRAINING" });
    const message =
      /^trainStep: step 1, batch 1 of 1 \((.*), (.*)\): loss and gradients must be finite, .*the gradient of (\S+) is not finite$/;
    const [, first, , tensor] = message.exec((error as Error).message) ?? [];
    expect(REVIEWS.map(({ where }) => where)).toContain(first);
    expect((await weightsIn(model)).has(tensor) || tensor.startsWith("classifier.")).toBe(true);
    expect(readdirSync(folder).filter((name) => name.startsWith("checkpoint-"))).toEqual(["checkpoint-1"]);
  });

  test("explodes", async () => {
    const dataset = REVIEWS.map(({ text, where }) => ({ text, where, label: 0.5 }));
    const run = train({ ...CLASSIFY, trainDataset: dataset, learningRate: 100, maxGradNorm: 1e9, maxSteps: 30 });
    await expect(run).rejects.toThrow(
      expect.objectContaining({
        code: "ERR_TRAINING",
        message: expect.stringMatching(/^finetune: step \d+, batch 1 of 1 \(.*\): the loss must stay below 1000 times .* largest gradient is that of \S+\. /), // biome-ignore format: one line
      }),
    );
  });
});

test("each epoch reads every example once, in an order of its own; its last update what is left", async () => {
  const task: PreparedTask = {
    ...{ labels: null, problemType: null, evaluate: null, metricNames: [], contents: () => [] },
    lengths: Array.from({ length: 11 }, (_, i) => 3 + (i % 4)),
    batch: (indices: readonly number[], epoch: number) => ({
      input: [],
      labels: {},
      name: `${epoch}: ${indices.join(" ")}`,
    }),
  };
  const kind = { learningRate: 1, batchSize: 2, optimizer: "adamw", weightDecay: 0, warmupRatio: 0.1 } as const;
  const plan = async (seed: number) => {
    const options = resolveRunOptions("finetune", { output: "x", gradientAccumulationSteps: 4, seed }, kind);
    return planOf(task, options, 2.5, parseConfig("{}"), "{}", {} as BertTokenizer);
  };
  const { totalSteps, warmupSteps, evalSteps, batchesAt, epochAt } = await plan(1);
  expect([totalSteps, warmupSteps, evalSteps, epochAt(3)]).toEqual([5, 1, 2, 1.5]); // 6 batches, 2 updates an epoch
  const read = async (step: number, from = batchesAt) => (await from(step)).map(({ name }) => name as string);
  const orders: string[] = [];
  for (const epoch of [0, 1]) {
    const [first, second] = [await read(2 * epoch), await read(2 * epoch + 1)];
    expect([first.length, second.length]).toEqual([4, 2]);
    const all = [...first, ...second];
    for (const name of all) expect(name).toMatch(new RegExp(`^${epoch}: `));
    const indices = all.flatMap((name) => name.slice(3).split(" ").map(Number));
    expect(indices.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, i) => i));
    orders.push(indices.join());
  }
  expect(orders[0]).not.toBe(orders[1]);
  expect(await read(3, (await plan(1)).batchesAt)).toEqual(await read(3)); // asked for out of turn: a function of the step alone
  expect(await read(3, (await plan(2)).batchesAt)).not.toEqual(await read(3));
});
