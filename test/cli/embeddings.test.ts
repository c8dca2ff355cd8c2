import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { buildIndex, pipeline } from "../../src/index.ts";
import { head, plainbert } from "./run.ts";

const PLAIN = { backend: "plain" } as const;
const cwd = await mkdtemp(join(tmpdir(), "plainbert-embeddings-"));
const reference = join(import.meta.dirname, "../pipelines/reference/sentence");
const folder = join(cwd, "prompts");
await cp(head("ner"), folder, { recursive: true });
await cp(join(reference, "prompts"), folder, { recursive: true }); // "query: ", "passage: ", dot products
const embed = await pipeline("embeddings", folder, PLAIN);
afterAll(async () => {
  await embed.dispose();
  await rm(cwd, { recursive: true });
});

const MODEL = ["--model", folder, "--backend", "plain"];
const [DOOR, LETTER] = ["The door was open.", "He read a letter."];
const LONG = "long ".repeat(99).trim();
const vectorsIn = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => Float32Array.from(JSON.parse(line)));
const cut = (what: string) => `${what} longer than 64 tokens, what the model takes, and `;

describe("embed", () => {
  test.each([
    [[], {}],
    [["--prompt-name", "passage"], { prompt_name: "passage" }],
    [
      ["--prompt", "said: ", "--normalize", "--truncate-dim", "7"],
      { prompt: "said: ", normalize: true, truncate_dim: 7 },
    ],
  ])("%j: what the pipeline gives", async (args, options) => {
    const { stdout, stderr } = await plainbert(["embed", ...MODEL, ...args], { input: `${DOOR}\n${LETTER}\n` });
    expect(stderr).toBe("");
    const { data, dims } = await embed([DOOR, LETTER], options);
    expect(vectorsIn(stdout)).toEqual([data.subarray(0, dims[1]), data.subarray(dims[1])]);
  });

  test("says how many lines were cut, into a file too; --no-truncation stops there", async () => {
    const input = `${DOOR}\n${LONG}\n${LONG} \n`;
    const { stdout, stderr } = await plainbert(["embed", ...MODEL], { input });
    expect(stderr).toBe(`${cut("2 of 3 lines were")}were cut\n`);
    expect(vectorsIn(stdout)).toHaveLength(3);
    const file = await plainbert(["embed", ...MODEL, "--output", "a.csv"], { cwd, input: `${LONG}\n` });
    expect(file).toMatchObject({ code: 0, stderr: `${cut("1 of 1 line was")}was cut\n` });
    const refused = await plainbert(["embed", ...MODEL, "--no-truncation"], { input });
    expect(refused.stderr).toContain("standard input, line 2: embeddings: text must be at most 64 tokens long");
    expect(vectorsIn(refused.stdout)).toHaveLength(1);
  });

  test.each([
    [["--pooling", "mean", "--prompt", "a"], "--prompt does not go with --pooling"],
    [["--pooling", "mean", "--prompt", ""], "--prompt does not go with --pooling"],
    [["--layers", "last", "--prompt-name", ""], "--prompt-name does not go with --layers"],
    [["--layers", "last", "--no-truncation"], "--no-truncation does not go with --layers"],
    [["--truncation", "--no-truncation"], "--truncation does not go with --no-truncation"],
  ])("%j is wrong usage", async (args, message) => {
    const { code, stderr } = await plainbert(["embed", ...MODEL, ...args], { input: "a\n" });
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test("a prompt that there is not", async () => {
    const { code, stderr } = await plainbert(["embed", ...MODEL, "--prompt-name", "task"], { input: "a\n" });
    expect([code, stderr]).toEqual([1, expect.stringContaining('--prompt-name must be one of the model\'s, "query", "document", "passage", got "task"')]); // biome-ignore format: one line
  });
});

test("index and search: documents and queries with their prompts, and what was cut", async () => {
  const made = await plainbert(["index", ...MODEL, "--output", "x.safetensors"], { cwd, input: `${DOOR}\n${LETTER}\n${LONG}\n` }); // biome-ignore format: one line
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining(`${cut("1 of 3 lines was")}was cut\n`) });
  const index = await buildIndex(embed, [DOOR, LETTER, LONG]);
  const want = await index.search("Was it read?", 2);
  const found = await plainbert(["search", ...MODEL, "--json", "--top-k", "2", "x.safetensors", "Was it read?"], {
    cwd,
  });
  expect(JSON.parse(found.stdout)).toEqual(want);
  expect(found.stderr).toBe("");
  const long = await plainbert(["search", ...MODEL, "x.safetensors", LONG], { cwd });
  expect(long).toMatchObject({ code: 0, stderr: `${cut("1 of 1 query was")}was cut\n` });
  const refused = await plainbert(["search", ...MODEL, "--no-truncation", "x.safetensors", LONG], { cwd });
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("must be at most 64 tokens long")]);
  const other = await plainbert(["search", "--model", head("ner"), "x.safetensors", DOOR], { cwd });
  expect([other.code, other.stderr]).toEqual([1, expect.stringContaining("made with, its modules.json and prompts")]);
});

test("sentence-similarity: by the function that the folder names, dot products here", async () => {
  const { stdout } = await plainbert([
    "sentence-similarity",
    ...MODEL,
    "--json",
    "--prompt-name",
    "passage",
    DOOR,
    LETTER,
  ]);
  await using similarity = await pipeline("sentence-similarity", embed.model);
  const want = await similarity({ source_sentence: DOOR, sentences: [LETTER] }, { prompt_name: "passage" });
  expect(want[0]).toBeGreaterThan(1);
  expect(JSON.parse(stdout)).toEqual(want);
});

describe("rank", async () => {
  const args = ["rank", "--model", head("one_label"), "--backend", "plain"];
  const rank = await pipeline("text-ranking", head("one_label"), PLAIN);
  afterAll(() => rank.dispose());
  const QUERY = "Who lived in London?";
  const documents = [DOOR, LETTER, "Emma lived in London."];

  test("a table, the best first; documents from standard input, without blank lines", async () => {
    const ranked = await rank(QUERY, documents, { top_k: 2 });
    const table = ranked.map(({ index, score }) => `  ${score.toFixed(4)}  ${documents[index]}\n`).join("");
    expect(await plainbert([...args, "--top-k", "2", QUERY, ...documents])).toMatchObject({
      stdout: table,
      stderr: "",
    });
    const input = `\n${documents.join("\n \n")}\n\n`;
    expect(await plainbert([...args, "--top-k", "2", QUERY], { input })).toMatchObject({ stdout: table, stderr: "" });
  });

  test("lines of JSON; a wrong one is named", async () => {
    const input = `${JSON.stringify({ query: QUERY, documents })}\n{"query":"a","docs":["b"]}\n`;
    const { code, stdout, stderr } = await plainbert([...args, "--activation", "none", "--stride", "4"], { input });
    expect(JSON.parse(stdout)).toEqual(await rank(QUERY, documents, { activation: "none", stride: 4 }));
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('line 2: unknown field "docs"; known are "query", "documents"'),
    ]);
    const missing = await plainbert(args, { input: '{"query":"a"}\n' });
    expect(missing.stderr).toContain("line 1: text-ranking: documents must be an array of texts");
  });

  test("a document alone, and a model that is no reranker", async () => {
    expect(await plainbert(["rank", QUERY, "a"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--model"),
    });
    const other = await plainbert(["rank", "--model", head("nli"), QUERY, "a"]);
    expect(other.stderr).toContain("text-ranking: model must be one with one label");
  });
});
