import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COMPILERS, type Consumer, type TypeScript, typescript, writeConsumer } from "./consumer.ts";

/** What an editor shows of the packed package: which values it offers for an option, and where it underlines a mistake. */
const ts = typescript();

const PRELUDE = `
import * as plainbert from "plainbert";
import * as tokenizers from "plainbert/tokenizer";
import * as safetensors from "plainbert/safetensors";
import * as training from "plainbert/training";
import { type Pipeline, buildIndex, chooseBackend, loadBert, pipeline, BertModel, BertTokenizer } from "plainbert";
declare const unmask: Pipeline<"fill-mask">;
declare const extract: Pipeline<"feature-extraction">;
declare const classify: Pipeline<"text-classification">;
declare const ner: Pipeline<"ner">;
declare const ask: Pipeline<"question-answering">;
declare const zeroShot: Pipeline<"zero-shot-classification">;
declare const similarity: Pipeline<"sentence-similarity">;
declare const isNext: Pipeline<"next-sentence-prediction">;
declare const choose: Pipeline<"multiple-choice">;
declare const embed: Pipeline<"embeddings">;
declare const rank: Pipeline<"text-ranking">;
declare const likelihood: Pipeline<"pseudo-log-likelihood">;
declare const index: plainbert.SearchIndex;
declare const bert: plainbert.Bert;
declare const tokenizer: BertTokenizer;
declare const texts: string[];
declare const words: string[][];
declare const stream: AsyncGenerator<string>;
declare const any: never;
declare const data: { predictions: number[]; references: number[] };
declare const source: { source_sentence: string; sentences: string[] };
declare const item: { question: string; context: string };
export {};
`;

