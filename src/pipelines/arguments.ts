import { BertError, shown } from "../errors.ts";
import { architecturesOf, type BertClass, bertClassOf, otherFamilyFor } from "../model/architectures.ts";
import type { BertConfig } from "../model/config.ts";
import { expectKnownNames, expectObject, expectSignal } from "../options.ts";
import type { BertTokenizer, Encoding } from "../tokenizer/index.ts";
import { expectEach, faultOf } from "./faults.ts";
import type { Parts } from "./turns.ts";
import { isMostlyUnknown } from "./unknown.ts";

/** What every call of a pipeline takes. */
export interface CallOptions {
  /** Stops between two layers; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** ERR_INPUT: `fill-mask: top_k must be a whole number from 1, got 0`. */
export function wrongArgument(where: string, name: string, expected: string, got: unknown): BertError {
  return faultOf(where, name, expected, `got ${shown(got)}`);
}

/** Whether a model has the heads of one of these classes of BERT's. */
export function isOfClass({ architecture }: BertConfig, ...classes: readonly BertClass[]): boolean {
  return classes.includes(bertClassOf(architecture));
}

/** @throws BertError ERR_INPUT the model has the heads of none of these classes of BERT's */
export function expectClass(where: string, c: BertConfig, ...classes: readonly BertClass[]): void {
  if (isOfClass(c, ...classes)) return;
  const own = architecturesOf(c.modelType).filter((name) => classes.includes(bertClassOf(name)));
  const needed = own.length > 0 ? `a ${own.join(" or ")}` : (otherFamilyFor(classes[0], c.modelType) as string);
  throw wrongArgument(where, "model", needed, c.architecture);
}

/** Checks that options are an object with no other names than these, so that `topK` is not silently without effect. */
export function expectOptions(where: string, options: CallOptions, names: readonly string[]): void {
  expectCallOptions(where, options);
  expectKnownNames(where, "option", options, [...names, "signal"]);
}

/** Checks that options are an object, and what every call takes. */
export function expectCallOptions(where: string, options: CallOptions): void {
  expectObject(where, options);
  expectSignal(where, options.signal);
}

/** Checks an option that is true or false; false if left out. */
export function flagOf(where: string, name: string, value: unknown): boolean {
  if (value === undefined || typeof value === "boolean") return value ?? false;
  throw wrongArgument(where, name, "true or false", value);
}

/** Checks an option that counts something. */
export function expectCount(where: string, name: string, value: unknown, also = ""): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw wrongArgument(where, name, `a whole number from 1${also}`, value);
}

/** A text with its name in messages. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** Checks one text or a list of them. @param names what messages call the texts of a list */
export function expectTexts(where: string, value: unknown, names = "texts"): NamedText[] {
  if (!Array.isArray(value)) return [expectText(where, "text", value)];
  if (value.length === 0) throw wrongArgument(where, names, "at least one text", value);
  return expectEach(value, (text, i) => expectText(where, `${names}[${i}]`, text));
}

/**
 * Checks that a text is a string without lone surrogates, which are no characters (Python's tokenizers refuse them
 * too).
 */
export function expectText(where: string, name: string, text: unknown): NamedText {
  if (typeof text !== "string") throw wrongArgument(where, name, "a string", text);
  if (text.isWellFormed()) return { name, text };
  const at = text.search(/\p{Surrogate}/u); // with the flag u, a pair is one character and no surrogate
  throw faultOf(where, name, "well-formed Unicode", `has a lone surrogate at index ${at}`);
}

/**
 * Checks that an input is an object which has these fields and no other.
 *
 * @param expected what messages say that it must be
 */
export function expectFields<Field extends string>(
  where: string,
  name: string,
  input: unknown,
  expected: string,
  fields: readonly Field[],
  optional: readonly Field[] = [],
): Readonly<Partial<Record<Field, unknown>>> {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  if (!isObject) throw wrongArgument(where, name, expected, input);
  expectKnownNames(`${where}: ${name}`, "field", input, [...fields, ...optional]);
  if (!fields.every((field) => field in input)) throw wrongArgument(where, name, expected, input);
  return input as Readonly<Partial<Record<Field, unknown>>>;
}

