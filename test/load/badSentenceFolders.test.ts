import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { loadBert, pipeline, saveBert } from "../../src/index.ts";
import { readSentenceFolder } from "../../src/load/sentenceModules.ts";
import { openModelFolder } from "../../src/load/weightFiles.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/safetensors/index.ts";
import { expectBertError } from "../pipelines/support.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-bad-"));
afterAll(() => rm(root, { recursive: true }));

type Change = Readonly<Record<string, unknown>>;
let made = 0;

/** A folder of a form of which a file is another: a text, bytes, what a JSON text becomes; null: there is none. */
async function altered(form: string, file: string, content: string | Uint8Array | Change | null): Promise<string> {
  const folder = join(root, String(made++), form);
  await cp(await sentenceFolder(root, form), folder, { recursive: true });
  const path = join(folder, file);
  if (content === null) await rm(path);
  else if (typeof content === "string" || content instanceof Uint8Array) await writeFile(path, content);
  else {
    const old = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
    await writeFile(path, JSON.stringify(Array.isArray(old) ? Object.assign(old, content) : { ...old, ...content }));
  }
  return folder;
}

/** The error that the embeddings of a folder have. */
async function errorOf(folder: string): Promise<BertError> {
  const error = await readSentenceFolder(await openModelFolder(folder)).then(
    ({ modules }) => modules,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BertError);
  return error as BertError;
}

