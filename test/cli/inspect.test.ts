import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectJson, inspectTable } from "../../src/cli/inspect.ts";
import { readSentenceFolder } from "../../src/load/sentenceModules.ts";
import { openModelFolder, openWeights } from "../../src/load/weightFiles.ts";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../src/safetensors/index.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";
import { plainbert } from "./run.ts";

const inspected = (tensors: [string, TensorToWrite][], metadata: [string, string][] = []) => ({
  ...readSafetensors(writeSafetensors(tensors, metadata)),
  files: ["model.safetensors"],
});

const mixed = inspected(
  [
    ["weight", { shape: [1000, 3], data: new Float32Array(3000) }],
    ["b", { dtype: "F16", shape: [], data: new Float32Array(1) }],
    ["", { shape: [0, 7], data: new Float32Array(0) }],
  ],
  [["format", "pt"]],
);

test("the table", () => {
  expect(inspectTable(mixed)).toBe(
    [
      "name    dtype  shape     elements   bytes",
      '""      F32    [0,7]            0       0',
      "weight  F32    [1000,3]     3,000  12,000",
      "b       F16    []               1       2",
      "",
      "F32    2 tensors    3,000 elements  12,000 bytes",
      "F16    1 tensor         1 elements       2 bytes",
      "total  3 tensors    3,001 elements  12,002 bytes",
      "",
      "metadata",
      "  format: pt",
      "",
      "model.safetensors",
      "",
    ].join("\n"),
  );
});

test("JSON", () => {
  expect(JSON.parse(inspectJson(mixed))).toEqual({
    files: ["model.safetensors"],
    metadata: { format: "pt" },
    tensors: [
      { name: "", dtype: "F32", shape: [0, 7], elements: 0, bytes: 0 },
      { name: "weight", dtype: "F32", shape: [1000, 3], elements: 3000, bytes: 12000 },
      { name: "b", dtype: "F16", shape: [], elements: 1, bytes: 2 },
    ],
    elements: 3001,
    bytes: 12002,
  });
});

const hostile = [
  "\u001b]0;title\u0007",
  "\u009b31m",
  "\u202ereversed",
  "line\nline",
  "\u2028",
  "\u0000",
  "\u{e0041}",
  "__proto__",
];

test("what a hostile file holds cannot reach the terminal", () => {
  const file = {
    ...inspected(
      hostile.map((name): [string, TensorToWrite] => [name, { shape: [1], data: new Float32Array(1) }]),
      hostile.map((key): [string, string] => [key, key]),
    ),
    files: hostile,
  };
  const printable = /^[\P{C}\n]*$/u;
  const table = inspectTable(file);
  expect(table).toMatch(printable);
  expect(table.split("\n").length).toBe(1 + 8 + 1 + 1 + 2 + 8 + 1 + 8 + 1);
  expect(table).toContain("\\u{1b}]0;title\\u{7}");
  const json = inspectJson(file);
  for (const text of [table, json]) expect(text).not.toMatch(/[\u2028\u2029]/);
  expect(json).toMatch(printable);
  const parsed = JSON.parse(json);
  expect(parsed.tensors.map((t: { name: string }) => t.name).sort()).toEqual([...hostile].sort());
  expect(parsed.files).toEqual(hostile);
  expect(Object.hasOwn(parsed.metadata, "__proto__")).toBe(true);
});

test("long names and values are cut in the table, whole in JSON; columns stay in line", () => {
  const long = "é😀".repeat(500);
  const file = inspected(
    [
      [long, { shape: [1], data: new Float32Array(1) }],
      ["😀", { shape: [1], data: new Float32Array(1) }],
    ],
    [["k", long]],
  );
  const lines = inspectTable(file).split("\n");
  expect(new Set(lines.slice(0, 3).map((line) => Array.from(line).length)).size).toBe(1);
  expect(Array.from(lines[0]).length).toBeLessThan(170);
  expect(lines.find((line) => line.startsWith("  k: "))!.endsWith("…")).toBe(true);
  expect(JSON.parse(inspectJson(file)).metadata.k).toBe(long);
});

test("files and folders: the sums are those of the files", async () => {
  const tiny = join(import.meta.dirname, "..", "reference", "tiny");
  const one = await openWeights(join(tiny, "model.safetensors"));
  const two = await openWeights(join(tiny, "model.safetensors.index.json"));
  const index = JSON.parse(readFileSync(join(tiny, "model.safetensors.index.json"), "utf8"));
  for (const weights of [one, two]) {
    expect(inspectTable(weights)).toMatch(/^total {2}46 tensors +37,529 elements {2}150,116 bytes$/m);
    expect(JSON.parse(inspectJson(weights)).bytes).toBe(index.metadata.total_size);
    await weights.close();
  }
  expect(inspectTable(two)).toMatch(/model-00001-of-00002\.safetensors\n.*model-00002-of-00002\.safetensors\n$/);
});

