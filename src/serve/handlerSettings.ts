import { BertError, listed, quote } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import { BATCH_TOKENS } from "../model/batch.ts";
import { expectKnownNames, expectObject } from "../options.ts";
import { MASKED_LM } from "../pipelines/answerAll.ts";
import { expectCount, flagOf, isOfClass, wrongArgument } from "../pipelines/arguments.ts";

/** Options of `createRequestHandler`, named as those of text-embeddings-inference. All may be left out. */
export interface RequestHandlerOptions {
  /** What /info calls the model. Default "plainbert". */
  readonly modelId?: string;
  /** What answers of /v1/embeddings call the model. Default: `modelId`. */
  readonly servedModelName?: string;
  /** The most requests that are answered at the same time; those beyond get 429 at once. Default 512. */
  readonly maxConcurrentRequests?: number;
  /**
   * The most tokens of a model that are computed together, those of the model's other calls included; longer inputs are
   * cut to so many. More take more memory. Default 2048.
   */
  readonly maxBatchTokens?: number;
  /** The most inputs of one request; those with more get 413. Default 32. */
  readonly maxClientBatchSize?: number;
  /** The most bytes of a request's body. Default 2,000,000. */
  readonly payloadLimit?: number;
  /** Cut inputs that are too long, where the request does not say it. Default true; false refuses them with 413. */
  readonly autoTruncate?: boolean;
  /** "splade": /embed_sparse gives the embeddings, for which the model must have a masked-language-model head. */
  readonly pooling?: "splade";
  /** The name of the prompt before each text to embed, where the request names none. Default: what the folder says. */
  readonly defaultPromptName?: string;
  /** The prompt itself, in place of its name. */
  readonly defaultPrompt?: string;
  /**
   * What `Authorization: Bearer …` of each request must have, else it gets 401; /health, /ping, /ready, /metrics and
   * /openapi.json need none. Visible ASCII characters, as headers have no others. Default: nothing is asked for.
   */
  readonly apiKey?: string;
  /** The origins whose pages may read answers in a browser, such as "https://example.com"; "*": all. Default: none. */
  readonly corsAllowOrigin?: readonly string[];
}

/** The same with their defaults. */
export type HandlerSettings = Required<Omit<RequestHandlerOptions, "defaultPromptName" | "apiKey" | "pooling">> & {
  /** What stands before a text to embed, where the request says nothing. */
  readonly defaultPrompt: string;
  /** null: there is none. */
  readonly apiKey: string | null;
  /** null: as the folder says. */
  readonly pooling: "splade" | null;
};

const WHERE = "createRequestHandler";

/** What a header can have as it is: others are not sent, or without the spaces at their ends (RFC 9110, 5.5). */
const KEY = /^[!-~]([ -~]*[!-~])?$/;
/** As browsers write it, in small letters and without a path (RFC 6454, section 6.2), of extensions too. */
const ORIGIN = /^(\*|[a-z][a-z\d+.-]*:\/\/[^\sA-Z/?#@]+)$/;

/** @throws BertError ERR_INPUT an option that there is not, or with a value that it must not have */
export function settingsOf(bert: Bert, options: RequestHandlerOptions): HandlerSettings {
  expectObject(WHERE, options);
  const {
    modelId = "plainbert",
    servedModelName = modelId,
    autoTruncate = true,
    maxConcurrentRequests = 512,
    maxBatchTokens = BATCH_TOKENS,
    maxClientBatchSize = 32,
    payloadLimit = 2_000_000,
    apiKey = null,
    corsAllowOrigin = [],
  } = options;
  const counts = { maxConcurrentRequests, maxBatchTokens, maxClientBatchSize, payloadLimit };
  for (const [name, value] of Object.entries({ modelId, servedModelName })) {
    if (!matches(value, /./s)) throw wrongOption(name, "a name", value);
  }
  for (const [name, value] of Object.entries(counts)) expectCount(WHERE, name, value);
  flagOf(WHERE, "autoTruncate", autoTruncate);
  if (apiKey !== null && !matches(apiKey, KEY)) {
    const expected = "visible ASCII characters, spaces only between them";
    throw new BertError("ERR_INPUT", `${WHERE}: apiKey must be ${expected}`); // no message has the key
  }
  if (!Array.isArray(corsAllowOrigin) || !corsAllowOrigin.every((origin) => matches(origin, ORIGIN))) {
    throw wrongOption("corsAllowOrigin", 'origins such as "https://example.com", or "*"', corsAllowOrigin);
  }
  const settings = {
    ...{ apiKey, corsAllowOrigin, pooling: poolingOf(bert, options) },
    ...{ modelId, servedModelName, autoTruncate, ...counts },
    defaultPrompt: defaultPromptOf(bert, options),
  };
  expectKnownNames(WHERE, "option", options, [...Object.keys(settings), "defaultPromptName"]);
  return settings;
}

function poolingOf({ config }: Bert, { pooling }: RequestHandlerOptions): "splade" | null {
  if (pooling === undefined) return null;
  if (pooling !== "splade") throw wrongOption("pooling", '"splade" or left out', pooling);
  if (isOfClass(config, ...MASKED_LM)) return pooling;
  throw wrongOption("pooling", "left out for a model without a masked-language-model head", pooling);
}

function matches(value: unknown, form: RegExp): boolean {
  return typeof value === "string" && form.test(value);
}

function defaultPromptOf(bert: Bert, { defaultPrompt, defaultPromptName }: RequestHandlerOptions): string {
  if (defaultPrompt !== undefined) {
    if (typeof defaultPrompt !== "string") throw wrongOption("defaultPrompt", "a string", defaultPrompt);
    if (defaultPromptName === undefined) return defaultPrompt;
    throw wrongOption("defaultPromptName", "left out beside defaultPrompt", defaultPromptName);
  }
  const { prompts, defaultPromptName: own } = bert.sentence;
  const name = defaultPromptName ?? own;
  if (name === null) return "";
  const prompt = prompts.get(name);
  if (prompt !== undefined) return prompt;
  throw wrongOption("defaultPromptName", `one of the model's, ${listed(Array.from(prompts.keys(), quote))}`, name);
}

/** ERR_INPUT: what the caller gave is not what it must be. */
export function wrongOption(name: string, expected: string, got: unknown): BertError {
  return wrongArgument(WHERE, name, expected, got);
}
