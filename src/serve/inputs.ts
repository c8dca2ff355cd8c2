import { shown } from "../errors.ts";
import type { SequenceInput } from "../model/batch.ts";
import { batchesOf, encodeAll } from "../pipelines/answerAll.ts";
import type { Parts } from "../pipelines/turns.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { type Body, choiceOf, flagOf, idsOf, textOf } from "./requestBody.ts";
import { RequestError, wrongField } from "./requestError.ts";
import { type Call, countInputs, type Service } from "./service.ts";

/** A text, the ids of its tokens, or two texts that the model sees together. */
export type Input = string | readonly number[] | readonly [string, string];

/** What the model reads of an input. */
export type Encoded = SequenceInput & { readonly length: number };

/** A text or its ids, or a list of them: what /embed and /v1/embeddings take. */
export function inputsOf(name: string, value: unknown): Input[] {
  if (typeof value === "string") return [textOf(name, value)];
  if (!Array.isArray(value)) throw wrongField(name, "a string, a list of token ids, or a list of these", shown(value));
  if (value.length > 0 && typeof value[0] === "number") return [idsOf(name, value)];
  return value.map((one, i) => {
    const place = `${name}[${i}]`;
    return Array.isArray(one) ? idsOf(place, one) : textOf(place, one);
  });
}

/** Whether and where an input that is too long is cut. */
export interface Truncation {
  readonly truncate: boolean;
  readonly side: "left" | "right";
}

/** What a request says of it, in its body or in a part of that. */
export function truncationOf({ settings: { autoTruncate } }: Service, body: Body): Truncation {
  const direction = choiceOf(body, "truncation_direction", ["Left", "Right", "left", "right"]);
  const side = direction?.toLowerCase() === "left" ? "left" : "right";
  return { truncate: flagOf(body, "truncate", autoTruncate), side };
}

/**
 * The inputs as the model reads them.
 *
 * @param prompt what stands before each text
 * @throws RequestError 400 one is empty, 413 one is too long and must not be cut
 */
export async function encodeInputs(
  service: Service,
  inputs: readonly Input[],
  truncation: Truncation,
  call: Call,
  prompt = "",
): Promise<Encoded[]> {
  const { tokenizer, limit, metrics } = service;
  call.inputs += inputs.length;
  countInputs(service, "count", call);
  const started = performance.now();
  const options = { ...truncation, limit, prompt };
  const encodeOne = function* (input: Input): Parts<Encoded> {
    return withoutText(yield* encode(tokenizer, input, options));
  };
  const encodings = await encodeAll(inputs, encodeOne, call.signal);
  call.share.take(encodings.reduce((sum, { length }) => sum + 400 + 8 * length, 0));
  call.tokenization += performance.now() - started;
  for (const input of inputs) call.characters += charactersOf(input);
  for (const { length } of encodings) metrics.observe("te_request_input_length", length);
  return encodings;
}

/** What the model reads, in a tenth of the memory: an `Encoding` has its text, and where the tokens are in it. */
function withoutText({ inputIds, tokenTypeIds, length }: Encoded): Encoded {
  const types = tokenTypeIds && { tokenTypeIds: Uint8Array.from(tokenTypeIds) };
  return { inputIds: Int32Array.from(inputIds), ...types, length };
}

function* encode(
  tokenizer: BertTokenizer,
  input: Input,
  options: Truncation & { readonly limit: number; readonly prompt: string },
): Parts<Encoded> {
  if (input.length === 0 || (typeof input[0] === "string" && input[0] === "" && input[1] === "")) throw emptyInput();
  const { prompt } = options;
  if (typeof input === "string") return yield* encodeTexts(tokenizer, prompt + input, undefined, options);
  if (typeof input[0] === "string") return yield* encodeTexts(tokenizer, input[0], input[1] as string, options);
  const ids = input as readonly number[];
  if (prompt === "") return cutIds(ids, options);
  // As text-embeddings-inference does: ids of a text are no ids of the text with a prompt.
  const text = tokenizer.decode(ids, { skipSpecialTokens: true });
  return yield* encodeTexts(tokenizer, prompt + text, undefined, options);
}

function* encodeTexts(
  tokenizer: BertTokenizer,
  text: string,
  textPair: string | undefined,
  { truncate, side, limit }: Truncation & { readonly limit: number },
): Parts<Encoded> {
  const pair = textPair === undefined ? {} : { textPair };
  // What is too long is read to one token too many, which tells that it is.
  const cut = { truncation: true, maxLength: truncate ? limit : limit + 1, truncationSide: side };
  const encoding = yield* tokenizer.encodeInParts(text, { ...pair, ...cut });
  if (encoding.length <= limit) return encoding;
  throw tooLong(limit, yield* tokenizer.countInParts(text, pair));
}

/** What is computed of inputs that have been encoded, as many at a time as a pass takes. */
export async function computeAll<Item extends { readonly length: number }, Answer>(
  { settings: { maxBatchTokens } }: Service,
  items: readonly Item[],
  compute: (batch: readonly Item[], signal: AbortSignal) => Promise<readonly Answer[]>,
  { signal }: Call,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const batch of batchesOf(items, ({ length }) => length, maxBatchTokens)) {
    for (const answer of await compute(batch, signal)) answers.push(answer);
  }
  return answers;
}

/** Ids are read as they are: what adds [CLS] and [SEP] is the client. */
function cutIds(ids: readonly number[], { truncate, side, limit }: Truncation & { readonly limit: number }): Encoded {
  if (ids.length > limit && !truncate) throw tooLong(limit, ids.length);
  const inputIds = side === "left" ? ids.slice(-limit) : ids.slice(0, limit);
  return { inputIds, length: inputIds.length };
}

/** 400. */
export function emptyInput(name = "inputs"): RequestError {
  return new RequestError("Empty", `Input validation error: \`${name}\` cannot be empty`);
}

function tooLong(limit: number, length: number): RequestError {
  const message = `Input validation error: \`inputs\` must have less than ${limit} tokens. Given: ${length}`;
  return new RequestError("Validation", message, { err: "tokenization" });
}

/** Code points; of ids their number. */
function charactersOf(input: Input): number {
  if (typeof input === "string") return codePoints(input);
  return typeof input[0] === "string" ? codePoints(input[0]) + codePoints(input[1] as string) : input.length;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
