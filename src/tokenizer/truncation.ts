import { BertError } from "../errors.ts";
import type { ResolvedEncodeOptions } from "./encodeOptions.ts";
import type { IsEnough } from "./textTokenizer.ts";
import type { TokenList } from "./tokenList.ts";

/**
 * How many tokens of each text fit, special tokens not counted.
 *
 * "longest_first" takes from the longer text until both are equally long and then from both, as the library does: with
 * room R, a text of n ≤ R/2 tokens stays whole and the other gets R − n; else both get R/2. Of an odd R, the one that
 * the library found longer gets the token more, and the second if they are equal.
 *
 * @param second undefined if there is no second text
 * @param added  special tokens that will be added
 * @returns      tokens to keep of each; their own lengths if all fit
 * @throws BertError ERR_INPUT if the strategy cannot make it fit
 */
export function truncatedLengths(
  first: TokenList,
  second: TokenList | undefined,
  added: number,
  options: ResolvedEncodeOptions,
): [number, number] {
  const { truncation, maxLength, stride } = options;
  const lengths: [number, number] = [first.length, second?.length ?? 0];
  if (truncation === "do_not_truncate") return lengths;
  const room = maxLength - added;
  if (room < 0) throw error(`maxLength must be at least the ${added} special tokens, got ${maxLength}`);
  if (stride > 0 && stride >= room) {
    throw error(`stride must be less than the ${room} tokens that maxLength leaves the text, got ${stride}`);
  }
  if (truncation === "only_second" && second === undefined) {
    throw error('truncation must not be "only_second" without textPair, got "only_second"');
  }
  const over = lengths[0] + lengths[1] - room;
  if (over <= 0) return lengths;
  if (room === 0) return [0, 0];
  if (truncation === "longest_first") {
    return second === undefined ? [room, 0] : longestFirst(first, second, room, options);
  }
  const target = truncation === "only_first" ? 0 : 1;
  if (lengths[target] <= over) {
    throw error(
      `maxLength must leave room for the text that "${truncation}" cuts, got ${maxLength} with ${lengths[1 - target] + added} tokens taken`,
    );
  }
  lengths[target] -= over;
  return lengths;
}

const NEVER: IsEnough = () => false;

/**
 * Where a text has been read far enough to be truncated, so that `truncatedLengths` and the windows come out as for the
 * text as a whole. A text that is cut at its left end, or whose overflow is wanted, is read to its end, and so is the
 * one of a pair that is not cut.
 *
 * @param target 0 for the first text, 1 for the second
 * @param isPair whether there is a second one
 * @param added  special tokens that will be added
 */
export function enoughFor(target: 0 | 1, isPair: boolean, added: number, options: ResolvedEncodeOptions): IsEnough {
  const { truncation, maxLength, truncationSide, returnOverflowingTokens } = options;
  const isCut = truncation === "longest_first" || truncation === (target === 0 ? "only_first" : "only_second");
  if (!isCut || truncationSide === "left" || returnOverflowingTokens || maxLength === Number.POSITIVE_INFINITY) {
    return NEVER;
  }
  if (!(isPair && truncation === "longest_first")) return (_, settled) => settled > maxLength - added;
  // Which of two is longer is a matter of `lengthRead`: far enough is where that is certain.
  let n = maxLength - 1;
  let a = 0;
  return ({ words, added: addedTokens }, settled) => {
    for (; n < settled - 1; n++) {
      while (addedTokens[a] < n) a++;
      if (words[n] !== words[n + 1] && addedTokens[a] !== n) return true;
    }
    return false;
  };
}

/**
 * How many of a text's last tokens are needed: a text alone that is cut at its left end needs no others, and they need
 * not be kept. Infinity: all.
 *
 * @param isPair whether there is a second text
 */
export function lastTokensFor(isPair: boolean, options: ResolvedEncodeOptions): number {
  const { truncation, maxLength, truncationSide, returnOverflowingTokens, isSplitIntoWords } = options;
  const isCut = truncation === "longest_first" || truncation === "only_first";
  if (!isCut || isPair || truncationSide === "right" || returnOverflowingTokens || isSplitIntoWords) {
    return Number.POSITIVE_INFINITY;
  }
  return maxLength + 1; // one more tells that it is cut
}

function longestFirst(
  first: TokenList,
  second: TokenList,
  room: number,
  { maxLength, truncationSide }: ResolvedEncodeOptions,
): [number, number] {
  const half = Math.floor(room / 2);
  if (first.length <= half) return [first.length, room - first.length];
  if (second.length <= half) return [room - second.length, second.length];
  const firstIsLonger = lengthRead(first, maxLength, truncationSide) > lengthRead(second, maxLength, truncationSide);
  return firstIsLonger ? [room - half, half] : [half, room - half];
}

/**
 * What tokenizers 0.23 takes for the length of a text that it truncates: it stops reading behind the word that brings
 * it to `maxLength` tokens. Added tokens count, but it never stops at one.
 */
function lengthRead({ length, words, added }: TokenList, maxLength: number, side: "left" | "right"): number {
  const at = (n: number): number => (side === "right" ? n : length - 1 - n); // the n-th token that it reads
  const isAdded = new Set(added);
  for (let n = maxLength - 1; n < length - 1; n++) {
    if (words[at(n)] !== words[at(n + 1)] && !isAdded.has(at(n))) return n + 1;
  }
  return length;
}

function error(sentence: string): BertError {
  return new BertError("ERR_INPUT", `encode: ${sentence}`);
}
