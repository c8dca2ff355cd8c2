import type { Service } from "./service.ts";

/** The package's version; a test compares it with package.json, which not every runtime can read. */
export const VERSION = "0.3.0";

/** GET /info: the model, and the limits; of several those of the first, and all of them as `models`. */
export function infoOf(services: readonly Service[]): unknown {
  const models = services.map(infoOfOne);
  return models.length > 1 ? { ...models[0], models } : models[0];
}

function infoOfOne({ bert, kind, limit, settings }: Service): object {
  return {
    model_id: settings.modelId,
    model_sha: null,
    model_dtype: bert.dtype,
    served_model_name: settings.servedModelName,
    model_type: { [kind]: kind === "embedding" ? { pooling: settings.pooling ?? poolingOf(bert) } : labelsOf(bert) },
    max_concurrent_requests: settings.maxConcurrentRequests,
    max_input_length: limit,
    max_batch_tokens: settings.maxBatchTokens,
    max_batch_requests: null,
    max_client_batch_size: settings.maxClientBatchSize,
    auto_truncate: settings.autoTruncate,
    tokenization_workers: 1,
    version: VERSION,
    sha: null,
    docker_label: null,
  };
}

/** GET /v1/models: the models, as OpenAI's API lists them. */
export function modelsOf(services: readonly Service[]): unknown {
  const data = services.map(({ settings: { servedModelName } }) => ({
    id: servedModelName,
    object: "model",
    created: 0,
    owned_by: "plainbert",
  }));
  return { object: "list", data };
}

/** By text-embeddings-inference's name; several stand end to end. */
function poolingOf({ sentenceModules: { modules } }: Service["bert"]): string {
  const modes = modules.flatMap((module) => (module.type === "Pooling" ? module.modes : []));
  return modes.join("+").replace("lasttoken", "last_token");
}

function labelsOf({ config: { labels } }: Service["bert"]): unknown {
  return { id2label: { ...labels }, label2id: Object.fromEntries(labels.map((label, i) => [label, i])) };
}
