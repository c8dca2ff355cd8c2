import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadTokenizer } from "../../src/pipelines/index.ts";
import { trainVocabulary } from "../../src/tokenizer/train.ts";
import { openExamples } from "../../src/training/pretraining/openExamples.ts";
import { PARAGRAPHS } from "../training/pretraining/support.ts";
import { finished, plainbert, shellProcess } from "./run.ts";

const folder = await mkdtemp(join(tmpdir(), "plainbert-pretraining-"));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  await writeFile(at("first.txt"), PARAGRAPHS.slice(0, 100).join("\n"));
  await writeFile(at("second.txt"), `${PARAGRAPHS.slice(100).join("\r\n")}\r\n`);
  await writeFile(at("latin1.txt"), new Uint8Array([0x61, 0x0a, 0xe9, 0x0a]));
  await writeFile(at("blank.txt"), "\n \n");
  await writeFile(at("corpus.jsonl"), '{"text":"It rained."}\n{"text":"He ran."}\n');
  await writeFile(at("corpus.csv"), "text,label\nIt rained.,1\n");
});

describe("train-vocab", () => {
  test("several files to a vocabulary: what the library learns", async () => {
    const args = ["train-vocab", at("first.txt"), at("second.txt"), "--vocab-size", "300", "--output", at("vocab.txt")];
    const { code, stdout, stderr } = await plainbert(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^300 tokens, \d+ of them single characters, in \d+\.\d s: .*vocab\.txt\n$/);
    const tokens = await trainVocabulary(PARAGRAPHS, { vocabSize: 300 });
    expect(await readFile(at("vocab.txt"), "utf8")).toBe(`${tokens.join("\n")}\n`);
  });

  test("every option, from standard input to a tokenizer's folder", async () => {
    await mkdir(at("tokenizer"));
    const options = ["--cased", "--no-strip-accents", "--no-chinese-chars", "--score", "likelihood", "--json"];
    const values = [
      "--vocab-size",
      "250",
      "--min-frequency",
      "3",
      "--limit-alphabet",
      "60",
      "--initial-alphabet",
      "ßz",
    ];
    const special = ["--special-tokens", "[UNK],[CLS],[SEP],[MASK]"];
    const input = PARAGRAPHS.join("\n");
    const { code, stdout } = await plainbert(
      ["train-vocab", "-", ...options, ...values, ...special, "--output", at("tokenizer")],
      { input },
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ tokens: 250, alphabet: 60 });
    const tokens = await trainVocabulary(PARAGRAPHS, {
      vocabSize: 250,
      minFrequency: 3,
      limitAlphabet: 60,
      initialAlphabet: "ßz",
      specialTokens: ["[UNK]", "[CLS]", "[SEP]", "[MASK]"],
      doLowerCase: false,
      stripAccents: false,
      tokenizeChineseChars: false,
      score: "likelihood",
    });
    const tokenizer = await loadTokenizer(at("tokenizer"));
    expect([...tokenizer.vocabulary().keys()]).toEqual(tokens);
    expect(tokenizer.doLowerCase).toBe(false);
    expect(tokenizer.tokenize("Alice said")).toEqual(["Alic", "##e", "s", "##a", "##i", "##d"]);
  });

  test.each<[string, string[], number, string[]]>([
    ["no file", ["--output", "x.txt"], 2, ["expected a file or more\n"]],
    ["nothing", [], 2, ["expected a file or more, and --output FOLDER or --output FILE.txt\n"]],
    ["no output", ["first.txt"], 2, ["expected --output FOLDER or --output FILE.txt"]],
    ["another ending", ["first.txt", "--output", "x.json"], 2, ["--output must be an existing folder or end in .txt"]],
    ["a size that is none", ["first.txt", "--output", "x.txt", "--vocab-size", "many"], 2, ["--vocab-size", '"many"']],
    [
      "another score",
      ["first.txt", "--output", "x.txt", "--score", "best"],
      2,
      ["--score must be one of count, likelihood"],
    ],
    ["a missing file", ["first.txt", "none.txt", "--output", "x.txt"], 1, ["none.txt", "no such file or folder"]],
    ["JSON", ["first.txt", "corpus.jsonl", "--output", "x.txt"], 1, ["corpus.jsonl: must be a file of plain text, got .jsonl; give its texts alone on standard input, which is FILE -, as jq -r .text prints them\n"]], // biome-ignore format: one line
    ["a table", ["corpus.csv", "--output", "x.txt"], 1, ["corpus.csv: must be a file of plain text, got .csv; give its texts alone on standard input, which is FILE -\n"]], // biome-ignore format: one line
    ["not UTF-8", ["first.txt", "latin1.txt", "--output", "x.txt"], 1, ["latin1.txt, line 2: must be UTF-8 text"]],
    ["no words", ["blank.txt", "--output", "x.txt"], 1, ["texts must have at least one word"]],
    [
      "too small",
      ["first.txt", "--output", "x.txt", "--vocab-size", "9"],
      1,
      ["--vocab-size must be at least", "got 9"],
    ],
  ])("refuses: %s", async (_, args, code, parts) => {
    const result = await plainbert(["train-vocab", ...args], { cwd: folder });
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
    for (const part of parts) expect(result.stderr).toContain(part);
    expect(await readdir(folder)).not.toContain("x.txt");
  });
});