const LISTED = "sentence_transformers.models";
const second = (type: string, path: string) => ({ 1: { idx: 1, name: "1", path, type: `${LISTED}.${type}` } });
const DENSE = "2_Dense/config.json";
const WEIGHTS = "2_Dense/model.safetensors";
const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${"4d7a".repeat(16)}\nsize 12345\n`;
const dense = (weight: TensorToWrite, more: [string, TensorToWrite][] = []) =>
  writeSafetensors([["linear.weight", weight], ...more]);
const zeros = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((n, size) => n * size, 1)) });
const SETTINGS = "config_sentence_transformers.json";
const LENGTH = "sentence_bert_config.json";

type Bad = [what: string, form: string, file: string, content: Parameters<typeof altered>[2], ...parts: string[]];
/** A sentence_bert_config.json that says which of the model's outputs counts. */
const outputOf = (name: unknown, more: object = {}) => ({
  modality_config: { text: { method: "forward", method_output_name: name, ...more } },
  module_output_name: "token_embeddings",
});
const only = (value: string) => `must be ${value}, as nothing else is followed here, got`;
/** What a tokenizer must not be called with. */
const CALLED: readonly (readonly [group: string, key: string, value: unknown, message: string])[] = [
  ["text", "max_length", 1, "must be a whole number from 2, got 1"],
  ["common", "max_length", "9", 'must be a whole number from 2, got "9"'],
  ["text", "add_special_tokens", false, `${only("true")} false`],
  ["common", "add_special_tokens", false, `${only("true")} false`],
  ["text", "truncation", false, `${only('true or "longest_first"')} false`],
  ["text", "truncation", "only_first", `${only('true or "longest_first"')} "only_first"`],
  ["text", "padding", false, `${only('true or "longest" or "max_length"')} false`],
  ["text", "padding_side", "left", `${only('"right" or null')} "left"`],
  ["text", "stride", 3, `${only("0")} 3`],
  ["text", "is_split_into_words", true, `${only("false")} true`],
  ["text", "split_special_tokens", true, `${only("false")} true`],
  ["common", "return_tensors", "np", `${only('"pt"')} "np"`],
  ["text", "return_token_type_ids", false, `${only("true or null")} false`],
  ["text", "return_attention_mask", false, `${only("true or null")} false`],
  ["text", "return_overflowing_tokens", true, `${only("false")} true`],
  ["text", "text_pair", "a", "is not followed here: the texts are those of the call"],
];

describe("each says file, field, value and what would be right", () => {
  test.each<Bad>([
    [
      "a type that is not known",
      "mean",
      "modules.json",
      second("CNN", "1_CNN"),
      'one of Transformer, Pooling, Dense, LayerNorm, Normalize and Dropout, got "CNN"',
    ],
    ["no type", "mean", "modules.json", { 1: { path: "1_Pooling" } }, "[1].type must be a string, is missing"],
    [
      "a path out of the folder",
      "mean",
      "modules.json",
      second("Pooling", "../x"),
      `[1].path must be a folder inside the model's, got "../x"`,
    ],
    [
      "an absolute path",
      "mean",
      "modules.json",
      second("Pooling", "/etc"),
      `[1].path must be a folder inside the model's, got "/etc"`,
    ],
    [
      "a path of Windows",
      "mean",
      "modules.json",
      second("Pooling", "..\\x"),
      "[1].path must be a folder inside the model's",
    ],
    [
      "a path that no file system takes",
      "mean",
      "modules.json",
      second("Pooling", "a".repeat(10_000)),
      "[1].path must be a folder inside the model's",
    ],
    ["no modules", "mean", "modules.json", "[]", "modules.json: must be a list of at least one module, got []"],
    ["no list", "mean", "modules.json", "{}", "modules.json: must be an array, got {}"],
    ["no JSON", "mean", "modules.json", "[{", 'modules.json: must be JSON, got "[{"'],
    [
      "no Transformer first",
      "mean",
      "modules.json",
      { 0: { path: "", type: "my.Router" } },
      'the first module must be a Transformer, got "Router"',
    ],
    [
      "a Dense before the Pooling",
      "dense",
      "modules.json",
      second("Dense", "2_Dense"),
      'the module after the Transformer must be a Pooling, got "Dense"',
    ],
    [
      "the transformer alone",
      "mean",
      "modules.json",
      JSON.stringify([{ path: "", type: "Transformer" }]),
      "must be a Pooling, got none",
    ],
    ["a page of HTML", "dense", DENSE, "<!doctype html><html>", "2_Dense/config.json: must be JSON, is a page of HTML"],
    [
      "a mode of Pooling",
      "pooling_mode",
      "1_Pooling/config.json",
      { pooling_mode: "median" },
      "1_Pooling/config.json: pooling_mode must be one of cls, max, mean",
      'got "median"',
    ],
    [
      "a flag that is a number",
      "mean",
      "1_Pooling/config.json",
      { pooling_mode_mean_tokens: 1 },
      "pooling_mode_mean_tokens must be true or false, got 1",
    ],
    [
      "a Pooling without settings",
      "mean",
      "1_Pooling/config.json",
      null,
      "1_Pooling/config.json: the settings of modules.json's Pooling must be there",
    ],
    [
      "a Dense of another size",
      "dense",
      DENSE,
      { in_features: 25 },
      '2_Dense: tensor "linear.weight" must be [16, 25] by config.json, is [16, 24]',
    ],
    [
      "a Dense too large for any memory",
      "dense",
      DENSE,
      { out_features: 2 ** 50 },
      'tensor "linear.weight" must be [1125899906842624, 24] by config.json',
    ],
    [
      "a Dense without its size",
      "dense",
      DENSE,
      "{}",
      "2_Dense/config.json: in_features must be a whole number from 1, is missing",
    ],
    [
      "an activation function without arguments",
      "dense",
      DENSE,
      { activation_function: "torch.nn.Threshold" },
      'activation_function must be a class of torch.nn that can be made without arguments, got "torch.nn.Threshold"',
    ],
    [
      "a Dense of tokens",
      "dense",
      DENSE,
      { module_input_name: "token_embeddings" },
      'module_input_name must be "sentence_embedding", got "token_embeddings"',
    ],
    [
      "halves and a residual connection",
      "dense_residual",
      DENSE,
      { activation_function: "torch.nn.GLU" },
      "use_residual must be false, as GLU gives half as many numbers, got true",
    ],
    ["a Dense without weights", "dense", WEIGHTS, null, "2_Dense: must hold model.safetensors"],
    [
      "a Dense without a bias",
      "dense",
      WEIGHTS,
      dense(zeros(16, 24)),
      '2_Dense: tensor "linear.bias" must be there, there are only "linear.weight"',
    ],
    [
      "no number",
      "dense",
      WEIGHTS,
      dense({ shape: [16, 24], data: new Float32Array(384).fill(NaN) }, [["linear.bias", zeros(16)]]),
      '2_Dense: tensor "linear.weight" must be finite numbers',
    ],
    [
      "a parameter of another size",
      "dense",
      WEIGHTS,
      dense(zeros(16, 24), [
        ["linear.bias", zeros(16)],
        ["activation_function.weight", zeros(4)],
      ]),
      'tensor "activation_function.weight" must be [1] by config.json, is [4]',
    ],
    [
      "a pointer of git-lfs",
      "dense",
      WEIGHTS,
      POINTER,
      "2_Dense/model.safetensors: is no safetensors file but a pointer of git-lfs: `git lfs pull` brings the file itself",
    ],
    [
      "the same for PyTorch",
      "dense_bin",
      "2_Dense/pytorch_model.bin",
      POINTER,
      "2_Dense/pytorch_model.bin",
      "`git lfs pull` brings the file itself",
    ],
    [
      "a LayerNorm of another size",
      "layer_norm",
      "2_LayerNorm/config.json",
      { dimension: 7 },
      'tensor "norm.weight" must be [7] by config.json, is [24]',
    ],
    [
      "a prompt that is a number",
      "prompts",
      SETTINGS,
      { prompts: { query: 3 } },
      `${SETTINGS}: prompts.query must be a string, got 3`,
    ],
    ["prompts in a list", "prompts", SETTINGS, { prompts: ["a"] }, `${SETTINGS}: prompts must be an object, got ["a"]`],
    [
      "a default prompt that is none",
      "prompts",
      SETTINGS,
      { default_prompt_name: "quary" },
      'default_prompt_name must be a name of prompts, "query", "document", "passage", got "quary"',
    ],
    [
      "no number is left",
      "prompts",
      SETTINGS,
      { truncate_dim: 0 },
      "truncate_dim must be a whole number from 1, got 0",
    ],
    [
      "a length that [CLS] and [SEP] do not fit in",
      "max_seq_length",
      LENGTH,
      { max_seq_length: 1 },
      `${LENGTH}: max_seq_length must be a whole number from 2, got 1`,
    ],
    [
      "a length in words",
      "max_seq_length",
      LENGTH,
      { max_seq_length: "8" },
      'max_seq_length must be a whole number from 2, got "8"',
    ],
    [
      "an argument of the tokenizer",
      "max_seq_length",
      LENGTH,
      { processor_kwargs: { strip_accents: true } },
      "processor_kwargs.strip_accents is not followed here: write it into tokenizer_config.json",
    ],
    [
      "a field that nobody knows",
      "mean",
      LENGTH,
      { max_lenght: 8 },
      "max_lenght is not known, and sentence-transformers 6.2 fails on it",
    ],
    [
      "another tokenizer",
      "mean",
      LENGTH,
      { tokenizer_name_or_path: "org/other" },
      "tokenizer_name_or_path is not followed here: put that tokenizer's files into the folder",
    ],
    [
      "queries with masks",
      "mean",
      LENGTH,
      { query_expansion: { strategy: "min", length: 20 } },
      "query_expansion is not followed here: it is for models that compare token by token",
    ],
    ["a query without room", "mean", LENGTH, { query_length: 1 }, "query_length must be a whole number from 2, got 1"],
    [
      "a document's length in words",
      "mean",
      LENGTH,
      { document_length: "9" },
      'document_length must be a whole number from 2, got "9"',
    ],
    [
      "the tokenizer's length as null",
      "mean",
      LENGTH,
      { tokenizer_args: { model_max_length: null } },
      "tokenizer_args.model_max_length must be a whole number from 2, got null",
    ],
    [
      "padding at the left",
      "mean",
      LENGTH,
      { processor_kwargs: { padding_side: "left" } },
      'processor_kwargs.padding_side must be "right", as nothing else is followed here, got "left"',
    ],
    [
      "an argument of the configuration",
      "mean",
      LENGTH,
      { config_args: { hidden_act: "relu" } },
      "config_args.hidden_act is not followed here: write it into config.json",
    ],
    [
      "an argument of the model",
      "mean",
      LENGTH,
      { model_args: { quantization_config: {} } },
      "model_args.quantization_config is not followed here: take it out if the model is the same without it",
    ],
    [
      "vectors of pooled outputs",
      "mean",
      LENGTH,
      outputOf("pooler_output"),
      `modality_config.text.method_output_name must be "last_hidden_state" or ["hidden_states", n], as no other output is followed here, got "pooler_output"`,
    ],
    ["no output", "mean", LENGTH, outputOf(null), 'method_output_name must be "last_hidden_state" or', "got null"],
    [
      "an empty path to the output",
      "mean",
      LENGTH,
      outputOf([]),
      'method_output_name must be "last_hidden_state" or',
      "got []",
    ],
    [
      "half a hidden state",
      "mean",
      LENGTH,
      outputOf(["hidden_states", 0.5]),
      "method_output_name must be",
      'got ["hidden_states", 0.5]',
    ],
    [
      "a part of a hidden state",
      "mean",
      LENGTH,
      outputOf(["hidden_states", 1, 0]),
      "method_output_name must be",
      'got ["hidden_states", 1, 0]',
    ],
    [
      "another method",
      "mean",
      LENGTH,
      outputOf("last_hidden_state", { method: "get_text_features" }),
      'modality_config.text.method must be "forward", got "get_text_features"',
    ],
    [
      "an output of another name",
      "mean",
      LENGTH,
      { ...outputOf("last_hidden_state"), module_output_name: "sentence_embedding" },
      'module_output_name must be "token_embeddings", got "sentence_embedding"',
    ],
    [
      "an output without a name",
      "mean",
      LENGTH,
      { modality_config: outputOf("last_hidden_state").modality_config },
      'module_output_name must be "token_embeddings", is missing',
    ],
    [
      "no texts",
      "mean",
      LENGTH,
      { modality_config: {}, module_output_name: "token_embeddings" },
      "modality_config.text must be an object, is missing",
    ],
    [
      "texts as chats",
      "mean",
      LENGTH,
      { modality_config: { message: { method: "forward" } }, module_output_name: "token_embeddings" },
      "modality_config.message is not followed here: a BERT has no template for chats",
    ],
    ...CALLED.map(
      ([group, key, value, message]): Bad => [
        `${key} of ${group} in a tokenizer's call`,
        "mean",
        LENGTH,
        { processing_kwargs: { [group]: { [key]: value } } },
        `${LENGTH}: processing_kwargs.${group}.${key} ${message}`,
      ],
    ),
    [
      "a model that fills gaps",
      "mean",
      LENGTH,
      { transformer_task: "fill-mask" },
      `${LENGTH}: transformer_task must be "feature-extraction" for vectors of texts, got "fill-mask"; pipeline("fill-mask") is for such a model`,
    ],
    [
      "a task of a name that every object has",
      "mean",
      LENGTH,
      { transformer_task: "constructor" },
      'transformer_task must be "feature-extraction" for vectors of texts, got "constructor"',
    ],
    [
      "a reranker",
      "mean",
      LENGTH,
      { transformer_task: "sequence-classification" },
      'got "sequence-classification"; pipeline("text-ranking") is for such a model',
    ],
    [
      "a model that writes",
      "max_seq_length",
      LENGTH,
      { transformer_task: "text-generation" },
      `${LENGTH}: transformer_task must be "feature-extraction" for vectors of texts, got "text-generation"`,
    ],
  ])("%s", async (_, form, file, content, ...parts) => {
    const folder = await altered(form, file, content);
    const { message } = await errorOf(folder);
    expect(message).toContain(folder);
    for (const part of parts) expect(message).toContain(part);
    expect(message.length).toBeLessThan(1000);
  });
});