/** Strings and numbers that may be written at `|`: each call with the option, `Interface.property` or `function.parameter`, it is about. */
const COMPLETED: readonly (readonly [option: string, call: string])[] = [
  ["FeatureExtractionOptions.pooling", 'extract("a", { pooling: "|" })'],
  ["FeatureExtractionOptions.pooling", "extract('a', { normalize: true, pooling: '|' })"],
  ["FeatureExtractionOptions.pooling", 'extract(texts, { pooling: "|", quantize: true })'],
  ["FeatureExtractionOptions.pooling", 'extract(stream, { pooling: "|" })'],
  ["FeatureExtractionOptions.layers", 'extract("a", { layers: "|" })'],
  ["FeatureExtractionOptions.precision", 'extract("a", { pooling: "mean", quantize: true, precision: "|" })'],
  ["EmbeddingOptions.precision", 'embed("a", { precision: "|" })'],
  ["EmbeddingOptions.precision", 'embed.encodeQuery(texts, { normalize: true, precision: "|" })'],
  ["RankOptions.activation", 'rank("a", texts, { activation: "|" })'],
  ["SentenceSimilarityOptions.pooling", 'similarity(source, { pooling: "|" })'],
  ["SentenceSimilarityOptions.pooling", 'similarity([source], { pooling: "|" })'],
  ["BuildIndexOptions.pooling", 'buildIndex(extract, texts, { pooling: "|" })'],
  ["TokenClassificationOptions.aggregation_strategy", 'ner("a", { aggregation_strategy: "|" })'],
  ["TokenClassificationOptions.aggregation_strategy", 'ner(texts, { stride: 1, aggregation_strategy: "|" })'],
  [
    "TokenClassificationOptions.aggregation_strategy",
    'ner([texts], { is_split_into_words: true, aggregation_strategy: "|" })',
  ],
  ["TokenClassificationOptions.aggregation_strategy", 'ner(stream, { aggregation_strategy: "|" })'],
  ["TextClassificationOptions.function_to_apply", 'classify("a", { function_to_apply: "|" })'],
  ["TextClassificationOptions.function_to_apply", 'classify(texts, { top_k: null, function_to_apply: "|" })'],
  ["NextSentenceOptions.top_k", 'isNext("a", "b", { top_k: | })'],
  ["NextSentenceOptions.top_k", 'isNext([["a", "b"]], { top_k: | })'],
  ["pipeline.task", 'pipeline("|")'],
  ["PipelineOptions.backend", 'pipeline("fill-mask", undefined, { backend: "|" })'],
  ["PipelineOptions.dtype", 'pipeline("fill-mask", "a", { dtype: "|" })'],
  ["LoadOptions.backend", 'loadBert("a", { backend: "|" })'],
  ["LoadOptions.dtype", 'loadBert("a", { dtype: "|" })'],
  ["LoadOptions.architecture", 'loadBert("a", { architecture: "|" })'],
  ["chooseBackend.name", 'chooseBackend("|")'],
  ["SimdOptions.dtype", 'chooseBackend("auto", { dtype: "|" })'],
  ["BertModel.load.dtype", 'BertModel.load(any, any, any, "|")'],
  ["Bert.load.dtype", 'plainbert.Bert.load(any, any, any, "|")'],
  ["EncodeOptions.truncation", 'tokenizer.encode("a", { truncation: "|" })'],
  ["EncodeOptions.truncationSide", 'tokenizer.encode("a", { textPair: "b", truncationSide: "|" })'],
  ["EncodeOptions.padding", 'tokenizer.encodeBatch(["a"], { padding: "|" })'],
  ["EncodeOptions.paddingSide", 'tokenizer.encode("a", { paddingSide: "|" })'],
  ["EncodeOptions.offsetUnit", 'tokenizer.encode("a", { offsetUnit: "|" })'],
  ["TokenizerOptions.paddingSide", 'BertTokenizer.fromVocabulary([], { paddingSide: "|" })'],
  ["TokenizerOptions.truncationSide", 'BertTokenizer.fromVocabulary([], { truncationSide: "|" })'],
  ["TrainVocabularyOptions.score", 'tokenizers.trainVocabulary(texts, { score: "|" })'],
  [
    "TensorToWrite.dtype",
    'safetensors.writeSafetensors([["a", { shape: [1], data: Float32Array.of(1), dtype: "|" }]])',
  ],
  ["FinetuneOptions.task", 'training.finetune({ task: "|", trainDataset: "", output: "" })'],
  [
    "FinetuneOptions.problemType",
    'training.finetune({ task: "fill-mask", trainDataset: "", output: "", problemType: "|" })',
  ],
  ["FinetuneOptions.glueTask", 'training.finetune({ task: "fill-mask", trainDataset: "", output: "", glueTask: "|" })'],
  [
    "FinetuneOptions.optimizer",
    'training.finetune({ task: "fill-mask", trainDataset: "", output: "", optimizer: "|" })',
  ],
  [
    "FinetuneOptions.misplacedAnswers",
    'training.finetune({ task: "question-answering", trainDataset: "", output: "", misplacedAnswers: "|" })',
  ],
  [
    "FinetuneOptions.loss",
    'training.finetune({ task: "sentence-embedding", trainDataset: "", output: "", loss: "|" })',
  ],
  ["EvaluateOptions.loss", 'training.evaluate({ dataset: "", loss: "|" })'],
  ["VectorLossOptions.loss", '({ loss: "|" } satisfies training.VectorLossOptions)'],
  ["EvaluateOptions.task", 'training.evaluate({ task: "|", dataset: "" })'],
  ["EvaluateOptions.problemType", 'training.evaluate({ dataset: "", problemType: "|" })'],
  ["EvaluateOptions.glueTask", 'training.evaluate({ dataset: "", glueTask: "|" })'],
  ["EvaluateOptions.backend", 'training.evaluate({ dataset: "", backend: "|" })'],
  ["EvaluateOptions.dtype", 'training.evaluate({ dataset: "", dtype: "|" })'],
  ["RunOptions.optimizer", '({ optimizer: "|" } satisfies training.RunOptions)'],
  ["RunOptions.backend", '({ backend: "|" } satisfies training.RunOptions)'],
  ["FinetuneOptions.backend", 'training.finetune({ task: "fill-mask", trainDataset: "", output: "", backend: "|" })'],
  ["PretrainOptions.optimizer", 'training.pretrain({ phases: [], output: "", optimizer: "|" })'],
  ["PretrainOptions.backend", 'training.pretrain({ phases: [], output: "", backend: "|" })'],
  ["readExamples.task", 'training.readExamples("|", "")'],
  ["ReadExamplesOptions.glueTask", 'training.readExamples("fill-mask", "", { glueTask: "|" })'],
  ["DelimitedOptions.delimiter", 'training.readDelimited("", { file: "", delimiter: "|" })'],
  ["glueLabels.task", 'training.glueLabels("|")'],
  ["glueMetrics.task", 'training.glueMetrics("|", data)'],
  ["readGlue.task", 'training.readGlue("", "|", { file: "" })'],
  ["F1Options.average", 'training.f1Score(data, { average: "|" })'],
];

