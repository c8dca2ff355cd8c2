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
