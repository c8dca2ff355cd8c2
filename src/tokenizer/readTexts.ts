import { type ResolvedEncodeOptions, wrong } from "./encodeOptions.ts";
import { combineWindows, type Encoding, type EncodingContext, slideWindow } from "./encoding.ts";
import type { IsEnough, Reading, TextTokenizer } from "./textTokenizer.ts";
import type { TokenList } from "./tokenList.ts";
import { enoughFor, lastTokensFor, truncatedLengths } from "./truncation.ts";

/**
 * One text that is to be read, or two.
 *
 * @throws BertError ERR_INPUT if they are no texts, or no lists of words where they should be
 */
export function readingsOf(
  tokenizer: TextTokenizer,
  where: string,
  text: unknown,
  textPair: unknown,
  options: ResolvedEncodeOptions,
): Reading[] {
  const open = (name: string, value: unknown, isEnough: IsEnough) =>
    tokenizer.open(expectInput(where, name, value, options.isSplitIntoWords), options.offsetUnit, isEnough, last);
  const isPair = textPair !== undefined;
  const last = lastTokensFor(isPair, options);
  const added = specialTokens(isPair, options);
  const first = open("text", text, enoughFor(0, isPair, added, options));
  return isPair ? [first, open("textPair", textPair, enoughFor(1, isPair, added, options))] : [first];
}

function expectInput(where: string, name: string, text: unknown, isWords: boolean): string | readonly string[] {
  if (!isWords) {
    if (typeof text === "string") return text;
    throw wrong(where, name, "a string", text);
  }
  if (Array.isArray(text) && text.every((word) => typeof word === "string")) return text;
  throw wrong(where, name, "a list of strings, as isSplitIntoWords says", text);
}

/** Reads texts as far as is needed; gives, before each part, how many UTF-16 units that has. */
export function* readInParts(readings: readonly Reading[]): Generator<number, void, undefined> {
  for (const reading of readings) {
    for (let units = reading.next(); units > 0; units = reading.next()) {
      yield units;
      reading.read();
    }
  }
}

/** How many tokens texts have; read in parts as by `readInParts`, without keeping them. */
export function* countTokens(readings: readonly Reading[]): Generator<number, number, undefined> {
  let count = 0;
  for (const reading of readings) {
    for (let units = reading.next(); units > 0; units = reading.next()) {
      yield units;
      reading.read();
      count += reading.forget();
    }
    count += reading.tokens.length;
  }
  return count;
}

/**
 * The encoding of texts that have been read, truncated as the options say.
 *
 * @throws BertError ERR_INPUT if they cannot be truncated so
 */
export function encodingOf(
  readings: readonly Reading[],
  options: ResolvedEncodeOptions,
  context: EncodingContext,
): Encoding {
  const { addSpecialTokens, stride, truncationSide, returnOverflowingTokens } = options;
  const [first, second] = readings.map(({ tokens }) => tokens) as [TokenList, TokenList | undefined];
  const added = specialTokens(second !== undefined, options);
  const [keepFirst, keepSecond] = truncatedLengths(first, second, added, options);
  const windows = (list: TokenList, keep: number) =>
    slideWindow(list, keep, stride, truncationSide, returnOverflowingTokens);
  return combineWindows(windows(first, keepFirst), second && windows(second, keepSecond), addSpecialTokens, context);
}

/** How many of [CLS] and [SEP] an encoding gets. */
export function specialTokens(isPair: boolean, { addSpecialTokens }: ResolvedEncodeOptions): number {
  if (!addSpecialTokens) return 0;
  return isPair ? 3 : 2;
}

/**
 * Pads encodings as the options say.
 *
 * @param padTokenId undefined if the vocabulary has no [PAD]
 * @throws BertError ERR_INPUT `padding` without such a token
 */
export function padAll(
  where: string,
  encodings: readonly Encoding[],
  { padding, maxLength, padToMultipleOf, paddingSide: side }: ResolvedEncodeOptions,
  padTokenId: number | undefined,
): void {
  if (padding === "do_not_pad") return;
  if (padTokenId === undefined) throw wrong(where, "padding", "off, as the vocabulary has no [PAD]", padding);
  const longest = encodings.reduce((most, encoding) => Math.max(most, encoding.length), 0);
  const length = Math.ceil((padding === "max_length" ? maxLength : longest) / padToMultipleOf) * padToMultipleOf;
  for (const encoding of encodings) encoding.pad({ length, side, padTokenId, padTokenTypeId: 0 });
}
