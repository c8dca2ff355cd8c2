import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { buildIndex, loadBert, pipeline } from "../../src/pipelines/index.ts";
import { STORAGE_TYPES } from "../../src/tensor/storage.ts";
import { POSITIONS } from "../pipelines/support.ts";
import { head, plainbert, TINY } from "./run.ts";

/** Needs no worker, which would take most of a test's time. */
const PLAIN = { backend: "plain" } as const;
const withHead = (name: string) => ["--model", head(name), "--backend", "plain"];
const [DOOR, EMMA] = ["The door was open.", "Emma Smith lived in London with John."];

/** JSON of each line. */
const jsonLines = (stdout: string) => stdout.trimEnd().split("\n").map((line) => JSON.parse(line)); // biome-ignore format: one line

describe("text-classification", () => {
  const args = ["text-classification", ...withHead("nli")];

  test("a table; a heading where there are several texts", async () => {
    const { stdout, stderr, code } = await plainbert([...args, DOOR]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe("  neutral         53.87 %\n  contradiction   33.54 %\n  entailment      12.59 %\n");
    const two = await plainbert([...args, "--top-k", "1", DOOR, EMMA]);
    expect(two.stdout).toBe(`${DOOR}\n\n  neutral   53.87 %\n\n${EMMA}\n\n  contradiction   74.99 %\n`);
  });

  test("--json and lines are what the pipeline gives; a blank line is a text too", async () => {
    await using classify = await pipeline("text-classification", head("nli"), PLAIN);
    const want = [await classify(DOOR, { top_k: 2 }), await classify(EMMA, { top_k: 2 })];
    const blank = await classify("", { top_k: 2 });
    const json = await plainbert([...args, "--json", "--top-k", "2", DOOR, EMMA]);
    expect(jsonLines(json.stdout)).toEqual(want);
    const lines = await plainbert([...args, "--top-k", "2"], { input: `\n${DOOR}\n\n \n${EMMA}\n\n` });
    expect(jsonLines(lines.stdout)).toEqual([blank, want[0], blank, blank, want[1], blank]);
    const between = await plainbert([...args, "--top-k", "2", "--jsonl"], { input: `\n"${DOOR}"\n \n""\n` });
    expect(jsonLines(between.stdout)).toEqual([null, want[0], null, blank]);
    expect(lines.stderr).toBe("");
  });

  test("a line that is too long: the answers before it, then an error with its number", async () => {
    const { code, stdout, stderr } = await plainbert(args, { input: `${DOOR}\n\n${"a ".repeat(80)}\n${EMMA}\n` });
    expect(code).toBe(1);
    expect(jsonLines(stdout).map((answer) => answer?.length)).toEqual([3, 3]);
    expect(stderr).toContain("standard input, line 3: text-classification: text must be at most 64 tokens long");
    const cut = await plainbert([...args, "--truncation"], { input: `${"a ".repeat(80)}\n` });
    expect(cut.code).toBe(0);
  });

  test("numbers of a regression are no percentages", async () => {
    const { stdout } = await plainbert(["text-classification", ...withHead("regression"), DOOR]);
    expect(stdout).toMatch(/^ {2}LABEL_\d +-?\d+\.\d{4}\n {2}LABEL_\d +-?\d+\.\d{4}\n$/);
  });
});

test("token-classification: entities with their places; --json is what the pipeline gives", async () => {
  const args = ["token-classification", ...withHead("ner")];
  await using find = await pipeline("token-classification", head("ner"), PLAIN);
  const want = await find(EMMA, { aggregation_strategy: "first" });
  expect(want.length).toBeGreaterThan(0);
  const json = await plainbert([...args, "--aggregation-strategy", "first", "--json", EMMA]);
  expect(jsonLines(json.stdout)).toEqual([want]);
  const { stdout } = await plainbert([...args, "--aggregation-strategy", "first", EMMA]);
  expect(stdout.trimEnd().split("\n").length).toBe(want.length);
  for (const { entity_group, word, start, end } of want) {
    expect(stdout).toMatch(new RegExp(`^ {2}${entity_group} +${word} .* ${start}–${end}$`, "m"));
  }
});

test("question-answering: the context from the command line or from standard input", async () => {
  const args = ["question-answering", ...withHead("qa"), "--top-k", "2"];
  await using ask = await pipeline("question-answering", head("qa"), PLAIN);
  const want = await ask("Who lived?", EMMA, { top_k: 2 });
  expect(jsonLines((await plainbert([...args, "--json", "Who lived?", EMMA])).stdout)).toEqual([want]);
  expect(jsonLines((await plainbert([...args, "--json", "Who lived?"], { input: `${EMMA}\n` })).stdout)).toEqual([
    want,
  ]);
  const { stdout } = await plainbert([...args, "Who lived?", EMMA]);
  for (const { answer } of want) expect(stdout).toContain(`  ${answer} `);
});

test("zero-shot-classification: --labels, --hypothesis-template, --multi-label", async () => {
  const args = ["zero-shot-classification", ...withHead("nli"), "--labels", "sea, red house", "--json"];
  await using classify = await pipeline("zero-shot-classification", head("nli"), PLAIN);
  const options = { hypothesis_template: "It was {}.", multi_label: true };
  const { stdout } = await plainbert([...args, "--hypothesis-template", "It was {}.", "--multi-label", DOOR]);
  expect(jsonLines(stdout)).toEqual([await classify(DOOR, "sea, red house", options)]);
});

test("question-answering, next-sentence: JSON lines in, JSON lines out", async () => {
  await using ask = await pipeline("question-answering", head("qa"), PLAIN);
  const questions = [
    { question: "Who lived?", context: EMMA },
    { question: "Where?", context: EMMA },
    { question: "Where?", context: `${EMMA} `.repeat(20) }, // in windows
  ];
  const windows = { max_seq_len: 40, doc_stride: 12 };
  const options = { max_answer_len: 2, handle_impossible_answer: true, align_to_words: false, top_k: 2, ...windows };
  const args = ["question-answering", ...withHead("qa"), "--top-k", "2", "--max-answer-len", "2"];
  args.push("--max-seq-len", "40", "--doc-stride", "12");
  const { stdout } = await plainbert([...args, "--handle-impossible-answer", "--no-align-to-words"], {
    input: questions.map((question) => `${JSON.stringify(question)}\n\n`).join(""),
  });
  const [first, second, third] = await ask(questions, options);
  expect(jsonLines(stdout)).toEqual([first, null, second, null, third, null]);

  await using isNext = await pipeline("next-sentence-prediction", undefined, PLAIN);
  const pairs = [{ text: DOOR, text_pair: EMMA }, [EMMA, DOOR]] as const;
  const lines = await plainbert(["next-sentence", "--backend", "plain"], {
    input: pairs.map((pair) => JSON.stringify(pair)).join("\n"),
  });
  expect(jsonLines(lines.stdout)).toEqual(await isNext(pairs, { top_k: null }));
});

test("text-classification: --function-to-apply, and pairs in JSON lines", async () => {
  await using classify = await pipeline("text-classification", head("nli"), PLAIN);
  const input = { text: DOOR, text_pair: EMMA };
  const args = ["text-classification", ...withHead("nli"), "--jsonl", "--function-to-apply", "sigmoid"];
  const { stdout } = await plainbert(args, { input: `${JSON.stringify(input)}\n${JSON.stringify(DOOR)}\n` });
  const options = { top_k: null, function_to_apply: "sigmoid" } as const;
  expect(jsonLines(stdout)).toEqual(await classify([input, DOOR], options));
});

test("token-classification: --aggregation-strategy none, --ignore-labels", async () => {
  await using find = await pipeline("token-classification", head("ner"), PLAIN);
  const args = ["token-classification", ...withHead("ner"), "--aggregation-strategy", "none", "--json"];
  expect(jsonLines((await plainbert([...args, EMMA])).stdout)).toEqual([await find(EMMA)]);
  const labels = ["O", "B-PER"];
  expect(jsonLines((await plainbert([...args, "--ignore-labels", labels.join(), EMMA])).stdout)).toEqual([
    await find(EMMA, { ignore_labels: labels }),
  ]);
});

test("sentence-similarity: most similar first; --json in the order given", async () => {
  await using similarity = await pipeline("sentence-similarity", head("mlm"), PLAIN);
  const sentences = ["He read a letter.", "The window was shut."];
  const want = await similarity({ source_sentence: DOOR, sentences }, { pooling: "cls" });
  const args = ["sentence-similarity", ...TINY, "--pooling", "cls"];
  expect(jsonLines((await plainbert([...args, "--json", DOOR, ...sentences])).stdout)).toEqual([want]);
  const lines = await plainbert(args, { input: JSON.stringify({ source_sentence: DOOR, sentences }) });
  expect(jsonLines(lines.stdout)).toEqual([want]);
  const best = sentences[want[0] > want[1] ? 0 : 1];
  const { stdout } = await plainbert([...args, DOOR, ...sentences]);
  expect(stdout.split("\n")[0]).toMatch(new RegExp(`^  ${best} +${Math.max(...want).toFixed(4)}$`));
});

test("multiple-choice", async () => {
  await using choose = await pipeline("multiple-choice", head("multiple_choice"), PLAIN);
  const choices = ["It was shut.", "He read."];
  const want = await choose(DOOR, choices);
  const args = ["multiple-choice", ...withHead("multiple_choice")];
  expect(jsonLines((await plainbert([...args, "--json", DOOR, ...choices])).stdout)).toEqual([want]);
  const lines = await plainbert(args, { input: JSON.stringify({ text: DOOR, choices }) });
  expect(jsonLines(lines.stdout)).toEqual([want]);
  expect((await plainbert([...args, DOOR, ...choices])).stdout).toContain(`  ${want[0].choice} `);
  const wrong = await plainbert(args, { input: "3\n" });
  expect(wrong.stderr).toContain("standard input, line 1: multiple-choice: choices must be an array of texts");
});

describe("--dtype", () => {
  test.each(STORAGE_TYPES)("%s: what the library computes with it", async (dtype) => {
    const text = "The [MASK] was open.";
    await using unmask = await pipeline("fill-mask", head("mlm"), { ...PLAIN, dtype });
    const want = await unmask(text);
    await using float32 = await pipeline("fill-mask", head("mlm"), PLAIN);
    if (dtype !== "float32") expect(want).not.toEqual(await float32(text));
    const { stdout } = await plainbert(["fill-mask", ...TINY, "--dtype", dtype, "--json", text]);
    expect(jsonLines(stdout)).toEqual([want]);
  });

  test("with the backend simd and threads", async () => {
    await using classify = await pipeline("text-classification", head("nli"), { dtype: "int8", backend: "simd" });
    const args = ["text-classification", "--model", head("nli"), "--backend", "simd", "--threads", "2"];
    const { stdout } = await plainbert([...args, "--dtype", "int8", "--json", DOOR]);
    expect(jsonLines(stdout)).toEqual([await classify(DOOR, { top_k: null })]);
  });

  test("every command that computes with a model and trains none has it", async () => {
    const tables = await Promise.all(Object.values(COMMANDS).map(async ({ load }) => (await load()).command.options));
    const computing = tables.filter((options) => "backend" in options && !("optimizer" in options)); // training holds float32
    expect(computing.length).toBeGreaterThan(12);
    for (const options of computing) expect(options.dtype.choices).toEqual(STORAGE_TYPES);
  });
});

test("pseudo-log-likelihood", async () => {
  await using likelihood = await pipeline("pseudo-log-likelihood", head("mlm"), PLAIN);
  const want = await likelihood([DOOR, EMMA]);
  expect(jsonLines((await plainbert(["pseudo-log-likelihood", ...TINY, "--json", DOOR, EMMA])).stdout)).toEqual(want);
  const { stdout } = await plainbert(["pseudo-log-likelihood", ...TINY, DOOR]);
  expect(stdout).toContain(`${want[0].score.toFixed(4)}, perplexity ${want[0].perplexity.toFixed(2)}\n`);
  expect(stdout.split("\n").length).toBe(want[0].tokens.length + 2);
});

describe("index and search", () => {
  const path = join(tmpdir(), `plainbert-index-${process.pid}.safetensors`);
  afterAll(() => rm(path, { force: true }));
  const texts = [DOOR, EMMA, "He read a letter."];

  test("what is found is what the library finds; blank lines are left out", async () => {
    const built = await plainbert(["index", ...TINY, "--pooling", "max", "--output", path], {
      input: texts.join("\n\n"),
    });
    expect(built).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
    await using extract = await pipeline("feature-extraction", head("mlm"), PLAIN);
    const index = await buildIndex(extract, texts, { pooling: "max" });
    const want = await index.search("A letter was written.", 2);
    const json = await plainbert(["search", path, ...TINY, "--top-k", "2", "--json", "A letter was written."]);
    expect(jsonLines(json.stdout)).toEqual([want]);
    const lines = await plainbert(["search", path, ...TINY, "--top-k", "2"], { input: "\nA letter was written.\n" });
    expect(jsonLines(lines.stdout)).toEqual([null, want]);
    const { stdout } = await plainbert(["search", path, ...TINY, "--top-k", "2", "A letter was written."]);
    expect(stdout).toBe(want.map(({ score, text }) => `  ${score.toFixed(4)}  ${text}\n`).join(""));
  });

  test("ids and metadata of lines of JSON come back; a wrong line is named", async () => {
    const records = [
      { id: "door", text: DOOR, metadata: { page: 3 } },
      { text: EMMA },
      { id: "größe", text: "He read, a letter.", metadata: ["a", null] },
    ];
    const input = records.map((record) => `${JSON.stringify(record)}\n`).join("");
    expect((await plainbert(["index", ...TINY, "--jsonl", "--output", path], { input })).code).toBe(0);
    await using extract = await pipeline("feature-extraction", head("mlm"), PLAIN);
    const index = await buildIndex<unknown>(extract, records);
    const queries = ["A letter was written.", "The door."];
    const want = await index.search(queries, 3);
    const lines = await plainbert(["search", path, ...TINY], { input: queries.join("\n\n") });
    expect(jsonLines(lines.stdout)).toEqual([want[0], null, want[1]]);
    const csv = `${path}.csv`;
    await plainbert(["search", path, ...TINY, "--top-k", "1", "--output", csv], { input: "He read, a letter.\n" });
    const row = '1,2,1,"He read, a letter.",größe,"[""a"",null]"\n';
    const score = /^1,2,([\d.]+),/m.exec(await readFile(csv, "utf8"))?.[1];
    expect(await readFile(csv, "utf8")).toBe(`line,index,score,text,id,metadata\n${row.replace(",1,", `,${score},`)}`);
    await rm(csv);
    const again = ["index", ...TINY, "--jsonl", "--restart", "--output", path];
    const wrong = (line: string) => plainbert(again, { input: input + line });
    expect((await wrong('\n{"id": "door", "text": "b"}')).stderr).toContain("line 5: index: id must be an id of its");
    expect((await wrong('{"txt": "b"}')).stderr).toContain('line 4: index: text: unknown field "txt"; did you mean');
    expect((await wrong('{"text": "b", "id": 4}')).stderr).toContain("line 4: index: id must be a string");
    expect((await wrong("5")).stderr).toContain("line 4: index: text must be a text or { id, text, metadata }");
    for (const end of ["", ".json"]) await rm(`${path}.partial${end}`);
  });

  test("--hybrid: by words too, with both scores; --alpha", async () => {
    expect((await plainbert(["index", ...TINY, "--output", path], { input: texts.join("\n") })).code).toBe(0);
    await using extract = await pipeline("feature-extraction", head("mlm"), PLAIN);
    const index = await buildIndex(extract, texts);
    const query = "Who read the letter?";
    const want = await index.search(query, 3, { hybrid: true, alpha: 0.2 });
    const search = ["search", path, ...TINY, "--top-k", "3", "--hybrid"];
    const json = await plainbert([...search, "--alpha", "0.2", "--json", query]);
    expect(jsonLines(json.stdout)).toEqual([want]);
    expect([want[0].text, want[0].score]).toEqual([texts[2], expect.closeTo(1, 0)]);
    expect(Object.keys(want[0])).toEqual(["id", "text", "index", "score", "cosine", "bm25"]);
    const usual = await index.search(query, 3, { hybrid: true });
    expect(usual.map(({ score }) => score)).not.toEqual(want.map(({ score }) => score));
    const table = usual.map(({ score, text }) => `  ${score.toFixed(4)}  ${text}\n`).join("");
    expect((await plainbert([...search, query])).stdout).toBe(table);
    const csv = `${path}.csv`;
    await plainbert([...search, "--output", csv], { input: `${query}\n` });
    const rows = usual.map(({ index, score, text, id, cosine, bm25 }) => [1, index, score, text, id, "", cosine, bm25]);
    const lines = ["line,index,score,text,id,metadata,cosine,bm25", ...rows.map((row) => row.join(","))];
    expect(await readFile(csv, "utf8")).toBe(lines.map((line) => `${line}\n`).join(""));
    await rm(csv);
  });

  test("a query that is too long is named by its line, after the answers before, with --no-truncation; else it is cut", async () => {
    expect((await plainbert(["index", ...TINY, "--output", path], { input: texts.join("\n") })).code).toBe(0);
    const input = `A letter.\nA door.\n${"long ".repeat(200)}\nA house.\n`;
    const stopped = await plainbert(["search", path, ...TINY, "--no-truncation"], { input });
    expect(stopped.stderr).toContain("standard input, line 3: search: text must be at most 64 tokens");
    expect(jsonLines(stopped.stdout).length).toBe(2);
    const cut = await plainbert(["search", path, ...TINY], { input });
    expect([cut.code, jsonLines(cut.stdout).length]).toEqual([0, 4]);
  });

  test("another model is refused", async () => {
    expect((await plainbert(["index", ...TINY, "--output", path], { input: texts.join("\n") })).code).toBe(0);
    const other = await plainbert(["search", path, ...withHead("nli"), "a"]);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain('must be searched with the model that it was made with: "mlm" of fingerprint "');
    expect(other.stderr).toContain('"; this one is "nli" of fingerprint "');
    expect(other.stderr).toMatch(/"; name that model by --model, or make the index anew\n$/);
    expect(other.stdout).toBe("");
  });

  test("a line that is too long is named by its number in the file", async () => {
    const wrong = await plainbert(["index", ...TINY, "--no-truncation", "--output", `${path}2.safetensors`], {
      input: `\n\na\n${"long ".repeat(200)}`,
    });
    expect(wrong.stderr).toContain("standard input, line 4: embeddings: text must be at most 64 tokens");
    expect(wrong.stderr).toContain("1 line is done");
    expect(existsSync(`${path}2.safetensors`)).toBe(false);
    for (const end of ["", ".json"]) await rm(`${path}2.safetensors.partial${end}`);
  });
});

describe("doctor", () => {
  test("--json: what Node and the model say, and speeds that are numbers", async () => {
    const env = { HF_HUB_CACHE: join(tmpdir(), "nowhere", "hub") };
    const { stdout, stderr, code } = await plainbert(["doctor", "--json", "--threads", "1"], { env });
    expect([code, stderr]).toEqual([0, ""]);
    const found = JSON.parse(stdout);
    await using bert = await loadBert(undefined, { threads: 1 });
    expect(found.backend).toMatchObject({ name: bert.backend.name, threads: 1 });
    expect(found.backend.reason.length).toBeGreaterThan(10);
    expect(found).toMatchObject({ node: process.version, v8: process.versions.v8, architecture: process.arch });
    expect(found.cache).toEqual({ path: env.HF_HUB_CACHE, state: "not there yet, can be made" });
    expect(found.webAssembly).toContain("simd");
    expect(found.gflops).toBeGreaterThan(0);
    expect(found.texts.map(({ tokens }: { tokens: number }) => tokens)).toEqual([16, POSITIONS]);
    for (const { milliseconds } of found.texts) expect(milliseconds).toBeGreaterThan(0);
  });
});

describe("wrong command lines", () => {
  const cases: [string, string[], string][] = [
    ["no model", ["text-classification", DOOR], "expected --model NAME"],
    ["no labels", ["zero-shot-classification", ...withHead("nli"), DOOR], "expected --labels"],
    [
      "aggregation",
      ["token-classification", ...withHead("ner"), "--aggregation-strategy", "best", DOOR],
      "--aggregation-strategy must be",
    ],
    ["stride", ["token-classification", ...withHead("ner"), "--stride", "-1", DOOR], "stride"],
    ["top-k", ["question-answering", ...withHead("qa"), "--top-k", "0", "a", "b"], "--top-k must be"],
    ["three texts", ["question-answering", ...withHead("qa"), "a", "b", "c"], "expected a question and a text, got 3"],
  ];
  test.each(cases)("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await plainbert(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  test("a model without the head, and no model at all", async () => {
    const other = await plainbert(["token-classification", ...withHead("nli"), DOOR]);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("must be a BertForTokenClassification");
    const missing = await plainbert(["text-classification", "--model", "/nowhere", DOOR]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("/nowhere");
  });
});
