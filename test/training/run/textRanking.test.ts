import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pipeline } from "../../../src/index.ts";
import {
  type EvaluateOptions,
  evaluate,
  type FinetuneOptions,
  finetune,
  type RankingExample,
  type RankingPair,
  readExamples,
} from "../../../src/training/index.ts";
import { temporaryFolder, writeTinyModel } from "../../support/tinyModel.ts";

let place: ReturnType<typeof temporaryFolder>;
let model: string;
let runs = 0;
beforeAll(async () => {
  place = temporaryFolder();
  model = await tinyModel();
});
afterAll(() => place[Symbol.dispose]());

const named = (name: string) => join(place.path, name);
async function tinyModel(changes: object = {}): Promise<string> {
  const folder = named(`start-${runs++}`);
  mkdirSync(folder);
  await writeTinyModel(folder, { num_hidden_layers: 1, ...changes });
  return folder;
}
const written = (name: string, text: string) => {
  writeFileSync(named(name), text);
  return named(name);
};

/** A text is relevant if it says that something is good. */
const THINGS = ["cat", "dog", "film", "book"];
const WORDS = ["good", "bad", "fine", "poor"];
const PAIRS: readonly RankingPair[] = THINGS.flatMap((thing) =>
  WORDS.map((word, i) => ({ query: `is the ${thing} good ?`, text: `the ${thing} was ${word}.`, label: i % 2 === 0 })),
);
const LISTS: readonly RankingExample[] = THINGS.map((thing) => ({
  query: `is the ${thing} good ?`,
  positive: [`the ${thing} was good.`, `the ${thing} was fine.`],
  negative: [`the ${thing} was bad.`, `the ${thing} was poor.`],
}));
const OPTIONS = { task: "text-ranking", learningRate: 0.01, backend: "plain" } as const;
const train = (options: object) =>
  finetune({ ...OPTIONS, model, trainDataset: PAIRS, output: named(`run-${runs++}`), ...options } as FinetuneOptions);
const evaluated = (options: object) => evaluate({ backend: "plain", dataset: PAIRS, ...options } as EvaluateOptions);
const weightsOf = (folder: string) => readFileSync(join(folder, "model.safetensors"));
const configOf = (folder: string) => JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));

