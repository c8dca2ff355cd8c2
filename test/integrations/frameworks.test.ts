import type { EmbeddingModelV3, RerankingModelV3 } from "@ai-sdk/provider";
import { ContextualCompressionRetriever } from "@langchain/classic/retrievers/contextual_compression";
import { MemoryVectorStore } from "@langchain/classic/vectorstores/memory";
import { Document } from "@langchain/core/documents";
import type { EmbeddingsInterface } from "@langchain/core/embeddings";
import type { BaseDocumentCompressor } from "@langchain/core/retrievers/document_compressors";
import { create, getByID, insert, insertMultiple, type OramaPluginSync, search, update } from "@orama/orama";
import * as ai from "ai";
import * as ai6 from "ai-6";
import type { EmbeddingFunction } from "chromadb";
import { afterAll, describe, expect, test, vi } from "vitest";
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

/** What frameworks do with the adapters, which their own types accept: `tsc` on this file says so. */
const embed = await pipeline("embeddings");
const rank = await pipeline("text-ranking", head("one_label"));
afterAll(() => Promise.all([embed.dispose(), rank.dispose()]));

const TEXTS = ["The door was open.", "He read a letter in London, and it was very long.", "é"];
const own = (await embed(TEXTS, { normalize: true })).tolist();
const QUERY = "Who was rich?";
const DOCUMENTS = ["The door was open.", "Emma was rich.", "é"];
const ranked = await rank(QUERY, DOCUMENTS);

describe("LangChain.js", () => {
  const embeddings: EmbeddingsInterface = langChainEmbeddings(embed);

  test("a store keeps the library's vectors, and finds a document with the score 1 by its text", async () => {
    const store = await MemoryVectorStore.fromTexts(TEXTS, [{ n: 0 }, { n: 1 }, { n: 2 }], embeddings);
    expect(store.memoryVectors.map(({ embedding }) => embedding)).toEqual(own);
    const [[best, score]] = await store.similaritySearchWithScore(TEXTS[1], 1);
    expect(best.metadata).toEqual({ n: 1 });
    expect(score).toBeCloseTo(1, 6);
  });

  test("ContextualCompressionRetriever with the reranker", async () => {
    const baseCompressor: BaseDocumentCompressor = langChainReranker(rank, 2);
    const store = await MemoryVectorStore.fromTexts(DOCUMENTS, DOCUMENTS.map((_, n) => ({ n })), embeddings); // biome-ignore format: one line
    const retriever = new ContextualCompressionRetriever({ baseCompressor, baseRetriever: store.asRetriever(3) });
    const found = await retriever.invoke(QUERY);
    const want = ranked.slice(0, 2).map(({ index, score }) => ({ n: index, relevanceScore: score }));
    expect(found.map(({ metadata }) => metadata)).toEqual(want);
    const [first] = await langChainReranker(rank).compressDocuments([new Document({ id: "a", pageContent: "a" })], "b");
    expect(first.id).toBe("a");
    expect(first).toBeInstanceOf(Document);
  });
});

const THE_SAME = ai6 as unknown as typeof ai; // for these calls

