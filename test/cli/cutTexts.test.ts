import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { grouped } from "../../src/cli/progressBar.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";
import { finished, head, MAIN, plainbert } from "./run.ts";

/** What embed, index and search say of texts that they cut, and what they go on with when they are given again. */
const root = await mkdtemp(join(tmpdir(), "plainbert-cut-"));
afterAll(() => rm(root, { recursive: true }));
let cwd = "";
beforeEach(async () => {
  cwd = await mkdtemp(join(root, "test-"));
});

const folder = (form: string) => sentenceFolder(root, form);
const [DOOR, LETTER] = ["The door was open.", "He read a letter."];
const LONG = "long ".repeat(99).trim();
const cut = (what: string, were: string) =>
  `${what} ${were} longer than 64 tokens, what the model takes, and ${were} cut\n`;
const run = async (args: readonly string[], form: string, lines: readonly string[] = []) => {
  const model = ["--model", await folder(form), "--backend", "plain"];
  return plainbert([...args, ...model], { cwd, input: lines.map((line) => `${line}\n`).join("") });
};

describe("how many of how many texts were cut", () => {
  test("embed with --pooling and --truncation says it too", async () => {
    const { code, stderr } = await run(["embed", "--pooling", "cls", "--truncation"], "plain", [LONG, DOOR]);
    expect([code, stderr]).toEqual([0, cut("1 of 2 lines", "was")]);
  });

  test("of a length that the folder sets it is said to be the folder's, where texts are refused too", async () => {
    const model = join(cwd, "short");
    await cp(await folder("mean"), model, { recursive: true });
    await writeFile(join(model, "sentence_bert_config.json"), '{"max_seq_length":16}');
    const args = ["--model", model, "--backend", "plain"];
    const embed = await plainbert(["embed", ...args], { input: `${LONG}\n` });
    const allowed = "the most that the model's folder allows";
    expect(embed.stderr).toBe(`1 of 1 line was longer than 16 tokens, ${allowed}, and was cut\n`);
    const refused = await plainbert(["embed", "--no-truncation", ...args], { input: `${LONG}\n` });
    expect(refused.stderr).toBe(
      `plainbert: standard input, line 1: embeddings: text must be at most 16 tokens long, ${allowed}, got 101; --truncation in place of --no-truncation cuts what is longer\n`,
    );
    const index = ["index", ...args, "--no-truncation", "--output", join(cwd, "i.safetensors")];
    expect((await plainbert(index, { input: `${LONG}\n` })).stderr).toContain(`16 tokens long, ${allowed}, got 101`);
  });

  test("index, with --pooling and --truncation too", async () => {
    const lines = [LONG, "", DOOR, LONG];
    for (const args of [[], ["--pooling", "cls", "--truncation"]]) {
      const { code, stderr } = await run(["index", "--output", "i.safetensors", ...args], "prompts", lines);
      expect([code, stderr]).toEqual([0, cut("2 of 3 lines", "were")]);
    }
  });

  test.each([[[]], [["--output", "a.jsonl"]]])("embed, where a line is wrong: %j", async (output) => {
    const lines = [LONG, DOOR, LONG].map((line) => JSON.stringify(line));
    const { code, stderr } = await run(["embed", "--jsonl", ...output], "prompts", [...lines, "{}"]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `${cut(output.length > 0 ? "2 of 3 computed lines" : "2 of 3 lines", "were")}plainbert: standard input, line 4: must be a string`,
    );
  });

  test("search, where a query is wrong", async () => {
    await run(["index", "--output", "i.safetensors"], "prompts", [DOOR, LETTER]);
    const lines = [LONG, DOOR, LONG].map((line) => JSON.stringify(line));
    const { code, stderr } = await run(["search", "--jsonl", "i.safetensors"], "prompts", [...lines, "5"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${cut("2 of 3 queries", "were")}plainbert: standard input, line 4: must be a string`);
  });

  describe.skipIf(process.platform === "win32")("after Ctrl-C", () => {
    const started = async (...args: string[]) => {
      const model = ["--model", await folder("prompts"), "--backend", "plain"];
      return spawn(process.execPath, [MAIN, ...args, ...model], { cwd });
    };
    const interrupted = (child: ChildProcess) => {
      const ended = finished(child);
      child.kill("SIGINT");
      return ended;
    };

    test("embed that waits for lines", async () => {
      const child = await started("embed");
      child.stdin.write(`${LONG}\n`);
      await new Promise((resolve) => child.stdout.once("data", resolve));
      expect(await interrupted(child)).toMatchObject({ code: 130, stderr: cut("1 of 1 line", "was") });
    });

    test("embed in the middle of a file: the lines that are done", async () => {
      await writeFile(join(cwd, "lines.txt"), `${LONG}\n`.repeat(20_000));
      const child = await started("embed", "lines.txt", "--output", "a.jsonl");
      while ((await markedLines("a.jsonl")) === 0) await new Promise((turn) => setTimeout(turn, 50));
      const { code, stderr } = await interrupted(child);
      const lines = await markedLines("a.jsonl");
      expect(code).toBe(130);
      expect(stderr).toBe(
        `plainbert: interrupted; ${lines} lines are done, in a.jsonl.partial: the same command goes on there\n${cut(`${grouped(lines)} of ${grouped(lines)} computed lines`, "were")}`,
      );
    });

    test.each([
      ["embed", "a.jsonl"],
      ["index", "a.safetensors"],
    ])("%s, whose output's folder is removed: nothing is said to be done", async (command, name) => {
      await writeFile(join(cwd, "lines.txt"), `${LONG}\n`.repeat(20_000));
      await mkdir(join(cwd, "out"));
      const output = join("out", name);
      const child = await started(command, "lines.txt", "--output", output);
      const ended = finished(child);
      while ((await markedLines(output)) === 0) await new Promise((turn) => setTimeout(turn, 50));
      await rm(join(cwd, "out"), { recursive: true });
      const { code, stderr } = await ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^([\d,]+) of \1 computed lines were longer .*\nplainbert: out\S+: there is no folder out\n$/,
      );
    });

    /** How many lines of a file are done, by its mark, which is set a second after the file was begun. */
    async function markedLines(name: string): Promise<number> {
      const mark = await readFile(join(cwd, `${name}.partial.json`), "utf8").catch(() => '{"lines":0}');
      return JSON.parse(mark).lines;
    }
  });
});

describe("queries of an index are cut as its lines were", () => {
  const indexed = async (form: string, ...args: string[]) => {
    expect(await run(["index", "--output", "i.safetensors", ...args], form, [DOOR, LETTER])).toMatchObject({ code: 0 });
    return (...more: string[]) => run(["search", "--top-k", "1", ...more, "i.safetensors", LONG], form);
  };
  const said = cut("1 of 1 query", "was");

  test.each(["plain", "cls", "dense"])("without --pooling, of a folder of the form %s: cut, and said", async (form) => {
    const search = await indexed(form);
    expect(await search()).toMatchObject({ code: 0, stderr: said });
    expect(await search("--no-truncation")).toMatchObject({ code: 1, stderr: expect.stringContaining("at most 64") });
  });

  test.each(["plain", "dense"])(
    "--no-truncation of the form %s is not advised to be beside --truncation",
    async (form) => {
      const advice = "; --truncation in place of --no-truncation cuts what is longer\n";
      const search = await indexed(form);
      expect((await search("--no-truncation")).stderr).toContain(advice);
      for (const args of [
        ["embed"],
        ["index", "--output", "j.safetensors"],
        ["index", "--output", "j.safetensors", "--pooling", "max"],
      ]) {
        expect((await run([...args, "--no-truncation"], form, [LONG])).stderr).toContain(advice);
      }
      const other = await run(["index", "--output", "j.safetensors", "--pooling", "max"], form, [LONG]);
      expect(other.stderr).toContain("; --truncation cuts what is longer\n");
    },
  );

  test("with another --pooling than the model's own: refused, unless --truncation", async () => {
    const search = await indexed("cls", "--pooling", "max");
    const refused = { code: 1, stderr: expect.stringContaining("must be at most 64 tokens long") };
    expect(await search()).toMatchObject(refused);
    expect(await search("--no-truncation")).toMatchObject(refused);
    expect(await search("--truncation")).toMatchObject({ code: 0, stderr: said });
  });
});

test("--pooling needs nothing of what the folder says of sentences, be it damaged", async () => {
  const damaged = join(cwd, "damaged");
  await cp(head("ner"), damaged, { recursive: true });
  await writeFile(
    join(damaged, "modules.json"),
    '[{"type":"a.Transformer","path":""},{"type":"a.CNN","path":"1_CNN"}]',
  );
  await writeFile(join(damaged, "config_sentence_transformers.json"), "no JSON");
  const model = ["--model", damaged, "--backend", "plain"];
  const mean = ["--pooling", "mean"];
  const good = { code: 0, stderr: "" };
  const input = `${DOOR}\n`;
  expect(await plainbert(["embed", ...model, ...mean], { cwd, input })).toMatchObject(good);
  expect(await plainbert(["embed", ...model, ...mean, "--output", "a.csv"], { cwd, input })).toMatchObject(good);
  expect(await plainbert(["index", ...model, ...mean, "--output", "i.safetensors"], { cwd, input })).toMatchObject(
    good,
  );
  expect(await plainbert(["search", ...model, "i.safetensors", DOOR], { cwd })).toMatchObject(good);
  const similar = ["sentence-similarity", ...model, ...mean, DOOR, LETTER];
  expect(await plainbert([...similar, "--output", "b.csv"], { cwd })).toMatchObject(good);
});

describe("work that is cut short is not gone on with by another model", () => {
  /** The same command before and after some files of the model have changed. */
  async function expectRefused(
    args: readonly string[],
    lines: readonly string[],
    files: Readonly<Record<string, string>>,
  ) {
    const model = join(cwd, "model");
    await cp(await folder("prompts"), model, { recursive: true });
    const command = [...args, "--model", model, "--backend", "plain", "--output", "a.jsonl"];
    const input = (all: readonly string[]) => ({ cwd, input: all.map((line) => `${line}\n`).join("") });
    const begun = await plainbert(command, input([...lines, "{"]));
    expect(begun.stderr).toContain("lines are done, in a.jsonl.partial");
    for (const [name, text] of Object.entries(files)) await writeFile(join(model, name), text);
    const { code, stderr } = await plainbert(command, input(lines));
    expect([code, stderr]).toEqual([1, "plainbert: a.jsonl.partial was made with other options, or by another model; --restart begins anew\n"]); // biome-ignore format: one line
    expect(await readdir(cwd)).not.toContain("a.jsonl");
  }
  const texts = [DOOR, LETTER].map((text) => JSON.stringify(text));
  const pairs = [DOOR, LETTER].map((text) => JSON.stringify({ source_sentence: text, sentences: [DOOR] }));
  const changes: [string, Record<string, string>][] = [
    [
      "a prompt",
      { "config_sentence_transformers.json": '{"prompts":{"query":"ask: "},"default_prompt_name":"query"}' },
    ],
    ["max_seq_length", { "sentence_bert_config.json": '{"max_seq_length":16}' }],
    ["model_max_length", { "tokenizer_config.json": '{"do_lower_case":false,"model_max_length":32}' }],
    ["a module", { "modules.json": '[{"type":"a.Transformer","path":""},{"type":"a.Pooling","path":"1_Pooling"},{"type":"a.Normalize","path":"2_Normalize"}]' }], // biome-ignore format: one line
    ["the pooling", { "1_Pooling/config.json": '{"pooling_mode":"cls"}' }],
  ];

  test.each(changes)("embed: %s", (_, files) => expectRefused(["embed", "--jsonl"], texts, files));
  test.each(changes)("sentence-similarity: %s", (_, files) => expectRefused(["sentence-similarity"], pairs, files));

  test("nor are lines of JSON by lines of text", async () => {
    const args = ["embed", "--output", "a.jsonl"];
    const begun = await run([...args, "--jsonl"], "plain", [...texts, "{"]);
    expect(begun.stderr).toContain("2 lines are done");
    const { code, stderr } = await run(args, "plain", texts);
    expect([code, stderr]).toEqual([1, expect.stringContaining("was made with other options")]);
    expect(await run([...args, "--jsonl"], "plain", texts)).toMatchObject({ code: 0 });
  });

  test("tokenize: another tokenizer with as many tokens", async () => {
    const model = join(cwd, "model");
    await cp(head("ner"), model, { recursive: true });
    const command = ["tokenize", "--jsonl", "--model", model, "--output", "a.jsonl"];
    const begun = await plainbert(command, { cwd, input: `${texts.join("\n")}\n{\n` });
    expect(begun.stderr).toContain("2 lines are done");
    const words = (await readFile(join(model, "vocab.txt"), "utf8")).split("\n");
    words.splice(-3, 2, words[words.length - 2], words[words.length - 3]); // two that no text here has
    await writeFile(join(model, "vocab.txt"), words.join("\n"));
    const { code, stderr } = await plainbert(command, { cwd, input: `${texts.join("\n")}\n` });
    expect([code, stderr]).toEqual([1, expect.stringContaining("or by another model")]);
  });
});
