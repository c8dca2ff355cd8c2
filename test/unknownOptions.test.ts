import { describe, expect, test } from "vitest";
import {
  buildIndex,
  chooseBackend,
  downloadModel,
  loadBert,
  loadIndex,
  loadTokenizer,
  pipeline,
  saveBert,
  trainVocabulary,
} from "../src/index.ts";
import { evaluate, evaluationReport, finetune, glueMetrics, makeExamples, pretrain } from "../src/training/index.ts";

const RUN = { model: "x", output: "y", task: "text-classification", trainDataset: "z.csv" } as const;

describe("an option that there is not is an error, which names the nearest", () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ["loadBert", () => loadBert(undefined, { quantized: true } as never), '"quantized"; did you mean "dtype"?'],
    ["loadBert", () => loadBert(undefined, { dtyp: "int8" } as never), '"dtyp"; did you mean "dtype"?'],
    ["loadBert", () => loadBert("nowhere", { cacheDir: "x" } as never), '"cacheDir"; did you mean "cache_dir"?'],
    ["loadTokenizer", () => loadTokenizer(undefined, { revison: "x" } as never), '"revison"; did you mean "revision"?'],
    ["downloadModel", () => downloadModel("a/b", { dtype: "int8" } as never), '"dtype"; known are '],
    ["pipeline", () => pipeline("fill-mask", undefined, { dtyp: "int8" } as never), '"dtyp"; did you mean "dtype"?'],
    ["pipeline", () => pipeline("fill-mask", undefined, { architecture: "BertModel" } as never), '"architecture"; '],
    ["finetune", () => finetune({ learnigRate: 1e-5 } as never), '"learnigRate"; did you mean "learningRate"?'],
    ["finetune", () => finetune({ ignoreIndex: 1 } as never), '"ignoreIndex"; known are '],
    ["finetune", () => finetune({ endpoint: "x" } as never), '"endpoint"; '],
    ["evaluate", () => evaluate({ label: ["x"] } as never), '"label"; did you mean "labels"?'],
    ["pretrain", () => pretrain({ maxSteps: 10 } as never), '"maxSteps"; known are "evalSteps", "saveSteps"'],
    [
      "pretrain: phases[]",
      () => pretrain({ output: "x", phases: [{ examples: "x", step: 1 }] } as never),
      '"step"; did you mean "steps"?',
    ],
    [
      "makeExamples",
      () => makeExamples([], {} as never, { maxLength: 5 } as never).next(),
      '"maxLength"; did you mean "maxSeqLength"?',
    ],
    ["trainVocabulary", () => trainVocabulary([], { vocab_sizes: 1 } as never), 'did you mean "vocabSize"?'],
    ["chooseBackend", async () => chooseBackend("auto", { thread: 2 } as never), '"thread"; did you mean "threads"?'],
  ])("%s %#", async (where, call, message) => {
    const error = await call().then(
      () => null,
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ code: "ERR_INPUT" });
    expect(error?.message).toMatch(new RegExp(`^${where.replaceAll(/[[\]]/g, "\\$&")}: unknown option `));
    expect(error?.message).toContain(message);
  });

  test("encode knows textPair", async () => {
    const tokenizer = await loadTokenizer();
    expect(() => tokenizer.encode("a", { text_pair: "b" } as never)).toThrow(
      'encode: unknown option "text_pair"; did you mean "textPair"?',
    );
    for (const options of [null, new Map(), []]) {
      expect(() => tokenizer.encode("a", options as never)).toThrow("encode: options must be an object, got ");
    }
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ["task", () => pipeline("fil-mask" as never), "fill-mask"],
    ["dtype", () => loadBert(undefined, { dtype: "fp16" as never }), "float16"],
    ["architecture", () => loadBert(undefined, { architecture: "BertForMaskedLm" as never }), "BertForMaskedLM"],
    ["task", () => finetune({ task: "txt-classification", output: "x" } as never), "text-classification"],
  ])("a value that is none: %s %#", async (name, call, meant) => {
    await expect(call()).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringMatching(`: ${name} must be one of .*; did you mean "${meant}"\\?$`),
    });
  });

  test("forward and forwardStream", async () => {
    await using bert = await loadBert(undefined, { backend: "plain" });
    const batch = bert.tokenizer.encodeBatch(["A text."]);
    await expect(bert.forward(batch, { output_attentions: true } as never)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: 'forward: unknown option "output_attentions"; did you mean "attentions"?',
    });
    expect(() => bert.forwardSync(batch, { hiddenState: true } as never)).toThrow('did you mean "hiddenStates"?');
    await expect(bert.forwardStream(batch, { attention: true } as never).next()).rejects.toMatchObject({
      message: 'forwardStream: unknown option "attention"; did you mean "attentions"?',
    });
  });
});

