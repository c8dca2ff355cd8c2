import { OpenAIEmbedding } from "@llamaindex/openai";
import { Document, MetadataMode, Settings, VectorStoreIndex } from "llamaindex";
import { expect, test } from "vitest";
import { floats, ownVectors, serve, TEXTS } from "./service.ts";

const address = await serve();
const settings = { apiKey: "none", baseURL: `${address}/v1`, model: "plainbert" };

test("OpenAIEmbedding", async () => {
  const embedding = new OpenAIEmbedding(settings);
  const own = await ownVectors(TEXTS);
  expect(floats(await embedding.getTextEmbeddings([...TEXTS]))).toEqual(own);
  expect(floats([await embedding.getTextEmbedding(TEXTS[0])])).toEqual([own[0]]);
  const many = Array.from({ length: 70 }, (_, i) => `Letter ${i}.`);
  expect(floats(await embedding.getTextEmbeddingsBatch(many))).toEqual(await ownVectors(many));
  const eight = new OpenAIEmbedding({ ...settings, dimensions: 8 });
  expect(floats(await eight.getTextEmbeddings([...TEXTS]))).toEqual(await ownVectors(TEXTS, 8));
});

test("VectorStoreIndex: the nearest document, with its cosine", async () => {
  const embedModel = new OpenAIEmbedding(settings);
  const documents = TEXTS.map((text, i) => new Document({ text, id_: String(i) }));
  const index = await Settings.withEmbedModel(embedModel, () => VectorStoreIndex.fromDocuments(documents));
  const [best] = await Settings.withEmbedModel(embedModel, () =>
    index.asRetriever({ similarityTopK: 1 }).retrieve({ query: TEXTS[1] }),
  );
  expect(best.node.getContent(MetadataMode.NONE)).toBe(TEXTS[1]);
  expect(best.score).toBeCloseTo(1, 6);
});