describe.each([
  ["7", ai],
  ["6", THE_SAME],
])("Vercel AI SDK %s", (version, { embed: embedOne, embedMany, rerank }) => {
  const model = aiSdkEmbeddingModel(embed);
  model satisfies EmbeddingModelV3;
  model satisfies ai.EmbeddingModel;
  model satisfies ai6.EmbeddingModel;
  const reranker = aiSdkRerankingModel(rank);
  reranker satisfies RerankingModelV3;
  reranker satisfies ai.RerankingModel;
  reranker satisfies ai6.RerankingModel;

  test("embed and embedMany: vectors and tokens", async () => {
    const { embeddings, usage } = await embedMany({ model, values: TEXTS });
    expect(embeddings).toEqual(own);
    expect(usage.tokens).toBe(TEXTS.reduce((sum, text) => sum + embed.tokenizer.encode(text).length, 0));
    expect((await embedOne({ model, value: TEXTS[1] })).embedding).toEqual(own[1]);
  });

  test("many texts are one call", async () => {
    const calls = vi.spyOn(model, "doEmbed");
    const values = Array.from({ length: 2100 }, (_, i) => TEXTS[i % 3]);
    const { embeddings } = await embedMany({ model, values });
    expect(embeddings).toEqual(values.map((_, i) => own[i % 3]));
    expect(calls).toHaveBeenCalledTimes(1);
    calls.mockRestore();
  });

  test("what a text is cut to is a warning", async () => {
    vi.stubGlobal("AI_SDK_LOG_WARNINGS", false);
    const { warnings } = await embedOne({ model, value: "long ".repeat(300) });
    expect(warnings).toEqual([{ type: "other", message: "cut, as longer than the model takes: 1 of 1 texts" }]);
    vi.unstubAllGlobals();
  });

  test("abortSignal stops the model, and options of the provider arrive", async () => {
    const controller = new AbortController();
    const values = Array(20_000).fill(TEXTS[1]);
    const asked = embedMany({ model, values, abortSignal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    const providerOptions = { plainbert: { truncate_dim: 8 } };
    expect((await embedOne({ model, value: "a", providerOptions })).embedding.length).toBe(8);
    const wrong = embedOne({ model, value: "a", providerOptions: { plainbert: { truncate: 8 } } });
    await expect(wrong).rejects.toThrow('doEmbed: unknown option "truncate"');
  });

  test("rerank", async () => {
    const { ranking } = await rerank({ model: reranker, query: QUERY, documents: DOCUMENTS, topN: 2 });
    const want = ranked.slice(0, 2).map(({ index, score }) => [index, score, DOCUMENTS[index]]);
    expect(ranking.map(({ originalIndex, score, document }) => [originalIndex, score, document])).toEqual(want);
    const objects = DOCUMENTS.map((text) => ({ text }));
    const best = (await rank(QUERY, objects.map((value) => JSON.stringify(value)))).map(({ index }) => index); // biome-ignore format: one line
    const ofObjects = await rerank({ model: reranker, query: QUERY, documents: objects });
    expect(ofObjects.ranking.map(({ originalIndex }) => originalIndex)).toEqual(best);
  });

  test.runIf(version === "7")("dimensions", async () => {
    const { embeddings } = await ai.embedMany({ model, values: TEXTS, dimensions: 8 });
    expect(embeddings).toEqual((await embed(TEXTS, { normalize: true, truncate_dim: 8 })).tolist());
  });
});

test("Chroma accepts the function by its own type", async () => {
  const embeddingFunction: EmbeddingFunction = chromaEmbeddingFunction(embed);
  expect(await embeddingFunction.generate(TEXTS)).toEqual(own);
});

describe("Orama", () => {
  const plugin: OramaPluginSync = oramaPlugin(embed, { text: "text", vector: "embedding" });
  const start = () => create({ schema: { text: "string", embedding: "vector[384]" }, plugins: [plugin] });

  test.each(["insert", "insertMultiple"])(
    "%s gives documents the library's vectors, and search finds them",
    async (way) => {
      const db = start();
      const documents = TEXTS.map((text, i) => ({ id: String(i), text }));
      if (way === "insertMultiple") expect(await insertMultiple(db, documents)).toEqual(["0", "1", "2"]);
      else for (const document of documents) await insert(db, document);
      const options = { term: TEXTS[1], similarity: 0, includeVectors: true };
      const { hits } = await search(db, { mode: "vector", ...options });
      expect(hits[0].id).toBe("1");
      expect(hits[0].score).toBeCloseTo(1, 6);
      for (const { id, document } of hits) expect(document.embedding).toEqual(own[Number(id)]);
      expect((await search(db, { mode: "hybrid", ...options })).hits[0].id).toBe("1");
      expect((await search(db, { term: "letter" })).hits.length).toBe(1);
    },
  );

  test("update embeds the new text, also by a changed copy of the old document", async () => {
    const db = start();
    const [id] = await insertMultiple(db, [{ text: TEXTS[0] }]);
    const old = getByID(db, id)!;
    const changed = await update(db, id, { ...old, text: TEXTS[1] });
    expect(getByID(db, changed)!.embedding).toEqual(own[1]);
    await search(db, { mode: "vector", term: TEXTS[1], similarity: 0 }); // which takes vectors off documents
    expect(getByID(db, changed)!.embedding).toBeNull();
    const { embedding: _, ...others } = getByID(db, changed)!;
    const again = await update(db, changed, { ...others, text: TEXTS[0] });
    expect(getByID(db, again)!.embedding).toEqual(own[0]);
  });

  test("parameters of a search serve several terms", async () => {
    const db = start();
    await insertMultiple(db, TEXTS.map((text, i) => ({ id: String(i), text }))); // biome-ignore format: one line
    const options = { mode: "vector" as const, term: "", similarity: 0, limit: 1 };
    for (const [i, term] of TEXTS.entries()) {
      options.term = term;
      const { hits } = await search(db, options);
      expect(hits[0].id).toBe(String(i));
    }
  });

  test("a document without the text, and a schema without the properties", async () => {
    const db = start();
    const id = await insert(db, {});
    expect(getByID(db, id)).not.toHaveProperty("embedding");
    const schema = { text: "string", vector: "vector[384]" } as const;
    expect(() => create({ schema, plugins: [plugin] })).toThrow('create: schema.embedding must be "vector[384]"');
  });

  test("without another `similarity` Orama leaves out what has less than 0.8", async () => {
    const db = start();
    await insert(db, { text: "The door was open." });
    const term = "Somebody opened the window.";
    const [asked] = (await embed.encodeQuery(term, { normalize: true })).tolist();
    const cosine = own[0].reduce((sum, x, i) => sum + x * asked[i], 0);
    expect(cosine).toBeGreaterThan(0.2);
    expect(cosine).toBeLessThan(0.8);
    expect((await search(db, { mode: "vector", term })).hits).toEqual([]);
    const [hit] = (await search(db, { mode: "vector", term, similarity: 0 })).hits;
    expect(hit.score).toBeCloseTo(cosine, 6);
  });
});