/** One mistake in each, between « and », which is what an editor underlines. */
const MISTAKEN: readonly string[] = [
  'unmask("a", { «topk»: 3 })',
  'unmask("a", { «top_k»: "3" })',
  "unmask(texts, { «top_k»: true })",
  "unmask(«5»)",
  'extract("a", { «pooling»: "meann" })',
  'extract("a", { pooling: "mean", «normalise»: true })',
  'extract(texts, { pooling: "mean", «normalize»: "yes" })',
  'extract(stream, { pooling: "mean", quantize: true, «precision»: "int4" })',
  'extract("a", { «quantize»: 1 })',
  'classify("a", { «top_k»: "all" })',
  'classify(texts, { top_k: null, «function_to_apply»: "relu" })',
  "classify(stream, { «topK»: 1 })",
  'ner("a", { «aggregation_strategy»: "simpel" })',
  'ner(texts, { aggregation_strategy: "simple", «stride»: "4" })',
  "ner([texts], { is_split_into_words: true, «delimiter»: 5 })",
  'ner(stream, { «ignore_labels»: "O" })',
  "ner(«words»)",
  'ask("a", "b", { «top_k»: "1" })',
  'ask(item, { «max_answer_len»: "1" })',
  "ask([item], { top_k: 2, «align_words»: true })",
  'ask(texts, "a", { «handle_impossible_answer»: 1 })',
  'ask("a", «5»)',
  'zeroShot("a", texts, { «multi_label»: "yes" })',
  'zeroShot(texts, "a", { «template»: "" })',
  'similarity(source, { «pooling»: "none" })',
  'isNext("a", "b", { «top_k»: 2 })',
  'isNext([["a", "b"]], { top_k: null, «truncate»: true })',
  'choose("a", texts, { «truncation»: "yes" })',
  'choose([{ text: "a", choices: texts }], { «top_k»: 1 })',
  'likelihood("a", { «truncation»: 1 })',
  'index.search(texts, «"3"»)',
  'index.search("a", 3, { «signal»: 5 })',
  'index.search("a", 3, { «hybrid»: 1 })',
  'index.search("a", 3, { hybrid: true, «beta»: 1 })',
  'bert.forward(any, { «hiddenStates»: "yes" })',
  "bert.forward(any, { lastHiddenState: false, «attention»: true })",
  'bert.forwardSync(any, { «attentions»: "yes" })',
  'pipeline(«"fill-masks"»)',
  'pipeline("fill-mask", undefined, { «backend»: "gpu" })',
  'loadBert("a", { threads: 1, «dtype»: "float64" })',
  'training.finetune({ «task»: "translation", trainDataset: "", output: "" })',
];

const statement = (code: string) => `void ${code};\n`;
const consumer = (name: string, file: string, text: string) =>
  writeConsumer(name, "26", { module: "nodenext" }, { [file]: text });

/** A language service on one file. */
function serviceOf({ folder }: Consumer, file: string) {
  const path = join(folder, file);
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(folder, "tsconfig.json"), ts.sys.readFile).config,
    ts.sys,
    folder,
  );
  const { fileExists, readFile, readDirectory, directoryExists, getDirectories, realpath } = ts.sys;
  const host = {
    ...{ fileExists, readFile, readDirectory, directoryExists, getDirectories, realpath },
    getCompilationSettings: () => options,
    getScriptFileNames: () => [path],
    getScriptVersion: () => "1",
    getScriptSnapshot: (name: string) =>
      ts.sys.fileExists(name) ? ts.ScriptSnapshot.fromString(readFileSync(name, "utf8")) : undefined,
    getCurrentDirectory: () => folder,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  };
  const service = ts.createLanguageService(host);
  return { path, service, program: service.getProgram(), checker: service.getProgram().getTypeChecker() };
}

describe("completion", () => {
  const text = PRELUDE + COMPLETED.map(([, call]) => statement(call.replace("|", ""))).join("");
  const { path, service, program, checker } = serviceOf(
    consumer("completion", "completion.mts", text),
    "completion.mts",
  );
  const known = new Map(optionsOf(program, checker, path).map(([name, values]) => [name, values]));

  let start = PRELUDE.length;
  const calls = COMPLETED.map(([option, call]) => {
    const position = start + statement(call).indexOf("|");
    start += statement(call).length - 1;
    return [option, call, position] as const;
  });

  test.each(calls)("%s in %s", (option, _, position) => {
    const values = known.get(option) ?? [];
    expect(values.length).toBeGreaterThan(1);
    const offered = service.getCompletionsAtPosition(path, position, {})?.entries.map(({ name }: TypeScript) => name);
    expect(offered).toEqual(expect.arrayContaining(values));
  });

  test("the values are those that the options have", () => {
    expect(known.get("FeatureExtractionOptions.pooling")?.toSorted()).toEqual(["cls", "eos", "first_token", "last_token", "max", "mean", "mean_sqrt_len", "none"]); // biome-ignore format: one line
    const strategies = known.get("TokenClassificationOptions.aggregation_strategy");
    expect(strategies?.toSorted()).toEqual(["average", "first", "max", "none", "simple"]);
    expect(known.get("pipeline.task")?.length).toBe(14);
  });

  test("every option that has several values is there", () => {
    expect([...known.keys()].toSorted()).toEqual([...new Set(COMPLETED.map(([option]) => option))].toSorted());
  });
});

