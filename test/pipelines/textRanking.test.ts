import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { pipeline } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { expectBertError } from "./support.ts";

const REFERENCE = join(import.meta.dirname, "reference");
const PLAIN = { backend: "plain" } as const;
const root = await mkdtemp(join(tmpdir(), "plainbert-ranking-"));
afterAll(() => rm(root, { recursive: true }));

type Ranked = { index: number; score: number; text?: string }[];
const [versions, ...lines] = readFileSync(join(REFERENCE, "ranking.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));
const { query, documents, config }: { query: string; documents: string[]; config: Record<string, object> } = versions;
const calls: { form: string; options: object; ranked: Ranked }[] = lines.filter((line) => "ranked" in line);
const inWindows: { form: string; stride: number; best: number[] }[] = lines.filter((line) => "best" in line);

/** Measured 4e-7, of numbers up to 3. */
const ATOL = 1e-6;

/** The folder of a form: the base, with what the form adds to config.json, or the files that the library has saved. */
async function folderOf(form: string): Promise<string> {
  const folder = join(root, form);
  if (existsSync(folder)) return folder;
  await cp(join(REFERENCE, "heads/one_label"), folder, { recursive: true });
  const path = join(folder, "config.json");
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...config[form] }));
  if (!config[form]) await cp(join(REFERENCE, "ranking", form), folder, { recursive: true });
  return folder;
}

describe("CrossEncoder.rank gives the same", () => {
  test("for all forms of folder", async () => {
    const saved = await readdir(join(REFERENCE, "ranking"));
    expect(new Set(calls.map(({ form }) => form))).toEqual(new Set([...Object.keys(config), ...saved]));
  });

  test.each(calls)("$form $options", async ({ form, options, ranked }) => {
    await using rank = await pipeline("text-ranking", await folderOf(form), PLAIN);
    const got: Ranked = await rank(query, documents, options);
    const tied = (results: Ranked) => results.map(({ index, ...rest }) => ({ ...rest, document: documents[index] }));
    expect(tied(got).map(({ score, ...rest }) => rest)).toEqual(tied(ranked).map(({ score, ...rest }) => rest));
    expectClose(
      form,
      got.map(({ score }) => score),
      ranked.map(({ score }) => score),
      ATOL,
    );
  });

  test.each(inWindows)("the best of its windows: $form, stride $stride", async ({ form, stride, best }) => {
    await using rank = await pipeline("text-ranking", await folderOf(form), PLAIN);
    const got = (await rank(query, documents, { stride })).sort((a, b) => a.index - b.index);
    expectClose(
      form,
      got.map(({ score }) => score),
      best,
      ATOL,
    );
  });
});

describe("one query and its documents", async () => {
  const rank = await pipeline("text-ranking", await folderOf("plain"), PLAIN);
  afterAll(() => rank.dispose());

  test("a document's score is the same alone and among others, and of equal ones the first comes first", async () => {
    const all = await rank(query, documents);
    for (const { index, score } of all) expect(await rank(query, [documents[index]])).toEqual([{ index: 0, score }]);
    const places = all.map(({ index }) => index);
    expect(places.indexOf(1)).toBe(places.indexOf(4) - 1);
    expect(await rank(query, [])).toEqual([]);
    expect(await rank(query, documents, { top_k: 100 })).toEqual(all);
    expect(await rank(query, documents, { top_k: null })).toEqual(all);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ["documents that are no array", () => rank(query, "a" as never), 'documents must be an array of texts, got "a"'],
    ["a document that is no text", () => rank(query, ["a", 3 as never]), "documents[1] must be a string, got 3"],
    ["a query that is no text", () => rank(3 as never, ["a"]), "query must be a string, got 3"],
    ["top_k", () => rank(query, ["a"], { top_k: 0 }), "top_k must be a whole number from 1, or null for all documents"],
    ["activation", () => rank(query, ["a"], { activation: "sigmiod" as never }), 'did you mean "sigmoid"?'],
    [
      "an unknown option",
      () => rank(query, ["a"], { topk: 1 } as never),
      'unknown option "topk"; did you mean "top_k"?',
    ],
    ["truncation beside stride", () => rank(query, ["a"], { stride: 1, truncation: true }), "left out beside stride"],
    ["a stride that leaves no room", () => rank(query, ["a"], { stride: 60 }), "query must be short enough to leave"],
    [
      "what is too long",
      () => rank(query, documents, { truncation: false }),
      "2 inputs must be at most 64 tokens long",
    ],
  ])("%s is an error", async (_, call, message) => {
    await expectBertError(call(), "ERR_INPUT", "text-ranking: ", message);
  });

  test("a model with several labels, or with another head, is refused as there", async () => {
    expect(lines.find((line) => line.form === "several labels").error).toContain(
      "only works for models with num_labels=1",
    );
    const several = pipeline("text-ranking", join(REFERENCE, "heads/nli"), PLAIN);
    await expectBertError(
      several,
      "ERR_INPUT",
      'text-ranking: model must be one with one label; "text-classification"',
    );
    const other = pipeline("text-ranking", join(REFERENCE, "heads/ner"), PLAIN);
    await expectBertError(other, "ERR_INPUT", "text-ranking: model must be a BertForSequenceClassification");
    const wrong = join(root, "wrong");
    await cp(await folderOf("plain"), wrong, { recursive: true });
    const path = join(wrong, "config.json");
    const sentence_transformers = { activation_fn: "torch.nn.modules.linear.Linear" };
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), sentence_transformers }));
    const refused = pipeline("text-ranking", wrong, PLAIN);
    await expectBertError(
      refused,
      "ERR_CHECKPOINT",
      "config.json: sentence_transformers.activation_fn must be a class of torch.nn",
    );
  });
});