describe("a reranker", () => {
  test("learns, and the folder's scores are those at the end of training", async () => {
    const run = await train({ evalDataset: PAIRS, numTrainEpochs: 40, posWeight: 3 });
    const { metrics } = run;
    expect(metrics.eval_average_precision).toBeGreaterThan(0.9);
    expect(Object.keys(metrics)).toEqual(
      ["loss", "accuracy", "accuracy_threshold", "f1", "f1_threshold", "precision", "recall", "average_precision"]
        .concat(["map", "mrr@10", "ndcg@10"])
        .map((name) => `eval_${name}`),
    );
    const result = await evaluated({ model: run.output });
    expect(result.task).toBe("text-ranking");
    expect(result.metrics).toEqual(metrics);
    expect(result.confusionMatrix?.labels).toEqual(["irrelevant", "relevant"]);
    expect((16 - result.mistakeCount) / 16).toBeCloseTo(metrics.eval_accuracy, 12);

    const rank = await pipeline("text-ranking", run.output, { backend: "plain" });
    const losses: number[] = [];
    const scores: number[] = [];
    for (const { query, text, label } of PAIRS) {
      const [{ score: logit }] = await rank(query, [text], { activation: "none" });
      losses.push(label ? Math.log1p(Math.exp(-logit)) : Math.log1p(Math.exp(logit)));
      scores.push((await rank(query, [text]))[0].score);
    }
    expect(losses.reduce((a, b) => a + b, 0) / losses.length).toBeCloseTo(metrics.eval_loss, 12);
    const told = run.examples.map(({ predicted }) => Number(/\(([\d.e-]+)\)/.exec(predicted)?.[1]));
    expect(told).toEqual(scores.map((score) => Number(Math.fround(score).toPrecision(4))));
    const right = scores.filter((score, i) => score >= metrics.eval_accuracy_threshold === PAIRS[i].label).length;
    expect(right / 16).toBeCloseTo(metrics.eval_accuracy, 12);
    const best = await rank(
      "is the film good ?",
      WORDS.map((word) => `the film was ${word}.`),
    );
    expect(best.map(({ index }) => index % 2)).toEqual([0, 0, 1, 1]);
    await rank.model.dispose();
  });

  test("config.json is what CrossEncoder reads, whatever stood there", async () => {
    const { output } = await train({ maxSteps: 1 });
    const wanted = {
      architectures: ["BertForSequenceClassification"],
      id2label: { 0: "LABEL_0" },
      label2id: { LABEL_0: 0 },
      sentence_transformers: { activation_fn: "torch.nn.modules.activation.Sigmoid" },
    };
    expect(configOf(output)).toMatchObject(wanted);
    expect(configOf(output)).not.toHaveProperty("problem_type");
    const fields = { sbert_ce_default_activation_function: "torch.nn.modules.linear.Identity", problem_type: "regression" }; // biome-ignore format: one line
    const old = await tinyModel({ architectures: ["BertForSequenceClassification"], id2label: { 0: "LABEL_0" } });
    writeFileSync(join(old, "config.json"), JSON.stringify({ ...configOf(old), ...fields }));
    const next = configOf((await train({ model: old, maxSteps: 1 })).output);
    expect(next).toMatchObject(wanted);
    for (const name of Object.keys(fields)) expect(next).not.toHaveProperty(name);
  });

  test("lists are the pairs that they stand for, and `score` is `label`", async () => {
    const sorted = LISTS.flatMap((_, i) => [...PAIRS.slice(4 * i, 4 * i + 4)].sort((a, b) => Number(b.label) - Number(a.label))); // biome-ignore format: one line
    const one = await train({ trainDataset: LISTS, evalDataset: LISTS, maxSteps: 3 });
    const other = await train({ trainDataset: sorted, evalDataset: sorted, maxSteps: 3 });
    expect(weightsOf(one.output).equals(weightsOf(other.output))).toBe(true);
    expect(one.metrics).toEqual(other.metrics);
    const scored = PAIRS.map(({ query, text, label }) => ({ query, text, score: Number(label) }));
    const [byLabel, byScore] = [await train({ maxSteps: 3 }), await train({ trainDataset: scored, maxSteps: 3 })];
    expect(weightsOf(byLabel.output).equals(weightsOf(byScore.output))).toBe(true);
  });

  test("of scores between, evaluation says how they go together", async () => {
    const trainDataset = PAIRS.map(({ query, text, label }, i) => ({ query, text, score: label ? 1 : (i % 4) / 4 }));
    const { metrics, output } = await train({ trainDataset, evalDataset: trainDataset, numTrainEpochs: 30 });
    expect(Object.keys(metrics)).toEqual(["eval_loss", "eval_pearson", "eval_spearmanr"]);
    expect(metrics.eval_pearson).toBeGreaterThan(0.8);
    const result = await evaluated({ model: output, dataset: trainDataset });
    expect([result.metrics, result.confusionMatrix]).toEqual([metrics, null]);
  });

  test("k of MRR and nDCG; pairs of one text for each query are not ranked", async () => {
    const { metrics } = await train({ evalDataset: LISTS, maxSteps: 1, atK: 2, metricForBestModel: "ndcg@2" });
    expect(metrics).toHaveProperty(["eval_mrr@2"]);
    const alone = await train({ evalDataset: PAIRS.slice(0, 1).concat(PAIRS.slice(6, 7)), maxSteps: 1 });
    expect(alone.metrics).not.toHaveProperty(["eval_map"]);
  });

  test("curves and report tell how texts are ranked", async () => {
    const { output } = await train({ evalDataset: LISTS, maxSteps: 2, posWeight: 1.5, report: true });
    const svg = readFileSync(join(output, "curves.svg"), "utf8");
    for (const name of [">Ranking<", "eval_ndcg@10", "eval_average_precision"]) expect(svg).toContain(name);
    expect(svg).not.toContain("threshold");
    const page = readFileSync(join(output, "report.html"), "utf8");
    for (const text of ["text-ranking", "irrelevant", "is the cat good ? | the cat was ", "posWeight", "eval_mrr@10"])
      expect(page).toContain(text);
  });

  test("what is relevant counts posWeight times", async () => {
    const [once, thrice] = [await train({ maxSteps: 1 }), await train({ maxSteps: 1, posWeight: 3 })];
    expect(thrice.log[0].loss).toBeGreaterThan(once.log[0].loss);
  });
});

