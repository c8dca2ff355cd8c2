import { byKind } from "./defaultEndpoint.ts";
import { embed, embedAll, similarity } from "./embedEndpoints.ts";
import { openaiEmbeddings } from "./openaiEndpoint.ts";
import { cohereRerank, predict, rerank } from "./predictEndpoints.ts";
import type { Endpoint } from "./service.ts";
import { embedSparse } from "./sparseEndpoint.ts";
import { TASK_ENDPOINTS } from "./taskEndpoints.ts";
import { decode, tokenize } from "./tokenizeEndpoints.ts";

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