/** What the package exports that is called with one of several values: properties of `…Options`, parameters of functions, with the values. */
function optionsOf(program: TypeScript, checker: TypeScript, path: string): [option: string, values: string[]][] {
  const valuesOf = (type: TypeScript): string[] => {
    const parts: TypeScript[] = type.isUnion() ? type.types : [type];
    return parts.flatMap((part) => {
      if (part.isStringLiteral()) return [JSON.stringify(part.value).slice(1, -1)]; // as it is written
      if (part.isNumberLiteral()) return [String(part.value)];
      const constraint = part.isTypeParameter() ? checker.getBaseConstraintOfType(part) : undefined;
      return constraint ? valuesOf(constraint) : part.flags & ts.TypeFlags.Null ? ["null"] : [];
    });
  };
  const several = (name: string, symbol: TypeScript): [string, string[]][] => {
    const values = [...new Set(valuesOf(checker.getTypeOfSymbol(symbol)))];
    return values.length > 1 ? [[name, values]] : [];
  };
  const parametersOf = (name: string, type: TypeScript) =>
    type
      .getCallSignatures()
      .flatMap(({ parameters }: TypeScript) =>
        parameters.flatMap((parameter: TypeScript) => several(`${name}.${parameter.name}`, parameter)),
      );
  const isOurs = (symbol: TypeScript) =>
    symbol.declarations?.some((node: TypeScript) => node.getSourceFile().fileName.includes("/node_modules/plainbert/"));

  const modules = program
    .getSourceFile(path)
    .statements.filter((node: TypeScript) => node.importClause?.namedBindings?.name);
  const exported = modules.flatMap((node: TypeScript) =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(node.moduleSpecifier)),
  );
  const found = exported.flatMap((alias: TypeScript): [string, string[]][] => {
    const symbol = alias.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(alias) : alias;
    const { name } = symbol;
    if (/Options$|^TensorToWrite$/.test(name)) {
      const properties = checker.getDeclaredTypeOfSymbol(symbol).getProperties();
      return properties.filter(isOurs).flatMap((p: TypeScript) => several(`${name}.${p.name}`, p));
    }
    if (!(symbol.flags & ts.SymbolFlags.Value)) return [];
    const type = checker.getTypeOfSymbol(symbol);
    const members = type.getProperties().filter(isOurs);
    return [
      ...parametersOf(name, type),
      ...members.flatMap((m: TypeScript) => parametersOf(`${name}.${m.name}`, checker.getTypeOfSymbol(m))),
    ];
  });
  return [...new Map<string, string[]>(found)];
}

describe("a mistake is where it is said to be", () => {
  const text = PRELUDE + MISTAKEN.map((call) => statement(call.replaceAll(/[«»]/g, ""))).join("");
  const written = consumer("mistakes", "mistakes.mts", text);
  const firstLine = PRELUDE.split("\n").length;
  /** Line and column, from 1, of each mistake. */
  const places = MISTAKEN.map((call, i) => [firstLine + i, statement(call).indexOf("«") + 1]);

  test("TypeScript 6 underlines it, and nothing else", () => {
    const { path, service, program } = serviceOf(written, "mistakes.mts");
    const found = service.getSemanticDiagnostics(path).map(({ start, length }: TypeScript) => {
      const { line, character } = program.getSourceFile(path).getLineAndCharacterOfPosition(start);
      return [line + 1, character + 1, text.slice(start, start + length)];
    });
    const wanted = MISTAKEN.map((call, i) => [...places[i], call.slice(call.indexOf("«") + 1, call.indexOf("»"))]);
    expect(found).toEqual(wanted);
  });

  test.each(["5.2", "5.6", "7.0"] as const)("TypeScript %s names its place, and no other", (compiler) => {
    const args = [COMPILERS[compiler], "-p", written.tsconfig];
    let printed = "";
    try {
      execFileSync(process.execPath, args, { encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      printed = (error as { stdout: string }).stdout;
    }
    const found = [...printed.matchAll(/mistakes\.mts\((\d+),(\d+)\): error/g)].map(([, line, column]) => [
      +line,
      +column,
    ]);
    expect(found).toEqual(places);
  });
});
