import { HuggingFaceInferenceEmbeddings } from "@langchain/community/embeddings/hf";
import { OpenAIEmbeddings } from "@langchain/openai";
import { describe, expect, test } from "vitest";
import { floats, ownVectors, serve, TEXTS } from "./service.ts";

const address = await serve();
const own = await ownVectors(TEXTS);
const many = Array.from({ length: 70 }, (_, i) => `Letter ${i}.`);

describe("OpenAIEmbeddings", () => {
  const settings = { apiKey: "none", configuration: { baseURL: `${address}/v1` }, model: "plainbert", batchSize: 32 };

  test("embedDocuments and embedQuery", async () => {
    const embeddings = new OpenAIEmbeddings(settings);
    expect(floats(await embeddings.embedDocuments([...TEXTS]))).toEqual(own);
    expect(floats([await embeddings.embedQuery(TEXTS[0])])).toEqual([own[0]]);
    const eight = new OpenAIEmbeddings({ ...settings, dimensions: 8, encodingFormat: "float" });
    expect(floats(await eight.embedDocuments([...TEXTS]))).toEqual(await ownVectors(TEXTS, 8));
  });

  test("more documents than a request may have, in batches of as many", async () => {
    expect(floats(await new OpenAIEmbeddings(settings).embedDocuments(many))).toEqual(await ownVectors(many));
    const atOnce = new OpenAIEmbeddings({ ...settings, batchSize: 512 }).embedDocuments(many);
    await expect(atOnce).rejects.toThrow("batch size 70 > maximum allowed batch size 32");
  });
});

describe("HuggingFaceInferenceEmbeddings", () => {
  test("embedDocuments and embedQuery", async () => {
    const embeddings = new HuggingFaceInferenceEmbeddings({ model: "plainbert", endpointUrl: address });
    expect(floats(await embeddings.embedDocuments([...TEXTS]))).toEqual(own);
    expect(floats([await embeddings.embedQuery(TEXTS[0])])).toEqual([own[0]]);
  });
});
