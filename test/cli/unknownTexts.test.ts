import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sentenceFolder } from "../support/sentenceFolders.ts";
import { plainbert } from "./run.ts";

/** What the commands say of texts that are mostly unknown to the model. */
const cwd = await mkdtemp(join(tmpdir(), "plainbert-unknown-"));
afterAll(() => rm(cwd, { recursive: true }));

const unknown = (what: string, are = "are", its = "their") =>
  `${what} ${are} mostly unknown to the model: more than half of ${its} pieces are [UNK]\n`;
const [DOOR, RUSSIAN, EMOJI] = ["The door was open.", "Дверь была открыта.", "🎉🎉"];
const LINES = `${DOOR}\n${RUSSIAN}\n${EMOJI}\n`;
const MODEL = ["--backend", "plain"];
const run = (args: readonly string[], input = "") => plainbert([...args, ...MODEL], { cwd, input });

describe("of how many lines it is", () => {
  test.each([
    ["embed", ["embed"]],
    ["embed, into a file", ["embed", "--output", "a.csv"]],
    ["embed, the encoder's own vectors", ["embed", "--pooling", "cls"]],
    ["index", ["index", "--output", "a.safetensors"]],
    ["index, the encoder's own vectors", ["index", "--pooling", "cls", "--output", "b.safetensors"]],
  ])("%s", async (_, args) => {
    expect(await run(args, LINES)).toMatchObject({ code: 0, stderr: unknown("2 of 3 lines") });
  });

  test("beside those that are cut", async () => {
    const { stderr } = await run(["embed"], `${"дверь ".repeat(300)}\n${DOOR}\n`);
    const cut = "1 of 2 lines was longer than 256 tokens, what the model takes, and was cut\n";
    expect(stderr).toBe(cut + unknown("1 of 2 lines", "is", "its"));
  });

  test("nothing is said of lines that are blank, or punctuation", async () => {
    expect(await run(["embed"], `${DOOR}\n\n?!\n`)).toMatchObject({ code: 0, stderr: "" });
  });

  test("with a prompt", async () => {
    const model = ["--model", await sentenceFolder(cwd, "prompts")];
    const { stderr } = await plainbert(["index", ...model, ...MODEL, "--output", "c.safetensors"], {
      cwd,
      input: LINES,
    });
    expect(stderr).toBe(unknown("2 of 3 lines"));
  });
});

describe("sentence-similarity", () => {
  test("says of how many sentences it is", async () => {
    const { stdout, stderr } = await run(["sentence-similarity", RUSSIAN, EMOJI, DOOR]);
    expect(stderr).toBe(unknown("2 of 3 sentences"));
    expect(stdout).toMatch(/^ {2}🎉🎉 +\S+\n {2}The door was open. +\S+\n$/);
    expect(await run(["sentence-similarity", DOOR, DOOR])).toMatchObject({ stderr: "" });
  });

  test("of all lines, also where one is wrong", async () => {
    const line = (...[source_sentence, ...sentences]: string[]) =>
      `${JSON.stringify({ source_sentence, sentences })}\n`;
    const input = `${line(RUSSIAN, DOOR)}${line(DOOR)}${line(DOOR, EMOJI)}{"source_sentence":1,"sentences":[]}\n`;
    const { code, stderr } = await run(["sentence-similarity"], input);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^2 of 5 sentences are mostly unknown .*\nplainbert: standard input, line 4: /);
  });
});

describe("search", () => {
  beforeAll(() => run(["index", "--output", "i.safetensors"], LINES));
  const search = (args: readonly string[], input = "") => run(["search", "i.safetensors", ...args], input);

  test("a query that means nothing to the model finds nothing, and it is said why", async () => {
    const stderr = unknown("1 of 1 query", "is", "its");
    expect(await search(["Закройте окно!"])).toMatchObject({ code: 0, stdout: "  nothing found\n", stderr });
    expect(await search(["--json", EMOJI])).toMatchObject({ code: 0, stdout: "[]\n", stderr });
    const both = await search(["--hybrid", "дверь"]);
    expect(both).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ {2}\S+ {2}Дверь была открыта\.\n$/),
      stderr,
    });
  });

  test("what means nothing is not found", async () => {
    expect((await search(["Is it shut?"])).stdout).toMatch(/^ {2}\S+ {2}The door was open\.\n$/);
  });

  test.each([["", "\u200b"], [" "]])("a blank query, %j, is wrong usage", async (...queries) => {
    const { code, stdout, stderr } = await search([...queries]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("plainbert search: expected a query, got a blank one\n");
  });

  test("a blank line gives null, a blank text of JSON nothing", async () => {
    expect((await search([], "\n \n")).stdout).toBe("null\nnull\n");
    expect((await search(["--jsonl"], '""\n\n')).stdout).toBe("[]\nnull\n");
  });

  test("without anything, all that is missing is named", async () => {
    const { code, stderr } = await plainbert(["search"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("expected an index, a file that plainbert index has written, and a query\n")]); // biome-ignore format: one line
  });
});