describe("make-examples", () => {
  const FLAGS = ["--split-sentences", "--max-seq-length", "64", "--max-predictions-per-seq", "8", "--dupe-factor", "2"];

  test("examples and the tokenizer's files, twice the same bytes", async () => {
    for (const name of ["one", "two"]) {
      const { code, stdout, stderr } = await plainbert(
        ["make-examples", ...FLAGS, "first.txt", "second.txt", "--output", name],
        { cwd: folder },
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^\d+ examples of 6\d\.\d tokens, 1[2-5]\.\d % of them masked\n\d+\.\d % with a random/);
    }
    const names = await readdir(at("one"));
    expect(names.sort()).toEqual([
      "examples-00001-of-00002.safetensors",
      "examples-00002-of-00002.safetensors",
      "special_tokens_map.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "vocab.txt",
    ]);
    for (const name of names)
      expect(await readFile(join(at("one"), name))).toEqual(await readFile(join(at("two"), name)));
    const tokenizer = await loadTokenizer(at("one"));
    expect(tokenizer.vocabulary()).toEqual((await loadTokenizer()).vocabulary());
    const examples = await openExamples(names.slice(0, 2).map((name) => join(at("one"), name)));
    expect(examples.metadata.get("max_seq_length")).toBe("64");
    expect((await examples.example(0)).inputIds[0]).toBe(tokenizer.clsTokenId);
    await examples.close();
  });

  test("--vocab, every other option, sentences by line from standard input", async () => {
    const options = ["--short-seq-prob", "0.5", "--masked-lm-prob", ".2", "--do-whole-word-mask", "--random-seed", "0"];
    const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##a"];
    await writeFile(at("small.txt"), vocab.join("\n"));
    const { code, stdout } = await plainbert(
      [
        "make-examples",
        "-",
        "--vocab",
        "small.txt",
        ...options,
        "--buffer-tokens",
        "1000",
        "--output",
        "line",
        "--json",
      ],
      { cwd: folder, input: "A b\nba\n\nb\nA. b a\n" },
    );
    expect(code).toBe(0);
    const { files, examples: count } = JSON.parse(stdout);
    expect(files.length).toBe(10);
    const examples = await openExamples(files.map((file: string) => at(file)));
    expect(examples.length).toBe(count);
    expect(Object.fromEntries(examples.metadata)).toMatchObject({
      short_seq_prob: "0.5",
      masked_lm_prob: "0.2",
      do_whole_word_mask: "true",
      random_seed: "0",
      buffer_tokens: "1000",
      vocab_size: "8",
    });
    for (let i = 0; i < count; i++) expect([...(await examples.example(i)).maskedLmIds]).not.toContain(1); // lower-cased
    await examples.close();
  });

  test.each<[string, string[], number, string[]]>([
    ["no file", ["--output", "x"], 2, ["expected a file or more\n"]],
    ["nothing", [], 2, ["expected a file or more, and --output FOLDER\n"]],
    ["no output", ["first.txt"], 2, ["expected --output FOLDER"]],
    ["two vocabularies", ["a", "--output", "x", "--vocab", "v", "--tokenizer", "t"], 2, ["--tokenizer or --vocab"]],
    ["--cased alone", ["a", "--output", "x", "--cased"], 2, ["--cased goes with --vocab"]],
    ["no probability", ["a", "--output", "x", "--masked-lm-prob", "15"], 2, ["must be a number from 0 to 1", '"15"']],
    [
      "a length too short",
      ["a", "--output", "x", "--max-seq-length", "4"],
      1,
      ["--max-seq-length must be a whole number"],
    ],
    ["a missing file", ["first.txt", "none.txt", "--output", "x"], 1, ["none.txt", "no such file or folder"]],
    ["one document", ["first.txt", "--output", "x"], 1, ["at least two documents, got 1"]],
    ["JSON", ["corpus.jsonl", "--output", "x"], 1, ["corpus.jsonl: must be a file of plain text, got .jsonl"]],
    ["not UTF-8", ["first.txt", "latin1.txt", "--output", "x"], 1, ["latin1.txt, line 2: must be UTF-8 text"]],
    [
      "a long document",
      ["second.txt", "--output", "x", "--buffer-tokens", "50"],
      1,
      ["second.txt, line ", "at most 50"],
    ],
    ["a full folder", ["first.txt", "second.txt", "--output", "."], 1, ["must be empty or not there"]],
  ])("refuses: %s; nothing is left behind", async (_, args, code, parts) => {
    const before = await readdir(folder);
    const result = await plainbert(["make-examples", ...args], { cwd: folder });
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
    for (const part of parts) expect(result.stderr).toContain(part);
    expect(await readdir(folder)).toEqual(before);
  });

  test.concurrent.each(["SIGINT", "SIGTERM"] as const)("%s in the middle: nothing is left behind", async (signal) => {
    const place = await mkdtemp(join(folder, "killed-"));
    const child = shellProcess(
      `exec "$NODE" "$MAIN" make-examples ../first.txt ../second.txt --dupe-factor 10000 --output out`,
      { cwd: place },
    );
    const ended = finished(child);
    const isBegun = async () => (await readdir(place)).some((name) => /^\.out\..*\.tmp$/.test(name));
    while (!(await isBegun()) && child.exitCode === null) await delay(20);
    await delay(200);
    expect(await isBegun()).toBe(true);
    child.kill(signal);
    expect(await ended).toEqual({ code: signal === "SIGINT" ? 130 : 143, signal: null, stdout: "", stderr: "" });
    expect(await readdir(place)).toEqual([]);
  });
});