test("a hundred thousand tensors take seconds at most (0.4 s measured; a quadratic step would take minutes)", () => {
  const tensors = Array.from({ length: 100_000 }, (_, n) => ({
    name: `t${n}`,
    dtype: "F32" as const,
    shape: [n],
    byteOffset: 0,
    byteLength: 4 * n,
  }));
  const start = performance.now();
  const table = inspectTable({ tensors: new Map(tensors.map((t) => [t.name, t])), metadata: new Map(), files: [] });
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(table).toMatch(/^total {2}100,000 tensors +4,999,950,000 elements {2}19,999,800,000 bytes$/m);
});

describe("a folder of sentence-transformers", () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "plainbert-inspect-"));
  });
  afterAll(() => rm(root, { recursive: true }));
  const shown = async (form: string) => {
    const folder = await openModelFolder(await sentenceFolder(root, form));
    const sentence = await readSentenceFolder(folder);
    const table = inspectTable({ ...mixed, sentence });
    const json = JSON.parse(inspectJson({ ...mixed, sentence })).sentence_transformers;
    return { lines: table.split("modules.json and its files\n")[1].split("\n\n")[0].split("\n"), json };
  };

  test("modules, prompts, length and similarity", async () => {
    expect((await shown("dense_residual")).lines).toEqual([
      "  modules: Transformer, Pooling mean, Dense 24 to 24 Tanh with residual, Dense 24 to 8 Identity with residual",
      "  length: the tokenizer's and the model's",
      "  similarity: cosine",
    ]);
    expect((await shown("prompts")).lines).toEqual([
      "  modules: Transformer, Pooling mean",
      '  prompts: query "query: ", passage "passage: "',
      "  length: the tokenizer's and the model's",
      "  similarity: dot",
    ]);
    expect((await shown("default_prompt")).lines).toContain("  default prompt: read");
    expect((await shown("without_prompt")).lines[0]).toBe(
      "  modules: Transformer, Pooling cls + max + mean + weightedmean + lasttoken without the prompt",
    );
    expect((await shown("dense_without_bias")).lines[0]).toMatch(/Dense 24 to 8 Identity without bias$/);
    expect((await shown("do_lower_case")).lines).toContain("  letters: made small");
    expect((await shown("truncate_dim")).lines).toContain("  numbers of a vector: the first 10");
  });

  test("lengths of queries and documents, and the hidden state", async () => {
    const { lines, json } = await shown("query_length");
    const lengths = ["  length: 12 tokens", "  length of a query: 7 tokens", "  length of a document: 15 tokens"];
    expect(lines).toEqual(expect.arrayContaining(lengths));
    expect(json).toMatchObject({ max_seq_length: 12, query_length: 7, document_length: 15 });
    const hidden = await shown("hidden_state_from_end");
    expect(hidden.lines).toContain("  hidden state: hidden_states[-3]");
    expect(hidden.json).toMatchObject({ method_output_name: ["hidden_states", -3] });
  });

  test("as JSON, by the library's names", async () => {
    expect((await shown("default_prompt")).json).toEqual({
      modules: ["Transformer", "Pooling mean"],
      transformer_task: "feature-extraction",
      prompts: { query: "", document: "", read: "Represent this: " },
      default_prompt_name: "read",
      max_seq_length: null,
      query_length: null,
      document_length: null,
      do_lower_case: false,
      similarity_fn_name: "cosine",
      truncate_dim: null,
    });
  });

  test("modules that cannot be read: the reason", async () => {
    const folder = await sentenceFolder(join(root, "unknown"), "mean");
    const text = await readFile(join(folder, "modules.json"), "utf8");
    await writeFile(join(folder, "modules.json"), text.replace("models.Pooling", "models.LSTM"));
    const sentence = await readSentenceFolder(await openModelFolder(folder));
    expect(inspectTable({ ...mixed, sentence })).toMatch(/\n {2}modules: no vectors: .*"LSTM"/);
    expect(JSON.parse(inspectJson({ ...mixed, sentence })).sentence_transformers).toMatchObject({
      modules: null,
      error: expect.stringContaining("LSTM"),
    });
  });

  test("settings that cannot be read: the tensors, and the reason", async () => {
    const folder = await sentenceFolder(join(root, "damaged"), "prompts");
    await writeFile(join(folder, "config_sentence_transformers.json"), '{"prompts": 3}');
    const { stdout, code } = await plainbert(["inspect", folder]);
    expect(code).toBe(0);
    expect(stdout).toContain("bert.embeddings.word_embeddings.weight");
    expect(stdout).toContain(
      `  cannot be read: ${folder}: config_sentence_transformers.json: prompts must be an object`,
    );
  });

  test("the transformer in a folder of its own: its tensors", async () => {
    const folder = await sentenceFolder(root, "in_a_folder");
    const { stdout, stderr, code } = await plainbert(["inspect", folder]);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(stdout).toContain("bert.embeddings.word_embeddings.weight");
    expect(stdout).toContain("  modules: Transformer, Pooling cls\n  length: 12 tokens\n");
    expect(stdout).toContain(join(folder, "0_Transformer", "model.safetensors"));
  });
});
