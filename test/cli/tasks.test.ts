import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { pipeline } from "../../src/pipelines/index.ts";
import { plainbert } from "./run.ts";

const folder = (name: string) => fileURLToPath(new URL(`../pipelines/reference/heads/${name}`, import.meta.url));
const [DOOR, EMMA] = ["The door was open.", "Emma Smith lived in London with John."];

/** JSON of each line. */
const jsonLines = (stdout: string) => stdout.trimEnd().split("\n").map((line) => JSON.parse(line)); // biome-ignore format: one line

describe("text-classification", () => {
  const args = ["text-classification", "--model", folder("nli")];

  test("a table; a heading where there are several texts", async () => {
    const { stdout, stderr, code } = await plainbert([...args, DOOR]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe("  neutral         53.87 %\n  contradiction   33.54 %\n  entailment      12.59 %\n");
    const two = await plainbert([...args, "--top-k", "1", DOOR, EMMA]);
    expect(two.stdout).toBe(`${DOOR}\n\n  neutral   53.87 %\n\n${EMMA}\n\n  contradiction   74.99 %\n`);
  });

  test("--json and lines are what the pipeline gives; a blank line gives null", async () => {
    await using classify = await pipeline("text-classification", folder("nli"));
    const want = [await classify(DOOR, { top_k: 2 }), await classify(EMMA, { top_k: 2 })];
    const json = await plainbert([...args, "--json", "--top-k", "2", DOOR, EMMA]);
    expect(jsonLines(json.stdout)).toEqual(want);
    const lines = await plainbert([...args, "--top-k", "2"], { input: `\n${DOOR}\n\n \n${EMMA}\n\n` });
    expect(jsonLines(lines.stdout)).toEqual([null, want[0], null, null, want[1], null]);
    expect(lines.stderr).toBe("");
  });

  test("a line that is too long: the answers before it, then an error with its number", async () => {
    const { code, stdout, stderr } = await plainbert(args, { input: `${DOOR}\n\n${"a ".repeat(80)}\n${EMMA}\n` });
    expect(code).toBe(1);
    expect(jsonLines(stdout).map((answer) => answer?.length)).toEqual([3, undefined]);
    expect(stderr).toContain("standard input, line 3: text-classification: text must be at most 64 tokens long");
    const cut = await plainbert([...args, "--truncation"], { input: `${"a ".repeat(80)}\n` });
    expect(cut.code).toBe(0);
  });

  test("numbers of a regression are no percentages", async () => {
    const { stdout } = await plainbert(["text-classification", "--model", folder("regression"), DOOR]);
    expect(stdout).toMatch(/^ {2}LABEL_\d +-?\d+\.\d{4}\n {2}LABEL_\d +-?\d+\.\d{4}\n$/);
  });
});

test("token-classification: entities with their places; --json is what the pipeline gives", async () => {
  const args = ["token-classification", "--model", folder("ner")];
  await using find = await pipeline("token-classification", folder("ner"));
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
  const args = ["question-answering", "--model", folder("qa"), "--top-k", "2"];
  await using ask = await pipeline("question-answering", folder("qa"));
  const want = await ask("Who lived?", EMMA, { top_k: 2 });
  expect(jsonLines((await plainbert([...args, "--json", "Who lived?", EMMA])).stdout)).toEqual([want]);
  expect(jsonLines((await plainbert([...args, "--json", "Who lived?"], { input: `${EMMA}\n` })).stdout)).toEqual([
    want,
  ]);
  const { stdout } = await plainbert([...args, "Who lived?", EMMA]);
  for (const { answer } of want) expect(stdout).toContain(`  ${answer} `);
});

test("zero-shot-classification: --labels, --hypothesis-template, --multi-label", async () => {
  const args = ["zero-shot-classification", "--model", folder("nli"), "--labels", "sea, red house", "--json"];
  await using classify = await pipeline("zero-shot-classification", folder("nli"));
  const options = { hypothesis_template: "It was {}.", multi_label: true };
  const { stdout } = await plainbert([...args, "--hypothesis-template", "It was {}.", "--multi-label", DOOR]);
  expect(jsonLines(stdout)).toEqual([await classify(DOOR, "sea, red house", options)]);
});

describe("wrong command lines", () => {
  const cases: [string, string[], string][] = [
    ["no model", ["text-classification", DOOR], "expected --model DIR"],
    ["no labels", ["zero-shot-classification", "--model", folder("nli"), DOOR], "expected --labels"],
    [
      "aggregation",
      ["token-classification", "--model", folder("ner"), "--aggregation-strategy", "best", DOOR],
      "--aggregation-strategy must be",
    ],
    ["stride", ["token-classification", "--model", folder("ner"), "--stride", "-1", DOOR], "stride"],
    ["top-k", ["question-answering", "--model", folder("qa"), "--top-k", "0", "a", "b"], "--top-k must be"],
    [
      "three texts",
      ["question-answering", "--model", folder("qa"), "a", "b", "c"],
      "expected a question and a text, got 3",
    ],
  ];
  test.each(cases)("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await plainbert(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  test("a model without the head, and no model at all", async () => {
    const other = await plainbert(["token-classification", "--model", folder("nli"), DOOR]);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("must be a BertForTokenClassification");
    const missing = await plainbert(["text-classification", "--model", "/nowhere", DOOR]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("/nowhere");
  });
});
