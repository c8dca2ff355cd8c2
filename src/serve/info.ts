import { BATCH_TOKENS } from "../model/batch.ts";
import type { Service } from "./service.ts";

/** The package's version; a test compares it with package.json, which not every runtime can read. */
export const VERSION = "0.3.0";

/** GET /info: the model, and the limits. */
export function infoOf({ bert, kind, limit, settings }: Service): unknown {
  const { modelId, servedModelName, maxConcurrentRequests, maxClientBatchSize, autoTruncate } = settings;
  return {
    model_id: modelId,
    model_sha: null,
    model_dtype: bert.dtype,
    served_model_name: servedModelName,
    model_type: { [kind]: kind === "embedding" ? { pooling: settings.pooling ?? poolingOf(bert) } : labelsOf(bert) },
    max_concurrent_requests: maxConcurrentRequests,
    max_input_length: limit,
    max_batch_tokens: BATCH_TOKENS,
    max_batch_requests: null,
    max_client_batch_size: maxClientBatchSize,
    auto_truncate: autoTruncate,
    tokenization_workers: 1,
    version: VERSION,
    sha: null,
    docker_label: null,
  };
}

/** GET /v1/models: the one model, as OpenAI's API lists models. */
export function modelsOf({ settings: { servedModelName } }: Service): unknown {
  return { object: "list", data: [{ id: servedModelName, object: "model", created: 0, owned_by: "plainbert" }] };
}

/** By text-embeddings-inference's name; several stand end to end. */
function poolingOf({ sentenceModules: { modules } }: Service["bert"]): string {
  const modes = modules.flatMap((module) => (module.type === "Pooling" ? module.modes : []));
  return modes.map((mode) => (mode === "lasttoken" ? "last_token" : mode)).join("+");
}

function labelsOf({ config: { labels } }: Service["bert"]): unknown {
  return {
    id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  };
}
