import { createCohere } from "@ai-sdk/cohere";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, embedMany, rerank } from "ai";
import { describe, expect, test } from "vitest";
import { pipeline } from "../../../src/pipelines/index.ts";
import { head } from "../../cli/run.ts";
import { DOCUMENTS, floats, ownVectors, QUERY, serve, TEXTS } from "./service.ts";

const address = await serve();
const own = await ownVectors(TEXTS);
const baseURL = `${address}/v1`;

describe.each([
  ["@ai-sdk/openai", createOpenAI({ baseURL, apiKey: "none" }).embeddingModel("plainbert"), "openai"],
  [
    "@ai-sdk/openai-compatible",
    createOpenAICompatible({ name: "plainbert", baseURL }).embeddingModel("plainbert"),
    "plainbert",
  ],
])("%s", (_, model, provider) => {
  test("embed and embedMany", async () => {
    const one = await embed({ model, value: TEXTS[0] });
    expect(floats([one.embedding])).toEqual([own[0]]);
    expect(one.usage.tokens).toBeGreaterThan(3);
    const { embeddings } = await embedMany({ model, values: [...TEXTS] });
    expect(floats(embeddings)).toEqual(own);
    const eight = await embedMany({
      model,
      values: [...TEXTS],
      providerOptions: { [provider]: { dimensions: 8 } },
    });
    expect(floats(eight.embeddings)).toEqual(await ownVectors(TEXTS, 8));
  });

  test("an error has the service's message", async () => {
    const asked = embedMany({ model, values: Array(33).fill("a"), maxRetries: 0 });
    await expect(asked).rejects.toThrow("batch size 33 > maximum allowed batch size 32");
  });
});

test("embedMany of more than 32 texts, with --max-client-batch-size 2048", async () => {
  const larger = await serve("--max-client-batch-size", "2048");
  const model = createOpenAICompatible({ name: "plainbert", baseURL: `${larger}/v1` }).embeddingModel("plainbert");
  const values = Array.from({ length: 70 }, (_, i) => `Letter ${i}.`);
  expect(floats((await embedMany({ model, values })).embeddings)).toEqual(await ownVectors(values));
});

test("@ai-sdk/cohere: rerank", async () => {
  const reranker = await serve("--model", head("one_label"));
  await using rank = await pipeline("text-ranking", head("one_label"));
  const model = createCohere({ baseURL: `${reranker}/v2`, apiKey: "none" }).reranking("plainbert");
  const documents = [...DOCUMENTS];
  const { ranking } = await rerank({ model, query: QUERY, documents, topN: 2 });
  const want = (await rank(QUERY, documents)).slice(0, 2);
  expect(ranking).toEqual(
    want.map(({ index, score }) => ({ originalIndex: index, score, document: documents[index] })),
  );
  const empty = rerank({ model, query: "", documents: [""], maxRetries: 0 });
  await expect(empty).rejects.toThrow("Input validation error: `inputs` cannot be empty");
});