test("a module that cannot be read is in the way of vectors, and of nothing else", async () => {
  const folder = await altered("mean", "modules.json", second("CNN", "1_CNN"));
  await using bert = await loadBert(folder, { backend: "plain" });
  await expectBertError(pipeline("embeddings", bert), "ERR_CHECKPOINT", folder, '"CNN"');
  const find = await pipeline("token-classification", bert);
  expect((await find("Emma lived in Bath.", { ignore_labels: [] })).length).toBeGreaterThan(0);
});

test.each([
  [SETTINGS, { prompts: ["a"] }, "prompts must be an object"],
  [LENGTH, { model_kwargs: { quantization_config: {} } }, "model_kwargs.quantization_config is not followed here"],
])("settings that cannot be followed, %s: the same", async (file, content, message) => {
  const folder = await altered("mean", file, content);
  await using bert = await loadBert(folder, { backend: "plain" });
  const find = await pipeline("token-classification", bert);
  expect((await find("Emma lived in Bath.", { ignore_labels: [] })).length).toBeGreaterThan(0);
  await expectBertError(pipeline("embeddings", bert), "ERR_CHECKPOINT", folder, message);
  await expectBertError(saveBert(bert, join(root, "never")), "ERR_CHECKPOINT", folder, message);
});

test("a hidden state that the model does not have", async () => {
  for (const [n, L] of [
    [3, 2],
    [-4, 2],
  ]) {
    const folder = await altered("mean", LENGTH, outputOf(["hidden_states", n]));
    const message = `must be -3 to 2, as the model has ${L} layers, got ${n}`;
    await expectBertError(pipeline("embeddings", folder, { backend: "plain" }), "ERR_CHECKPOINT", LENGTH, message);
  }
});

