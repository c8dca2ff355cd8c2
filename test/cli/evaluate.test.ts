import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EvaluationResult, evaluate } from "../../src/training/index.ts";
import { REVIEWS, writeTinyModel } from "../support/tinyModel.ts";
import { head, plainbert } from "./run.ts";

let folder: string;
let file: string;
let model: string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-cli-"));
  await writeTinyModel(folder, {
    ...{ architectures: ["BertForSequenceClassification"], num_hidden_layers: 1 },
    ...{ id2label: { 0: "negative", 1: "positive" }, label2id: { negative: 0, positive: 1 } },
  });
  file = join(folder, "dev.csv");
  writeFileSync(file, `review,stars\n${REVIEWS.map(({ text, label }) => `${text},${label}\n`).join("")}`);
  const columns = ["--text-column-name", "review", "--label-column-name", "stars"];
  model = ["evaluate", "--model", folder, "--backend", "plain", ...columns];
});
afterAll(() => rmSync(folder, { recursive: true }));

const columns = { text: "review", label: "stars" };

test("--json is what evaluate() gives, in one line of ASCII", async () => {
  const { code, stdout, stderr } = await plainbert([...model, "--file", file, "--json", "--worst", "3"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^[ -~]*\n$/);
  const { seconds: _, ...result }: EvaluationResult = JSON.parse(stdout);
  const { seconds, ...expected } = await evaluate({
    model: folder,
    dataset: file,
    columns,
    worst: 3,
    backend: "plain",
  });
  expect(result).toEqual(expected);
  expect(seconds).toBeGreaterThan(0);
  expect(result.mistakes.length).toBe(3);
});

test("for a reader: metrics, classes, the matrix, the worst mistakes", async () => {
  const result = await evaluate({ model: folder, dataset: file, columns, backend: "plain" });
  const { code, stdout, stderr } = await plainbert([...model, "--file", file]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain(`32 examples of ${file}, text-classification, in 0:0`);
  for (const [name, value] of Object.entries(result.metrics)) expect(stdout).toMatch(new RegExp(`^${name} +${value.toFixed(4)}$`, "m")); // biome-ignore format: one line
  for (const { label, f1, support } of result.classes ?? []) expect(stdout).toMatch(new RegExp(`^${label} .* ${f1.toFixed(4)} +${support}$`, "m")); // biome-ignore format: one line
  expect(stdout).toContain("Rows: expected; columns: predicted\n");
  expect(stdout).toContain(`The 5 worst of ${result.mistakeCount} mistakes\n  ${file}: line ${result.mistakes[0].where.split("line ")[1]}: loss`); // biome-ignore format: one line
  expect(stdout.match(/^ {4}predicted {2}/gm)?.length).toBe(5);
  const more = (await plainbert([...model, "--file", file, "--worst", "7"])).stdout;
  expect(more).toContain(`The 7 worst of ${result.mistakeCount} mistakes\n`);
  expect(more.match(/^ {4}predicted {2}/gm)?.length).toBe(7);
});

test("texts and labels act on no terminal", async () => {
  const hostile = join(folder, "hostile.jsonl");
  writeFileSync(hostile, `${JSON.stringify({ text: "a\u001b[31m\u202e b", label: "positive" })}\n${JSON.stringify({ text: "a", label: "negative" })}\n`); // biome-ignore format: one line
  const { stdout } = await plainbert(["evaluate", "--model", folder, "--backend", "plain", "--file", hostile]);
  expect(stdout).toMatch(/a\\u\{1b\}\[31m\\u\{202e\} b|No mistakes/);
  for (const control of ["\u001b", "\u202e"]) expect(stdout).not.toContain(control);
});

test("a regression has neither classes nor a matrix", async () => {
  const one = join(folder, "regression");
  mkdirSync(one);
  await writeTinyModel(one, { architectures: ["BertForSequenceClassification"], id2label: { 0: "LABEL_0" } });
  const pairs = join(folder, "scores.jsonl");
  writeFileSync(
    pairs,
    '{"text":"A door.","label":1.5}\n{"text":"The sea.","label":-2}\n{"text":"He read.","label":0.25}\n',
  );
  const args = ["evaluate", "--model", one, "--backend", "plain", "--file", pairs];
  const { code, stdout } = await plainbert(args);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^eval_pearson +-?\d\.\d{4}$/m);
  expect(stdout).not.toContain("Rows: expected");
  expect(stdout).toContain("3 errors, the largest first");
  expect((await plainbert([...args, "--worst", "2"])).stdout).toContain("The 2 largest of 3 errors");
  const report = join(folder, "regression.html");
  await plainbert([...args, "--worst", "2", "--report", report]);
  expect(readFileSync(report, "utf8")).toContain("The 2 largest of 3 errors");
});

describe("--report", () => {
  test("is a page with the same figures, and nothing else is left", async () => {
    const report = join(folder, "reports.html");
    const { code, stdout } = await plainbert([...model, "--file", file, "--report", report]);
    expect(code).toBe(0);
    expect(stdout).toContain("eval_loss");
    const page = readFileSync(report, "utf8");
    const accuracy = /^eval_accuracy +(\S+)$/m.exec(stdout)?.[1];
    expect(page).toContain(`<dt>eval_accuracy<dd dir="auto">${Number(accuracy)}`);
    expect(page).toContain(REVIEWS[0].text.replace("'", "&#39;"));
    expect(readdirSync(folder).filter((name) => name.includes("reports"))).toEqual(["reports.html"]);
  });

  test("where it cannot be written, that is said before anything is computed, or with what was found", async () => {
    const nowhere = await plainbert([...model, "--file", "none.csv", "--report", join(folder, "no", "where.html")]);
    expect(nowhere).toMatchObject({ code: 1, stdout: "" });
    expect(nowhere.stderr).toContain("where.html: the folder for the report must be there, is not");
    const onFolder = await plainbert([...model, "--file", file, "--report", folder]);
    expect(onFolder.code).toBe(1);
    expect(onFolder.stderr).toMatch(/^plainbert: .*\n$/);
    expect(
      readdirSync(tmpdir()).filter((name) => name.endsWith(".tmp") && name.includes(folder.split("/").at(-1)!)),
    ).toEqual([]);
  });
});

test.each([
  [[], 2, "expected --file FILE"],
  [["--file", "a", "b"], 2, "expected options alone, got 1 argument"],
  [["--file", "a", "--task", "sentiment"], 2, "--task must be one of text-classification,"],
  [["--file", "none.jsonl"], 1, "none.jsonl: no such file or folder"],
  [["--file", "a.jsonl", "--model", head("mlm"), "--task", "fill-mask", "--truncate-dim", "4"], 1, "evaluate: --truncate-dim must be left out for fill-mask, it is of sentence-embedding, got 4"], // biome-ignore format: one line
  [
    ["--file", "a.jsonl", "--truncate-dim", "0"],
    2,
    '--truncate-dim must be a whole number from 1 to 2147483648, got "0"',
  ],
  [["--file", "a.jsonl", "--model", head("mlm"), "--task", "text-classification"], 1, "evaluate: --task must be fill-mask or next-sentence-prediction for a model that is a"], // biome-ignore format: one line
])("%j is a mistake", async (args, expected, message) => {
  const { code, stdout, stderr } = await plainbert([...model, ...args]);
  expect([code, stdout]).toEqual([expected, ""]);
  expect(stderr).toContain(message);
});

test("a data file of a label that the model does not have names line and label", async () => {
  const other = join(folder, "other.jsonl");
  writeFileSync(other, '{"text":"good","label":"positive"}\n{"text":"so","label":"neutral"}\n');
  const { code, stderr } = await plainbert(["evaluate", "--model", folder, "--backend", "plain", "--file", other]);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/other\.jsonl: line 2: label must be one of "negative", "positive", got "neutral"\n$/)]); // biome-ignore format: one line
});
