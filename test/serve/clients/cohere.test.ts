import { CohereClient, CohereClientV2, CohereError } from "cohere-ai";
import { expect, test } from "vitest";
import { pipeline } from "../../../src/pipelines/index.ts";
import { head } from "../../cli/run.ts";
import { DOCUMENTS, QUERY, serve } from "./service.ts";

const address = await serve("--model", head("one_label"));
await using rank = await pipeline("text-ranking", head("one_label"));
const documents = [...DOCUMENTS];
const own = await rank(QUERY, documents);
const client = new CohereClient({ environment: address, token: "none" });
const clientV2 = new CohereClientV2({ environment: address, token: "none" });

test("rerank of the first version, with documents", async () => {
  const { results } = await client.rerank({ query: QUERY, documents, topN: 2, returnDocuments: true });
  const want = own.slice(0, 2);
  expect(results).toEqual(
    want.map(({ index, score }) => ({ index, relevanceScore: score, document: { text: documents[index] } })),
  );
  const objects = await client.rerank({ query: QUERY, documents: documents.map((text) => ({ text })) });
  expect(objects.results).toEqual(own.map(({ index, score }) => ({ index, relevanceScore: score })));
});

test("rerank of the second version", async () => {
  const { results } = await clientV2.rerank({ model: "plainbert", query: QUERY, documents, maxTokensPerDoc: 4096 });
  expect(results).toEqual(own.map(({ index, score }) => ({ index, relevanceScore: score })));
});

test("errors have their status and the service's message", async () => {
  const asked = clientV2.rerank({ model: "plainbert", query: "a", documents: Array(33).fill("a") }, { maxRetries: 0 });
  const error = await asked.then(
    () => null,
    (error: unknown) => error as CohereError,
  );
  expect(error).toBeInstanceOf(CohereError);
  expect(error?.statusCode).toBe(413);
  expect(error?.message).toContain("batch size 33 > maximum allowed batch size 32");
});

test("Jina's reranker, by fetch", async () => {
  const response = await fetch(`${address}/v1/rerank`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer none" },
    body: JSON.stringify({
      model: "jina-reranker-v2-base-multilingual",
      ...{ query: QUERY, documents, top_n: 2, return_documents: true },
    }),
  });
  const { results, usage } = await response.json();
  expect(results).toEqual(
    own
      .slice(0, 2)
      .map(({ index, score }) => ({ index, relevance_score: score, document: { text: documents[index] } })),
  );
  expect(usage.total_tokens).toBeGreaterThan(10);
});
