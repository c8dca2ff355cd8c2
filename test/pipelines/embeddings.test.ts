import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Pipeline, pipeline } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { SENTENCE_FORMS, sentenceFolder } from "../support/sentenceFolders.ts";

const REFERENCE = join(import.meta.dirname, "reference");
const PLAIN = { backend: "plain" } as const;
const root = await mkdtemp(join(tmpdir(), "plainbert-embeddings-"));
afterAll(() => rm(root, { recursive: true }));

const [versions, ...lines] = readFileSync(join(REFERENCE, "embeddings.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));
const TEXTS: string[] = versions.texts;
type Call = { form: string; options: Record<string, unknown>; vectors: number[][]; truncated: number };
const calls: Call[] = lines.filter((line) => "vectors" in line);
const forms = [...new Set(calls.map(({ form }) => form))];

/** Times the largest number, if that is above 1: float32. Measured 8.7e-7, of vectors of length 1 8e-8. */
const ATOL = 1e-6;

/** A call of the library, as it is made here. */
function called(embed: Pipeline<"embeddings">, { role, normalize_embeddings, ...options }: Call["options"]) {
  const call = role === "query" ? embed.encodeQuery : role === "document" ? embed.encodeDocument : embed;
  return call(TEXTS, { ...options, ...(normalize_embeddings !== undefined && { normalize: true }) });
}

const similar: { form: string; similarity: string; scores: number[][] }[] = lines.filter((line) => "scores" in line);

test.each(similar)("sentence-similarity of the form $form is that of $similarity", async ({ form, scores }) => {
  await using similarity = await pipeline("sentence-similarity", await sentenceFolder(root, form), PLAIN);
  const all = await similarity(TEXTS.map((source_sentence) => ({ source_sentence, sentences: TEXTS })));
  const want = scores.flat();
  expectClose(form, all.flat(), want, ATOL * Math.max(1, ...want.map(Math.abs)));
});

test("every function of similarity has its scores", () => {
  expect(new Set(similar.map(({ similarity }) => similarity))).toEqual(
    new Set(["cosine", "dot", "euclidean", "manhattan"]),
  );
});

test("every form has its vectors", () => {
  expect(forms.length).toBeGreaterThan(25);
  expect(forms.toSorted()).toEqual(SENTENCE_FORMS.toSorted());
});

describe.each(forms)("a folder of the form %s gives what SentenceTransformer.encode gives", (form) => {
  const ofForm = calls
    .filter((call) => call.form === form)
    .map((call) => [JSON.stringify(call.options), call] as const);
  test.each(ofForm)("%s", async (_, { options, vectors, truncated }) => {
    await using embed = await pipeline("embeddings", await sentenceFolder(root, form), PLAIN);
    const { dims, data, truncated: cut } = await called(embed, options);
    expect(dims).toEqual([TEXTS.length, vectors[0].length]);
    const want = vectors.flat();
    expectClose(form, data, want, ATOL * Math.max(1, ...want.map(Math.abs)));
    expect(cut).toBe(truncated);
  });
});
