import type { Bert } from "../load/loadBert.ts";
import { BATCH_TOKENS } from "../model/batch.ts";
import { tokenLimit } from "../pipelines/answerAll.ts";
import { type CallOptions, isOfClass } from "../pipelines/arguments.ts";
import { embeddingLimit, embeddingTokenizer, stepsOf } from "../pipelines/textEmbeddings.ts";
import type { CallTimes, PassListener } from "../runtime/callTimes.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { type HandlerSettings, type RequestHandlerOptions, settingsOf, wrongOption } from "./handlerSettings.ts";
import type { Share } from "./heldMemory.ts";
import { Metrics } from "./metrics.ts";
import type { Body } from "./requestBody.ts";
import { RequestError } from "./requestError.ts";

/** What a model is to its clients, by its head; named as `model_type` of /info. */
export type ModelKind = "embedding" | "classifier" | "reranker";

/** A model that is served. */
export interface Service {
  readonly bert: Bert;
  readonly kind: ModelKind;
  /** Reads the texts as the model's pipeline does. */
  readonly tokenizer: BertTokenizer;
  /** The most tokens of one input. */
  readonly limit: number;
  readonly settings: HandlerSettings;
  readonly metrics: Metrics;
  /** Counts the passes of the model. */
  readonly onPass: PassListener;
}

/** One request while it is answered. */
export interface Call extends Required<CallOptions> {
  readonly service: Service;
  readonly times: CallTimes;
  /** What it holds of the memory. */
  readonly share: Share;
  /** How many inputs become vectors or scores. */
  inputs: number;
  /** Of the inputs, in code points. */
  characters: number;
  /** How long the tokenizer took, in milliseconds. */
  tokenization: number;
}

/** Answers a request's body with what becomes the answer's JSON. */
export type Endpoint = (body: Body, call: Call) => Promise<unknown>;

function kindOf({ config }: Bert): ModelKind {
  if (!isOfClass(config, "BertForSequenceClassification")) return "embedding";
  return config.labels.length === 1 ? "reranker" : "classifier";
}

/**
 * The service of a model.
 *
 * @param label what each of its metrics has
 * @throws BertError ERR_INPUT an option with a wrong value, or inputs that are not cut may be longer than a pass;
 *   ERR_CHECKPOINT the folder's modules cannot be read
 */
export function serviceOf(bert: Bert, options: RequestHandlerOptions, label: string): Service {
  const settings = settingsOf(bert, options);
  const metrics = new Metrics(label);
  const kind = kindOf(bert);
  if (kind === "embedding") stepsOf(bert); // reads the modules, so that what is wrong with them is an error now
  const plain = kind === "classifier";
  const tokenizer = plain ? bert.tokenizer : embeddingTokenizer(bert);
  const longest = plain ? tokenLimit(bert) : embeddingLimit(bert);
  const { maxBatchTokens, autoTruncate } = settings;
  if (maxBatchTokens < longest && !autoTruncate) {
    const expected = `at least ${longest}, the most tokens of an input, where autoTruncate is false`;
    throw wrongOption("maxBatchTokens", expected, maxBatchTokens);
  }
  if (maxBatchTokens !== BATCH_TOKENS) bert.batchTokens = maxBatchTokens;
  const onPass: PassListener = (sequences, tokens) => {
    metrics.observe("te_batch_next_size", sequences);
    metrics.observe("te_batch_next_tokens", tokens);
  };
  return { bert, kind, tokenizer, limit: Math.min(longest, maxBatchTokens), settings, metrics, onPass };
}

/** Counts the inputs of a request that become vectors or scores, as they come and as they are answered. */
export function countInputs({ service: { kind, metrics }, inputs }: Call, what: "count" | "success"): void {
  if (inputs > 0) metrics.count(`te_${kind === "embedding" ? "embed" : "predict"}_${what}`, "", inputs);
}

/** @throws RequestError 400 there is none, 413 there are too many */
export function expectBatch({ service }: Call, name: string, size: number): void {
  const { maxClientBatchSize } = service.settings;
  if (size === 0) throw new RequestError("Empty", `\`${name}\` cannot be empty`);
  if (size <= maxClientBatchSize) return;
  const message = `batch size ${size} > maximum allowed batch size ${maxClientBatchSize}`;
  throw new RequestError("Validation", message, { err: "batch_size" });
}

/** What answers in OpenAI's and Jina's form say of a request's tokens. */
export function usageOf({ times: { tokens } }: Call): object {
  return { prompt_tokens: tokens, total_tokens: tokens };
}
