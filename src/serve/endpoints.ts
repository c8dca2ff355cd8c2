import { embed, embedAll, similarity } from "./embedEndpoints.ts";
import { openaiEmbeddings } from "./openaiEndpoint.ts";
import { cohereRerank, predict, rerank } from "./predictEndpoints.ts";
import type { Endpoint, ModelKind } from "./service.ts";
import { embedSparse } from "./sparseEndpoint.ts";
import { TASK_ENDPOINTS } from "./taskEndpoints.ts";
import { decode, tokenize } from "./tokenizeEndpoints.ts";

const BY_KIND: Readonly<Record<ModelKind, Endpoint>> = { embedding: embed, classifier: predict, reranker: rerank };

/**
 * POST /, where Hugging Face's clients ask an endpoint of their own, and POST /invocations, where SageMaker asks: what
 * the model is for.
 */
const byKind: Endpoint = (body, call) => {
  const { kind, settings } = call.service;
  const endpoint = settings.pooling === "splade" ? embedSparse : BY_KIND[kind];
  return endpoint(body, call);
};

/** What is asked by POST. */
export const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "/": byKind,
  "/invocations": byKind,
  "/embed": embed,
  "/embed_all": embedAll,
  "/embed_sparse": embedSparse,
  "/similarity": similarity,
  "/predict": predict,
  "/rerank": rerank,
  "/tokenize": tokenize,
  "/decode": decode,
  "/v1/embeddings": openaiEmbeddings,
  "/embeddings": openaiEmbeddings,
  "/v1/rerank": cohereRerank,
  "/v2/rerank": cohereRerank,
  ...TASK_ENDPOINTS,
};