describe("files", () => {
  const read = (file: string, columns?: object) => readExamples("text-ranking", file, columns ? { columns } : {});
  const lines = (objects: readonly object[]) => objects.map((one) => `${JSON.stringify(one)}\n`).join("");

  test("JSON lines of pairs, and of lists", async () => {
    const pairs = written("pairs.jsonl", lines([{ query: "a", text: "b", label: true }, { query: "a", text: "c", label: 0.25 }])); // biome-ignore format: one line
    expect(await read(pairs)).toEqual([
      { where: `${pairs}: line 1`, query: "a", text: "b", label: true },
      { where: `${pairs}: line 2`, query: "a", text: "c", label: 0.25 },
    ]);
    const lists = written("lists.jsonl", lines([{ query: "a", positive: ["b"], negative: ["c", "d"] }, { query: "e", positive: "f" }])); // biome-ignore format: one line
    expect(await read(lists)).toEqual([
      { where: `${lists}: line 1`, query: "a", positive: ["b"], negative: ["c", "d"] },
      { where: `${lists}: line 2`, query: "e", positive: ["f"], negative: [] },
    ]);
  });

  test("CSV and TSV, with the names that sentence-transformers' data sets have, and others", async () => {
    const csv = written("pairs.csv", 'question,answer,score\na,"b, c",0.5\nd,e,1\n');
    expect(await read(csv)).toMatchObject([{ query: "a", text: "b, c", label: 0.5 }, { query: "d", text: "e", label: 1 }]); // biome-ignore format: one line
    const tsv = written("pairs.tsv", "q\tt\tgood\na\tb\tTrue\nc\td\tFalse\n");
    expect(await read(tsv, { query: "q", text: "t", label: "good" })).toMatchObject([{ query: "a", text: "b", label: true }, { query: "c", text: "d", label: false }]); // biome-ignore format: one line
    const triplets = written("triplets.csv", "anchor,positive,negative,negative_1\na,b,c,d\ne,f,g,\n");
    expect(await read(triplets)).toMatchObject([
      { query: "a", positive: ["b"], negative: ["c", "d"] },
      { query: "e", positive: ["f"], negative: ["g"] },
    ]);
  });

  test("columns that are named: of negatives several, before a column of texts", async () => {
    const file = written("named.csv", "q,answer,bad,worse,negative_1\na,b,c,d,e\n");
    const columns = { query: "q", positive: "answer", negative: ["bad", "worse"] };
    expect(await read(file, columns)).toMatchObject([{ query: "a", positive: ["b"], negative: ["c", "d"] }]);
    await expect(read(file, { ...columns, negative: ["bad", "wrose"] })).rejects.toThrow('named.csv: there must be a column "wrose", got only "q", "answer", "bad", "worse", "negative_1"'); // biome-ignore format: one line
    await expect(read(file, { ...columns, positive: ["answer"] })).rejects.toThrow("readExamples: columns.positive must be a column's name, got"); // biome-ignore format: one line
    await expect(read(file, { ...columns, label: "bad" })).rejects.toThrow('readExamples: columns.label must be left out beside those of positive and negative, got "bad"'); // biome-ignore format: one line
    await expect(read(file, { ...columns, negative: [1] })).rejects.toThrow("readExamples: columns.negative must be a column's name, or several, got [1]"); // biome-ignore format: one line
  });

  test.each([
    ["a.jsonl", '{"query":"a","text":"b","label":2}\n', 'a.jsonl: line 1: "label" must be a number from 0 to 1, true or false, got 2'],
    ["b.jsonl", '{"query":"a","text":"b","label":1}\n{"query":3,"text":"b","label":1}\n', 'b.jsonl: line 2: "query" must be a string, got 3'],
    ["c.csv", "query,text,label\na,b,1\na,c,good\n", 'c.csv: line 2: "label" must be a number from 0 to 1, true or false, got "1"'],
    ["d.csv", "text,label\na,1\n", 'd.csv: there must be a column "query" or "question" or "anchor", unless columns.query says which, got only "text", "label"'],
    ["e.csv", "query,label\na,1\n", 'e.csv: there must be a column "text" or "document" or "passage" or "answer" or "response", or positive and negative, unless columns.text says which, got only "query", "label"'],
    ["i.jsonl", '{"query":"a","text":"b","label":1}\n{"query":"a","text":"c","label":0}\n{"query":"a","positive":"b"}\n', 'i.jsonl: line 3: there must be a column "text", as PLACE/i.jsonl: line 1 has, got only "query", "positive"'],
    ["j.jsonl", '{"query":"a","positive":"b"}\n{"query":"a","text":"b","label":1}\n', 'j.jsonl: line 2: there must be a column positive or negative, as PLACE/j.jsonl: line 1 has, got only "query", "text", "label"'],
    ["f.jsonl", '{"query":"a","positive":["b",1]}\n', 'f.jsonl: line 1: "positive" must be a string or an array of strings, got 1'],
    ["g.jsonl", '{"query":"a","text":"b"}\n', 'g.jsonl: there must be a column "label" or "labels" or "score" or "scores", unless columns.label says which, got only "query", "text"'],
  ])("%s", async (name, text, message) => {
    await expect(read(written(name, text))).rejects.toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message.replace("PLACE", place.path)) }),
    );
  }); // biome-ignore format: a case in a line

  test("columns of another task", async () => {
    const file = written("h.csv", "query,text,label\na,b,1\n");
    await expect(read(file, { text_pair: "text" })).rejects.toThrow('unknown column "text_pair"');
  });
});

