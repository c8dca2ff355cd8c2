import {
  any,
  choice,
  count,
  list,
  number,
  object,
  optional,
  ref,
  type Schema,
  some,
  string,
  truth,
} from "./jsonSchema.ts";
import { REQUESTS } from "./openApiRequests.ts";

const labels = object({
  id2label: { type: "object", additionalProperties: string },
  label2id: { type: "object", additionalProperties: count },
});

const ERROR_TYPE = choice("Unhealthy", "Backend", "Overloaded", "Validation", "Tokenizer", "Empty");

/** What several bodies have. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: object({ error: string, error_type: ERROR_TYPE }),
  OpenAIError: object({
    ...{ message: string, code: count, type: ERROR_TYPE, error_type: ERROR_TYPE },
    error: object({
      ...{ message: string, type: string, param: { type: ["string", "null"] } },
      code: { type: ["integer", "string"], description: "The status, or model_not_found." },
    }),
  }),
  ModelName: optional("string", "Of several models the one that is to answer; where there is one, of no effect."),
  ...REQUESTS,
  Ids: { ...some({ ...count, maximum: 2 ** 32 - 1 }), description: "The ids of a text's tokens." },
  Inputs: {
    ...any(string, ref("Ids"), some(any(string, ref("Ids")))),
    description: "A text, the ids of its tokens, or a list of these.",
  },
  SparseVector: list(object({ index: count, value: number })),
  Predictions: any(list(ref("Prediction")), list(list(ref("Prediction")))),
  Ranks: list(object({ index: count, score: number }, { text: string })),
  CohereRanks: object({
    model: string,
    results: list(object({ index: count, relevance_score: number }, { document: object({ text: string }) })),
    usage: ref("Usage"),
    meta: { ...object({ tokens: object({ input_tokens: count }) }), description: "The same, as Cohere has it." },
  }),
  TextOrPair: list(string, { minItems: 1, maxItems: 2 }),
  NamedPair: object({ text: string, text_pair: string }),
  Question: object({ question: string, context: string }),
  Vector: list(number),
  Prediction: object({ label: string, score: number }),
  Token: object({
    id: count,
    text: string,
    special: truth,
    start: { type: ["integer", "null"], description: "In bytes of the text's UTF-8; null: it is not in the text." },
    stop: { type: ["integer", "null"] },
  }),
  Entity: any(
    object({ entity: string, score: number, index: count, word: string, start: count, end: count }),
    object({ entity_group: string, score: number, word: string, start: count, end: count }),
  ),
  Usage: object({ prompt_tokens: count, total_tokens: count }),
  Embeddings: object({
    object: { const: "list" },
    data: list(
      object({
        object: { const: "embedding" },
        embedding: {
          ...any(ref("Vector"), string),
          description: "As base64: float32 numbers, the least byte first.",
        },
        index: count,
      }),
    ),
    model: string,
    usage: ref("Usage"),
  }),
  Models: object({
    object: { const: "list" },
    data: list(object({ id: string, object: { const: "model" }, created: count, owned_by: string })),
  }),
  Info: object(
    {
      model_id: string,
      model_sha: { type: ["string", "null"] },
      model_dtype: string,
      served_model_name: string,
      model_type: any(
        object({ embedding: object({ pooling: string }) }),
        object({ classifier: labels }),
        object({ reranker: labels }),
      ),
      max_concurrent_requests: count,
      max_input_length: count,
      max_batch_tokens: count,
      max_batch_requests: { type: ["integer", "null"] },
      max_client_batch_size: count,
      auto_truncate: truth,
      tokenization_workers: count,
      version: string,
      sha: { type: ["string", "null"] },
      docker_label: { type: ["string", "null"] },
    },
    { models: { ...list(ref("Info")), description: "Of several models all of them, of which the first is above." } },
  ),
};