/** How a text, or a pair, is turned into tokens for a pipeline. */
export interface EncodeWithinOptions {
  readonly textPair?: NamedText;
  /** Cut what is too long, or the first text alone, instead of refusing it. */
  readonly truncation: boolean | "only_first";
  /** The most tokens of all together. */
  readonly limit: number;
  /** Whose number that is, for messages. Default: the most that the model takes. */
  readonly limitIs?: string;
}

/** What messages call the number of positions that a model has, or of tokens that its tokenizer says. */
export const MODELS_LIMIT = "the most that the model takes";

/**
 * Encodes a text, its words, or a pair, for a model that takes `limit` tokens. One without any token is [CLS] [SEP].
 *
 * @throws BertError ERR_INPUT more tokens than the model takes and no `truncation`, or one that cannot help
 */
export function* encodeWithin(
  where: string,
  tokenizer: BertTokenizer,
  input: NamedText | NamedWords,
  { textPair, truncation, limit, limitIs = MODELS_LIMIT }: EncodeWithinOptions,
): Parts<Encoding> {
  const { name } = input;
  const isSplitIntoWords = "words" in input;
  const special = textPair ? 3 : 2;
  if (limit < special) {
    throw new BertError("ERR_INPUT", `${where}: model must take at least ${special} tokens, takes ${limit}`);
  }
  const text = isSplitIntoWords ? input.words : input.text;
  const given = { isSplitIntoWords, ...(textPair && { textPair: textPair.text }) };
  // What is too long is cut all the same, behind one token too many: so much tells that it is.
  const cut = truncation ? { truncation, maxLength: limit } : { truncation: true, maxLength: limit + 1 };
  let encoding: Encoding;
  try {
    encoding = yield* tokenizer.encodeInParts(text, { ...given, ...cut });
  } catch (error) {
    if (!(error instanceof BertError && truncation === "only_first" && textPair)) throw error;
    const expected = `short enough to leave a text room in ${limit} tokens, ${limitIs}`;
    throw wrongArgument(where, textPair.name, expected, textPair.text);
  }
  if (encoding.length <= limit) return encoding;
  const length = yield* tokenizer.countInParts(text, given);
  const both = textPair ? `${name} and ${textPair.name} together` : name;
  const expected = `at most ${limit} tokens long, ${limitIs}`;
  throw faultOf(where, both, expected, `got ${length}`, "; the option truncation cuts what is longer");
}

/** An encoded text, and what is told of it. */
export interface EncodedText {
  readonly encoding: Encoding;
  readonly length: number;
  readonly isCut: boolean;
  /** `isMostlyUnknown` */
  readonly isUnknown: boolean;
}

/**
 * Encodes a text as `encodeWithin` and tells whether it was cut, and whether the model can read it.
 *
 * @throws BertError ERR_INPUT more tokens than the model takes and no `truncation`
 */
export function* encodeTelling(
  where: string,
  tokenizer: BertTokenizer,
  text: NamedText,
  options: {
    readonly truncation: boolean;
    readonly limit: number;
    readonly limitIs?: string;
    /** How long the prompt is with which the text begins. Default 0. */
    readonly from?: number;
  },
): Parts<EncodedText> {
  const { truncation, limit, from = 0 } = options;
  const encoding = yield* encodeWithin(where, tokenizer, text, options);
  const { length } = encoding;
  // Only a text that takes all the room may have been cut; one token more of it tells.
  const isCut =
    truncation &&
    length === limit &&
    (yield* tokenizer.encodeInParts(text.text, { truncation: true, maxLength: limit + 1 })).length > limit;
  const { unkTokenId } = tokenizer;
  return { encoding, length, isCut, isUnknown: isMostlyUnknown({ encoding, text: text.text, from, unkTokenId }) };
}

/** A text in words, with its name in messages. */
export interface NamedWords {
  readonly name: string;
  readonly words: readonly string[];
}