test("a Map, an array, a Date are no options", async () => {
  await using unmask = await pipeline("fill-mask", undefined, { backend: "plain" });
  await using extract = await pipeline("feature-extraction", unmask.model);
  const index = await buildIndex(extract, ["A text."]);
  const calls: ((options: never) => Promise<unknown>)[] = [
    (options) => loadBert(undefined, options),
    (options) => pipeline("fill-mask", undefined, options),
    (options) => unmask("[MASK]", options),
    (options) => unmask(["[MASK]"].values(), options).next(),
    (options) => extract("a", options),
    (options) => index.search("a", 1, options),
    (options) => index.add(["a"], options),
    (options) => buildIndex(extract, ["a"], options),
    (options) => unmask.model.forward([], options),
    (options) => evaluate(options),
  ];
  for (const options of [new Map([["top_k", 1]]), [], new Date(0)]) {
    for (const call of calls) {
      await expect(call(options as never)).rejects.toMatchObject({
        code: "ERR_INPUT",
        message: expect.stringContaining("options must be an object, got "),
      });
    }
  }
  await expect(loadIndex(extract, "x", ...([{ pooling: "cls" }] as unknown as []))).rejects.toThrow(
    'loadIndex: unknown option "pooling"; it has no options',
  );
});

test.each<[string, () => unknown, string]>([
  [
    "backend",
    () => loadBert(undefined, { backend: "smid" as never }),
    'auto, simd, plain, got "smid"; did you mean "simd"?',
  ],
  ["dtype", () => loadBert(undefined, { dtype: "fp16" as never }), 'got "fp16"; did you mean "float16"?'],
  ["architecture", () => loadBert(undefined, { architecture: "BertForMaskedML" as never }), 'mean "BertForMaskedLM"?'],
  [
    "task",
    () => glueMetrics("sst-2" as never, { predictions: [1], references: [1] }),
    'got "sst-2"; did you mean "sst2"?',
  ],
  ["problemType", () => finetune({ ...RUN, problemType: "regresion" as never }), 'did you mean "regression"?'],
])("a name that there is not is an error, which says which was meant: %s", async (name, call, message) => {
  const error = await Promise.resolve()
    .then(call)
    .then(
      () => null,
      (thrown: Error) => thrown.message,
    );
  expect(error).toMatch(new RegExp(`: ${name} must be one of `));
  expect(error?.slice(-message.length)).toBe(message);
});

test.each<[unknown, string]>([
  [Buffer.from("[MASK]"), "a Uint8Array of 6"],
  [new String("[MASK]"), "a String object"],
  [Promise.resolve("[MASK]"), "a Promise: is an await missing?"],
])("what is no string is named: %#", async (text, got) => {
  await using unmask = await pipeline("fill-mask", undefined, { backend: "plain" });
  await expect(unmask(text as never)).rejects.toThrow(`fill-mask: text must be a string, got ${got}`);
  await expect(pipeline("fill-mask", unmask as never)).rejects.toThrow(/got a function$/);
});

test.each([
  { cache_dir: 5 },
  { local_files_only: "yes" },
  { token: 5 },
  { revision: 7 },
  { progress_callback: 3 },
  { endpoint: 9 },
  { force_download: "x" },
  { assets: 5 },
])("options of the hub are checked for a folder too: %j", async (options) => {
  const [name] = Object.keys(options);
  for (const path of [undefined, "weights", "org/none"]) {
    await expect(loadBert(path, options as never)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringMatching(`^hub: ${name} must be `),
    });
  }
});

describe("a value of another type is an error, not a setting", () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ["loadBert", () => loadBert(undefined, { signal: true as never }), "signal must be an AbortSignal, got true"],
    ["loadTokenizer", () => loadTokenizer(undefined, { signal: {} as never }), "signal must be an AbortSignal, got {}"],
    ["downloadModel", () => downloadModel("a/b", { signal: 1 as never }), "signal must be an AbortSignal, got 1"],
    [
      "finetune",
      () => finetune({ task: "fill-mask", output: "x", signal: 1 } as never),
      "signal must be an AbortSignal",
    ],
    [
      "finetune",
      () => finetune({ task: "fill-mask", output: "x", resume: "false" } as never),
      "resume must be true or false",
    ],
    ["evaluate", () => evaluate({ dataset: "x", signal: 3 } as never), "signal must be an AbortSignal, got 3"],
    ["saveBert", () => saveBert(undefined as never, "x"), "bert must be a model from loadBert, got undefined"],
    ["evaluationReport", async () => evaluationReport({} as never), "result must be what evaluate gives, got {}"],
  ])("%s %#", async (where, call, message) => {
    await expect(call()).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringContaining(`${where}: ${message}`),
    });
  });

  test.each([3, undefined, "", null])("a path: %j", async (path) => {
    await using extract = await pipeline("feature-extraction", undefined, { backend: "plain" });
    const index = await buildIndex(extract, ["A text."]);
    const calls: [string, () => Promise<unknown>][] = [
      ["save: path", () => index.save(path as never)],
      ["loadIndex: path", () => loadIndex(extract, path as never)],
      ["saveBert: folder", () => saveBert(extract.model, path as never)],
    ];
    for (const [where, call] of calls) {
      await expect(call()).rejects.toMatchObject({
        code: "ERR_INPUT",
        message: `${where} must be a path, got ${JSON.stringify(path)}`,
      });
    }
  });

  test("forward", async () => {
    await using bert = await loadBert(undefined, { backend: "plain" });
    const batch = bert.tokenizer.encodeBatch(["A text."]);
    await expect(bert.forward(batch, { attentions: "yes" as never })).rejects.toThrow(
      'forward: attentions must be true or false, got "yes"',
    );
    await expect(bert.forward(batch, { signal: "stop" as never })).rejects.toThrow(
      'forward: signal must be an AbortSignal, got "stop"',
    );
  });
});
