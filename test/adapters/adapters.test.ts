import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  aiSdkEmbeddingModel,
  aiSdkRerankingModel,
  chromaEmbeddingFunction,
  langChainEmbeddings,
  langChainReranker,
  oramaPlugin,
} from "../../src/adapters/index.ts";
import { pipeline } from "../../src/index.ts";
import { head } from "../cli/run.ts";
import { expectBertError } from "../pipelines/support.ts";
import { expectClose } from "../support/close.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";

/**
 * What the adapters give, beside the vectors that Python's sentence-transformers gives of a folder with prompts. What
 * the frameworks themselves do with them is in `test/integrations`.
 */
const root = await mkdtemp(join(tmpdir(), "plainbert-adapters-"));
afterAll(() => rm(root, { recursive: true }));
const embed = await pipeline("embeddings", await sentenceFolder(root, "prompts"), { backend: "plain" });
const rank = await pipeline("text-ranking", head("one_label"), { backend: "plain" });

const [versions, ...lines] = readFileSync(join(import.meta.dirname, "../pipelines/reference/embeddings.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));
const TEXTS: string[] = versions.texts;

/** Python's vectors with these options, divided by their lengths. */
function python(options: object): number[][] {
  const same = (line: { form: string; options: object }) =>
    line.form === "prompts" && JSON.stringify(line.options) === JSON.stringify(options);
  const { vectors }: { vectors: number[][] } = lines.find(same);
  return vectors.map((vector) => vector.map((x) => x / Math.hypot(...vector)));
}
const AS_DOCUMENTS = python({ role: "document" });
const AS_QUERIES = python({ role: "query" });

function expectVectors(got: readonly (readonly number[])[], want: readonly (readonly number[])[]): void {
  expect(got.map(({ length }) => length)).toEqual(want.map(({ length }) => length));
  expectClose("vectors of length 1", got.flat(), want.flat(), 1e-6);
}

test("documents and queries have other vectors here", () => {
  expect(AS_DOCUMENTS[0][0]).not.toBeCloseTo(AS_QUERIES[0][0], 2);
});

describe("langChainEmbeddings", () => {
  test("documents and queries, each with its prompt", async () => {
    const embeddings = langChainEmbeddings(embed);
    expectVectors(await embeddings.embedDocuments(TEXTS), AS_DOCUMENTS);
    for (const [i, text] of TEXTS.entries()) expectVectors([await embeddings.embedQuery(text)], [AS_QUERIES[i]]);
    expect(await embeddings.embedDocuments([])).toEqual([]);
  });

  test("options", async () => {
    const passages = langChainEmbeddings(embed, { prompt_name: "passage" });
    expectVectors(await passages.embedDocuments(TEXTS), python({ prompt_name: "passage" }));
    const [eight] = await langChainEmbeddings(embed, { truncate_dim: 8 }).embedDocuments(["a"]);
    expect(eight.length).toBe(8);
    expect(Math.hypot(...eight)).toBeCloseTo(1, 6);
    const [whole] = await langChainEmbeddings(embed, { normalize: false }).embedDocuments(TEXTS);
    expect(Math.hypot(...whole)).toBeGreaterThan(2);
  });
});

test("chromaEmbeddingFunction: documents and queries, each with its prompt", async () => {
  const embeddingFunction = chromaEmbeddingFunction(embed);
  expectVectors(await embeddingFunction.generate(TEXTS), AS_DOCUMENTS);
  expectVectors(await embeddingFunction.generateForQueries(TEXTS), AS_QUERIES);
  expect(embeddingFunction.supportedSpaces()).toContain(embeddingFunction.defaultSpace());
});

describe("oramaPlugin", () => {
  const plugin = oramaPlugin(embed, { text: "body", vector: "vector" });

  test("gives documents their vectors, unless they have some", async () => {
    const documents = TEXTS.map((body): { body: string; vector?: number[] } => ({ body }));
    documents[1].vector = [1];
    await plugin.beforeInsertMultiple({}, documents);
    expect(documents[1].vector).toEqual([1]);
    const others = [0, 2, 3, 4];
    expectVectors(others.map((i) => documents[i].vector!), others.map((i) => AS_DOCUMENTS[i])); // biome-ignore format: one line
    const one = { body: TEXTS[0], vector: undefined };
    await plugin.beforeInsert({}, "0", one);
    expectVectors([one.vector!], [AS_DOCUMENTS[0]]);
    await plugin.beforeInsertMultiple({}, []);
  });

  test("gives the term of a search by vectors its vector, unless it has one", async () => {
    for (const mode of ["vector", "hybrid"]) {
      const search = { mode, term: TEXTS[0], vector: undefined as unknown };
      await plugin.beforeSearch({}, search);
      const { property, value } = search.vector as { property: string; value: number[] };
      expect(property).toBe("vector");
      expectVectors([value], [AS_QUERIES[0]]);
    }
    const given = { mode: "vector", vector: { property: "other", value: [1] } };
    await plugin.beforeSearch({}, given);
    expect(given.vector).toEqual({ property: "other", value: [1] });
    const byWords = { term: "door" };
    await plugin.beforeSearch({}, byWords);
    expect(byWords).toEqual({ term: "door" });
  });

  test("a document without the property is refused", async () => {
    await expectBertError(plugin.beforeInsert({}, "0", { text: "a" }), "ERR_INPUT", "must be a string");
  });

  test("its hooks are async functions, which Orama awaits by their constructor's name", () => {
    for (const hook of [plugin.beforeInsert, plugin.beforeInsertMultiple, plugin.beforeSearch])
      expect(hook.constructor.name).toBe("AsyncFunction");
  });
});

describe("aiSdkEmbeddingModel", () => {
  const model = aiSdkEmbeddingModel(embed);

  test("vectors without a role, tokens, and a warning of what was cut", async () => {
    const { embeddings, usage, warnings } = await model.doEmbed({ values: TEXTS });
    expectVectors(embeddings, python({}));
    // [CLS] and [SEP] count; what is cut counts as far as it is read
    const most = embed.model.config.maxPositionEmbeddings;
    const lengths = TEXTS.map((text) => Math.min(most, embed.tokenizer.encode(text).length));
    expect(usage.tokens).toBe(lengths.reduce((sum, length) => sum + length));
    expect(warnings).toEqual([{ type: "other", message: "cut, as longer than the model takes: 1 of 5 texts" }]);
    expect((await model.doEmbed({ values: ["a"] })).warnings).toEqual([]);
    expect(await model.doEmbed({ values: [] })).toEqual({ embeddings: [], usage: { tokens: 0 }, warnings: [] });
  });

  test("options of the model and of a call, whose dimensions win", async () => {
    const passages = aiSdkEmbeddingModel(embed, { prompt_name: "passage" });
    expectVectors((await passages.doEmbed({ values: TEXTS })).embeddings, python({ prompt_name: "passage" }));
    const providerOptions = { plainbert: { prompt_name: "query" }, other: { a: 1 } };
    const asked = await passages.doEmbed({ values: TEXTS, providerOptions });
    expectVectors(asked.embeddings, AS_QUERIES);
    const { embeddings } = await aiSdkEmbeddingModel(embed, { truncate_dim: 4 }).doEmbed({
      values: ["a"],
      dimensions: 8,
    });
    expect(embeddings[0].length).toBe(8);
    expect(Math.hypot(...embeddings[0])).toBeCloseTo(1, 6);
  });

  test("what is wrong is an error that names it", async () => {
    const wrong = (call: object) => model.doEmbed({ values: ["a"], ...call });
    await expectBertError(wrong({ values: ["a", 1] }), "ERR_INPUT", "doEmbed: values[1] must be a string, got 1");
    await expectBertError(wrong({ providerOptions: { plainbert: { precision: "int8" } } }), "ERR_INPUT", '"precision"');
    await expectBertError(wrong({ providerOptions: { plainbert: { prompt_name: "no" } } }), "ERR_INPUT", "prompt_name");
    await expectBertError(wrong({ dimensions: 1000 }), "ERR_INPUT", "truncate_dim");
    await expectBertError(wrong({ dimensions: 0 }), "ERR_INPUT", "truncate_dim");
    const whole = aiSdkEmbeddingModel(embed, { truncation: false }).doEmbed({ values: TEXTS });
    await expectBertError(whole, "ERR_INPUT", "values[3]");
  });

  test("abortSignal stops it", async () => {
    const reason = new Error("enough");
    await expect(model.doEmbed({ values: TEXTS, abortSignal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const many = model.doEmbed({ values: Array(5000).fill(TEXTS[3]), abortSignal: controller.signal });
    controller.abort(reason);
    await expect(many).rejects.toBe(reason);
  });

  test("after dispose it says so, and one that is disposed of waits for calls", async () => {
    const own = await pipeline("embeddings", join(root, "prompts"), { backend: "plain" });
    const calls = aiSdkEmbeddingModel(own);
    const underWay = calls.doEmbed({ values: TEXTS });
    await own.dispose();
    expectVectors((await underWay).embeddings, python({}));
    await expectBertError(calls.doEmbed({ values: TEXTS }), "ERR_BACKEND", "dispose");
  });
});

describe("rerankers", () => {
  const query = "Who was rich?";
  const texts = ["The door was open.", "Emma was rich.", "She was poor.", "é"];

  test("aiSdkRerankingModel", async () => {
    const want = (await rank(query, texts)).map(({ index, score }) => ({ index, relevanceScore: score }));
    const model = aiSdkRerankingModel(rank);
    const ofTexts = { type: "text" as const, values: texts };
    expect((await model.doRerank({ query, documents: ofTexts })).ranking).toEqual(want);
    expect((await model.doRerank({ query, documents: ofTexts, topN: 2 })).ranking).toEqual(want.slice(0, 2));
    const ofObjects = { type: "object" as const, values: texts.map((text) => ({ text })) };
    const asJson = await rank(query, ofObjects.values.map((value) => JSON.stringify(value))); // biome-ignore format: one line
    const { ranking } = await model.doRerank({ query, documents: ofObjects });
    expect(ranking).toEqual(asJson.map(({ index, score }) => ({ index, relevanceScore: score })));
    const abortSignal = AbortSignal.abort(new Error("enough"));
    await expect(model.doRerank({ query, documents: ofTexts, abortSignal })).rejects.toThrow("enough");
  });

  test("langChainReranker keeps what documents have, and says their scores", async () => {
    const documents = texts.map((pageContent, id) => ({ pageContent, id, metadata: { page: id } }));
    const want = await rank(query, texts);
    const got = await langChainReranker(rank, 3).compressDocuments(documents, query);
    expect(got).toEqual(
      want.slice(0, 3).map(({ index, score }) => ({
        ...documents[index],
        metadata: { page: index, relevanceScore: score },
      })),
    );
    expect((await langChainReranker(rank).compressDocuments(documents, query)).length).toBe(4);
    expect(await langChainReranker(rank).compressDocuments([], query)).toEqual([]);
    expect(documents[0].metadata).toEqual({ page: 0 });
  });
});
