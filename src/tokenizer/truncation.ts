import { BertError } from "../errors.ts";
import type { ResolvedEncodeOptions } from "./encodeOptions.ts";

/**
 * How many tokens of each text fit, special tokens not counted.
 *
 * "longest_first" takes from the longer text until both are equally long and then from both, as the library does: with room R
 * and n₁ ≤ n₂, (n₁, R − n₁) if n₁ fits in half of R, else (⌊R/2⌋, ⌈R/2⌉).
 *
 * @param first  tokens of the first text
 * @param second tokens of the second text; undefined if there is none
 * @param added  special tokens that will be added
 * @returns      tokens to keep of each; `[first, second]` if all fit
 * @throws BertError ERR_INPUT if the strategy cannot make it fit
 */
export function truncatedLengths(
  first: number,
  second: number | undefined,
  added: number,
  { truncation, maxLength, stride }: ResolvedEncodeOptions,
): [number, number] {
  const total = first + (second ?? 0);
  if (truncation === "do_not_truncate") return [first, second ?? 0];
  const room = maxLength - added;
  if (room < 0) throw error(`maxLength must be at least the ${added} special tokens, got ${maxLength}`);
  if (stride > 0 && stride >= room)
    throw error(`stride must be less than the ${room} tokens that maxLength leaves the text, got ${stride}`);
  if (truncation === "only_second" && second === undefined) {
    throw error('truncation must not be "only_second" for a single text, got "only_second" without a pair');
  }
  if (total <= room) return [first, second ?? 0];
  if (room === 0) return [0, 0];
  if (truncation === "longest_first") return longestFirst(first, second, room);
  const over = total - room;
  const target = truncation === "only_first" ? first : second!;
  if (target <= over) {
    throw error(
      `maxLength must leave room for the text that "${truncation}" keeps, got ${maxLength} with ${total - target + added} tokens taken`,
    );
  }
  return truncation === "only_first" ? [first - over, second ?? 0] : [first, second! - over];
}

function longestFirst(first: number, second: number | undefined, room: number): [number, number] {
  if (second === undefined) return [room, 0];
  const shorter = Math.min(first, second);
  if (2 * shorter > room) {
    const half = Math.floor(room / 2);
    return first <= second ? [half, room - half] : [room - half, half];
  }
  return first <= second ? [shorter, room - shorter] : [room - shorter, shorter];
}

function error(sentence: string): BertError {
  return new BertError("ERR_INPUT", `encode: ${sentence}`);
}
