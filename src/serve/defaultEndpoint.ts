import { embed } from "./embedEndpoints.ts";
import { predict, rerank } from "./predictEndpoints.ts";
import type { Endpoint, ModelKind, Service } from "./service.ts";
import { embedSparse } from "./sparseEndpoint.ts";

const BY_KIND: Readonly<Record<ModelKind, Endpoint>> = { embedding: embed, classifier: predict, reranker: rerank };

/**
 * POST /, where Hugging Face's clients ask an endpoint of their own, and POST /invocations, where SageMaker asks: what
 * the model is for.
 */
export const byKind: Endpoint = (service, body, call) => endpointOf(service)(service, body, call);

function endpointOf({ kind, settings }: Service): Endpoint {
  return settings.pooling === "splade" ? embedSparse : BY_KIND[kind];
}