test("a text that is relevant to a query in one example and not in another is said", async () => {
  const notes: string[] = [];
  const onNote = (note: string) => notes.push(note);
  const { query, text } = PAIRS[0];
  const others = [{ query, text, label: 0.75 }, { query, positive: "a cat.", negative: [text] }, { query: "else", text, label: 0 }]; // biome-ignore format: one line
  await train({ trainDataset: [...PAIRS, ...others], maxSteps: 1, onNote });
  expect(notes).toEqual(["1 text is relevant to a query in one example and not in another, such as trainDataset[0] and trainDataset[17]"]); // biome-ignore format: one line
  await train({ maxSteps: 1, onNote });
  expect(notes.length).toBe(1);
});

describe("what is refused", () => {
  const pair = { query: "a", text: "b", label: 1 };
  test.each([
    [{ query: "a", text: "b" }, "trainDataset[0]: label must be there, or score in its place, got neither"],
    [{ ...pair, score: 1 }, "trainDataset[0]: label must be there, or score in its place, got both"],
    [{ ...pair, label: "1" }, 'trainDataset[0]: label must be a number from 0 to 1, true or false, got "1"'],
    [{ ...pair, positive: ["c"] }, "trainDataset[0]: an example must be a query with text and label, or a query with positive and negative, got both"],
    [{ query: "a" }, "trainDataset[0]: an example must be a query with text and label, or a query with positive and negative, got neither"],
    [{ query: "a", positive: [], negative: [] }, "trainDataset[0]: positive and negative must be at least one text together, got none"],
    [{ query: "a", positive: ["b"], label: 1 }, "trainDataset[0]: label and score must be left out beside positive and negative, got 1"],
    [{ query: "a", positives: ["b"] }, 'trainDataset[0]: unknown field "positives"; did you mean "positive"?'],
    [{ ...pair, query: " " }, 'trainDataset[0]: query must be a string that is not blank, got " "'],
    [{ ...pair, text: "" }, 'trainDataset[0]: text must be a string that is not blank, got ""'],
    [{ query: "a", positive: "b", negative: ["c", ""] }, 'trainDataset[0]: negative[1] must be a string that is not blank, got ""'],
    [{ query: "a", positive: ["b", "d"], negative: ["c", "d"] }, 'trainDataset[0]: negative[1] must be another text than those of positive, got "d"'],
    [{ query: "a", positive: "b", negative: "b" }, 'trainDataset[0]: negative must be another text than those of positive, got "b"'],
    [{ query: 1, text: "b", label: 1 }, "trainDataset[0]: query must be a string, got 1"],
  ])("%j", async (example, message) => {
    await expect(train({ trainDataset: [example] })).rejects.toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  }); // biome-ignore format: a case in a line

  test.each([
    [{ posWeight: 0 }, "finetune: posWeight must be a finite number above 0, got 0"],
    [{ atK: 5 }, "finetune: evalDataset must be given with atK, is left out"],
    [{ labels: ["a"] }, "finetune: labels must be left out for text-ranking"],
    [{ task: "fill-mask", trainDataset: ["good"], posWeight: 2 }, "finetune: posWeight must be left out for fill-mask"],
  ])("the options %j", async (options, message) => {
    await expect(train(options)).rejects.toThrow(message);
  });

  test("a model that is no reranker, and one whose files do not say so", async () => {
    const two = await tinyModel({ architectures: ["BertForSequenceClassification"] });
    await expect(evaluated({ model: two, task: "text-ranking" })).rejects.toThrow("evaluate: the model must have one label to rank texts, has 2"); // biome-ignore format: one line
    const one = await tinyModel({ architectures: ["BertForSequenceClassification"], id2label: { 0: "LABEL_0" } });
    expect((await evaluated({ model: one, task: "text-ranking" })).task).toBe("text-ranking");
    await expect(evaluated({ model: one })).rejects.toThrow('dataset[0]: unknown field "query"');
  });

  test("a folder as sentence-transformers 6 saves a reranker is one", async () => {
    const one = await tinyModel({ architectures: ["BertForSequenceClassification"], id2label: { 0: "LABEL_0" } });
    const write = (name: string, json: unknown) => writeFileSync(join(one, name), JSON.stringify(json));
    write("config_sentence_transformers.json", { activation_fn: "torch.nn.modules.activation.Sigmoid", model_type: "CrossEncoder" }); // biome-ignore format: one line
    await expect(evaluated({ model: one })).rejects.toThrow('unknown field "query"'); // without modules.json nobody reads it
    write("modules.json", [{ idx: 0, name: "0", path: "", type: "sentence_transformers.base.modules.transformer.Transformer" }]); // biome-ignore format: one line
    write("sentence_bert_config.json", { transformer_task: "sequence-classification" });
    expect((await evaluated({ model: one })).task).toBe("text-ranking");
  });

  test("the scores of a model whose files name the identity are its logits", async () => {
    const one = await tinyModel({ architectures: ["BertForSequenceClassification"], id2label: { 0: "LABEL_0" } });
    const sigmoids = (await evaluated({ model: one, task: "text-ranking" })).metrics;
    const identity = { sentence_transformers: { activation_fn: "torch.nn.modules.linear.Identity" } };
    writeFileSync(join(one, "config.json"), JSON.stringify({ ...configOf(one), ...identity }));
    const { metrics, task } = await evaluated({ model: one });
    expect(task).toBe("text-ranking");
    expect(metrics.eval_loss).toBe(sigmoids.eval_loss);
    expect(metrics.eval_accuracy).toBe(sigmoids.eval_accuracy);
    expect(metrics.eval_average_precision).toBe(sigmoids.eval_average_precision);
    expect(metrics.eval_accuracy_threshold).not.toBe(sigmoids.eval_accuracy_threshold);
  });
});