test("what a reranker's sentence_bert_config.json says that is not followed is in the way of its scores", async () => {
  const reference = join(import.meta.dirname, "../pipelines/reference");
  for (const [fields, message] of [
    [{ processing_kwargs: { text: { truncation: "only_second" } } }, 'got "only_second"'],
    [outputOf("hidden_states"), 'module_output_name must be "scores"'],
    [{ ...outputOf("hidden_states"), module_output_name: "scores" }, 'must be "logits", as no other output'],
  ] as const) {
    const folder = join(root, String(made++));
    for (const part of ["heads/one_label", "ranking/saved"]) {
      await cp(join(reference, part), folder, { recursive: true });
    }
    const old = JSON.parse(readFileSync(join(folder, LENGTH), "utf8"));
    await writeFile(join(folder, LENGTH), JSON.stringify({ ...old, ...fields }));
    const ranking = pipeline("text-ranking", folder, { backend: "plain" });
    await expectBertError(ranking, "ERR_CHECKPOINT", folder, LENGTH, message);
    await using classify = await pipeline("text-classification", folder, { backend: "plain" });
    expect(await classify("Emma lived in Bath.")).toHaveLength(1);
  }
});

test("a model whose first module is none of those that make vectors is read for all else", async () => {
  const folder = join(root, "splade");
  await cp(join(import.meta.dirname, "../pipelines/reference/heads/mlm"), folder, { recursive: true });
  const modules = ["MLMTransformer", "SpladePooling"].map((type, idx) => ({
    ...{ idx, name: String(idx), path: idx === 0 ? "" : "1_SpladePooling" },
    type: `sentence_transformers.sparse_encoder.models.${type}`,
  }));
  await writeFile(join(folder, "modules.json"), JSON.stringify(modules));
  await using unmask = await pipeline("fill-mask", folder, { backend: "plain" });
  expect(await unmask("The [MASK] was open.")).toHaveLength(5);
  const parts = ["modules.json: the first module must be a Transformer", '"MLMTransformer"'];
  await expectBertError(pipeline("embeddings", folder, { backend: "plain" }), "ERR_CHECKPOINT", folder, ...parts);
  await expectBertError(saveBert(unmask.model, join(root, "never")), "ERR_CHECKPOINT", ...parts);
});

