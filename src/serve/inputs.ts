import { shown } from "../errors.ts";
import type { SequenceInput } from "../model/batch.ts";
import { batchesOf, encodeAll } from "../pipelines/answerAll.ts";
import type { Parts } from "../pipelines/turns.ts";
import { type Body, choiceOf, flagOf, idsOf, optionalTextOf, textOf } from "./requestBody.ts";
import { RequestError, wrongField } from "./requestError.ts";
import { type Call, countInputs, expectBatch, type Service } from "./service.ts";

/** A text, the ids of its tokens, or two texts that the model sees together. */
export type Input = string | readonly number[] | readonly [string, string];

/** What the model reads of an input. */
export type Encoded = SequenceInput & { readonly length: number };

/**
 * A text or its ids, or a list of them: what /embed and /v1/embeddings take.
 *
 * @throws RequestError 422 it is something else, and what `expectBatch` throws
 */
export function inputsOf(name: string, value: unknown, call: Call): Input[] {
  const inputs = listOf(name, value);
  expectBatch(call, "inputs", inputs.length);
  return inputs;
}

function listOf(name: string, value: unknown): Input[] {
  if (typeof value === "string") return [textOf(name, value)];
  if (!Array.isArray(value)) throw wrongField(name, "a string, a list of token ids, or a list of these", value);
  if (typeof value[0] === "number") return [idsOf(name, value)];
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

/** How inputs are read. */
export interface Reading extends Truncation {
  /** What stands before each text. */
  readonly prompt?: string;
}

/** What a request says of it, in its body or in a part of that. */
export function truncationOf(body: Body, { service: { settings } }: Call): Truncation {
  const direction = choiceOf(body, "truncation_direction", ["Left", "Right", "left", "right"]);
  const side = direction?.toLowerCase() === "left" ? "left" : "right";
  return { truncate: flagOf(body, "truncate", settings.autoTruncate), side };
}

/** The same, with the prompt that a request names, else the service's. */
export function readingOf(body: Body, call: Call): Reading & { readonly prompt: string } {
  return { ...truncationOf(body, call), prompt: promptOf(body, call) };
}

/** @throws RequestError 413 the model has no prompt of this name */
export function promptOf(body: Body, { service: { bert, settings } }: Call): string {
  const name = optionalTextOf(body, "prompt_name");
  if (name === null) return settings.defaultPrompt;
  const { prompts } = bert.sentence;
  const prompt = prompts.get(name);
  if (prompt !== undefined) return prompt;
  const known = `Available prompts: ${JSON.stringify(Array.from(prompts.keys()))}`;
  const message = `\`prompt_name\` is ${shown(name)} but it was not found in the Sentence Transformers prompts. ${known}`;
  throw new RequestError("Validation", `Input validation error: ${message}`);
}

/**
 * The inputs as the model reads them.
 *
 * @throws RequestError 400 one is empty, 413 one is too long and must not be cut
 */
export async function encodeInputs(inputs: readonly Input[], reading: Reading, call: Call): Promise<Encoded[]> {
  const { service, signal, share } = call;
  call.inputs += inputs.length;
  countInputs(call, "count");
  const started = performance.now();
  const encodings = await encodeAll(inputs, (input) => encode(input, reading, service), signal);
  share.take(encodings.reduce((sum, { length }) => sum + 400 + 8 * length, 0));
  call.tokenization += performance.now() - started;
  for (const input of inputs) call.characters += isIds(input) ? input.length : codePoints([input].flat().join(""));
  for (const { length } of encodings) service.metrics.observe("te_request_input_length", length);
  return encodings;
}

function isIds(input: Input): input is readonly number[] {
  return typeof input[0] === "number";
}

/** What the model reads, in a tenth of the memory: an `Encoding` has its text, and where the tokens are in it. */
function* encode(
  input: Input,
  { truncate, side, prompt = "" }: Reading,
  { tokenizer, limit }: Service,
): Parts<Encoded> {
  if (input.length === 0 || (input[0] === "" && input[1] === "")) throw emptyInput();
  if (isIds(input) && prompt === "") {
    // As they are: what adds [CLS] and [SEP] is the client
    if (input.length > limit && !truncate) throw tooLong(limit, input.length);
    const inputIds = Uint32Array.from(side === "left" ? input.slice(-limit) : input.slice(0, limit));
    return { inputIds, length: inputIds.length };
  }
  // Ids of a text are no ids of the text with a prompt: text-embeddings-inference decodes them too
  const texts = isIds(input) ? tokenizer.decode(input, { skipSpecialTokens: true }) : input;
  const [text, textPair] = typeof texts === "string" ? [prompt + texts] : texts;
  const pair = textPair === undefined ? {} : { textPair };
  // What is too long is read to one token too many, which tells that it is
  const cut = { truncation: true, maxLength: truncate ? limit : limit + 1, truncationSide: side };
  const { inputIds, tokenTypeIds, length } = yield* tokenizer.encodeInParts(text, { ...pair, ...cut });
  if (length > limit) throw tooLong(limit, yield* tokenizer.countInParts(text, pair));
  const types = tokenTypeIds && { tokenTypeIds: Uint8Array.from(tokenTypeIds) };
  return { inputIds: Int32Array.from(inputIds), ...types, length };
}

/** The field `inputs` of a request as the model reads it, with what the request says of that. */
export function encodedOf(body: Body, call: Call): Promise<Encoded[]> {
  return encodeInputs(inputsOf("inputs", body.inputs, call), readingOf(body, call), call);
}

/** What is computed of inputs that have been encoded, as many at a time as a pass takes. */
export async function computeAll<Item extends { readonly length: number }, Answer>(
  items: readonly Item[],
  compute: (batch: readonly Item[], signal: AbortSignal) => Promise<readonly Answer[]>,
  { service: { settings }, signal }: Call,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const batch of batchesOf(items, ({ length }) => length, settings.maxBatchTokens)) {
    answers.push(...(await compute(batch, signal)));
  }
  return answers;
}

/** 400. */
export function emptyInput(name = "inputs"): RequestError {
  return new RequestError("Empty", `Input validation error: \`${name}\` cannot be empty`);
}

function tooLong(limit: number, length: number): RequestError {
  const message = `Input validation error: \`inputs\` must have less than ${limit} tokens. Given: ${length}`;
  return new RequestError("Validation", message, { err: "tokenization" });
}

/** How many characters a text has, those beyond 16 bits as one. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