test("a Dense that takes other vectors than there are", async () => {
  const folder = await altered("dense", WEIGHTS, dense(zeros(16, 8), [["linear.bias", zeros(16)]]));
  const config = join(folder, DENSE);
  await writeFile(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), in_features: 8 }));
  const message = "modules.json: a Dense must take the 24 numbers of a vector, its in_features is 8";
  await expectBertError(pipeline("embeddings", folder, { backend: "plain" }), "ERR_CHECKPOINT", message);
  await using compare = await pipeline("sentence-similarity", folder, { backend: "plain" });
  const pair = { source_sentence: "A text.", sentences: ["Another."] };
  await expectBertError(compare(pair), "ERR_CHECKPOINT", message);
  expect(await compare(pair, { pooling: "mean" })).toHaveLength(1);
});

test("a LayerNorm of another size than the vectors'", async () => {
  const norm = writeSafetensors(["norm.weight", "norm.bias"].map((name) => [name, zeros(8)] as const));
  const folder = await altered("layer_norm", "2_LayerNorm/model.safetensors", norm);
  await writeFile(join(folder, "2_LayerNorm/config.json"), JSON.stringify({ dimension: 8 }));
  const message = "modules.json: a LayerNorm must take the 24 numbers of a vector, its dimension is 8";
  await expectBertError(pipeline("embeddings", folder, { backend: "plain" }), "ERR_CHECKPOINT", message);
});
