import { BertError } from "../errors.ts";
import type { TokenList } from "./tokenList.ts";

/** Tokens [from, to) of one text of the input. */
export interface TokenWindow {
  readonly list: TokenList;
  readonly from: number;
  readonly to: number;
}

/** What an Encoding needs to know of its tokenizer. */
export interface EncodingContext {
  readonly clsTokenId: number;
  readonly sepTokenId: number;
  readonly idToToken: (id: number) => string | undefined;
}

/** How far and how to pad. */
export interface PaddingPlan {
  readonly length: number;
  readonly side: "left" | "right";
  readonly padTokenId: number;
  readonly padTokenTypeId: number;
}

/**
 * A text, or a pair, as the model takes it: [CLS] A [SEP], or [CLS] A [SEP] B [SEP]. One number per token in every
 * array.
 *
 * `inputIds`, `tokenTypeIds` and `attentionMask` are plain arrays. What a model does not need (`specialTokensMask`,
 * `wordIds`, `sequenceIds`, `offsets`, `tokens`) is computed when it is read, so that a caller who does not read it
 * does not pay for it.
 */
export class Encoding {
  readonly inputIds: number[] = [];
  /** 0 for [CLS], the first text and its [SEP]; 1 for the second text and its [SEP]. */
  readonly tokenTypeIds: number[] = [];
  /** 1 for a token, 0 for padding. */
  readonly attentionMask: number[] = [];
  /** With `returnOverflowingTokens`: the windows that truncation cut off, in the library's order. Theirs are empty. */
  readonly overflowing: Encoding[];
  // `#`, not `private`: an encoding is printed, compared and posted to other threads, as its arrays alone.
  readonly #first: TokenWindow;
  readonly #second: TokenWindow | undefined;
  readonly #special: boolean;
  readonly #context: EncodingContext;
  #padLeft = 0;

  constructor(
    first: TokenWindow,
    second: TokenWindow | undefined,
    special: boolean,
    context: EncodingContext,
    overflowing: Encoding[] = [],
  ) {
    this.#first = first;
    this.#second = second;
    this.#special = special;
    this.#context = context;
    this.overflowing = overflowing;
    if (special) this.#append(context.clsTokenId, 0);
    this.#appendWindow(first, 0);
    if (special) this.#append(context.sepTokenId, 0);
    if (second === undefined) return;
    this.#appendWindow(second, 1);
    if (special) this.#append(context.sepTokenId, 1);
  }

  get length(): number {
    return this.inputIds.length;
  }

  /**
   * 1 for [CLS], [SEP] and padding that the tokenizer put in, 0 for what stands in the text, even a literal "[SEP]".
   */
  get specialTokensMask(): number[] {
    return this.#perToken(1, () => 0);
  }

  /** The number of the word each token belongs to, counted in its own text; null for special tokens and padding. */
  get wordIds(): (number | null)[] {
    return this.#perToken<number | null>(null, ({ list }, i) => list.words[i]);
  }

  /** 0 or 1: which text each token comes from; null for special tokens and padding. */
  get sequenceIds(): (number | null)[] {
    return this.#perToken<number | null>(null, (window) => (window === this.#first ? 0 : 1));
  }

  /**
   * Where each token stands in its own text: `text.slice(start, end)`, or in code points with `offsetUnit:
   * "codePoint"`. With pre-split words, in its own word. [0, 0] for special tokens and padding.
   */
  get offsets(): [number, number][] {
    return this.#perToken<[number, number]>([0, 0], ({ list }, i) => [list.starts[i], list.ends[i]]).map(
      ([start, end]) => [start, end],
    );
  }

  /** The tokens as text, "##" and all. */
  tokens(): string[] {
    return this.inputIds.map((id) => this.#context.idToToken(id)!);
  }

  /** Everything, as plain data. */
  toJSON(): Record<string, unknown> {
    const { inputIds, tokenTypeIds, attentionMask, specialTokensMask, wordIds, sequenceIds, offsets, overflowing } =
      this;
    return { inputIds, tokenTypeIds, attentionMask, specialTokensMask, wordIds, sequenceIds, offsets, overflowing };
  }

  /**
   * Pads this and its overflow windows to a length, in place; `encode` does it for the option `padding`. What is longer
   * stays as it is.
   */
  pad(plan: PaddingPlan): void {
    for (const window of this.overflowing) window.pad(plan);
    const missing = plan.length - this.length;
    if (missing <= 0) return;
    const put = (array: number[], value: number): void => {
      for (let i = 0; i < missing; i++) array.push(value);
      if (plan.side === "left") array.copyWithin(missing, 0).fill(value, 0, missing);
    };
    put(this.inputIds, plan.padTokenId);
    put(this.tokenTypeIds, plan.padTokenTypeId);
    put(this.attentionMask, 0);
    if (plan.side === "left") this.#padLeft += missing;
  }

  #append(id: number, type: number): void {
    this.inputIds.push(id);
    this.tokenTypeIds.push(type);
    this.attentionMask.push(1);
  }

  #appendWindow({ list, from, to }: TokenWindow, type: number): void {
    for (let i = from; i < to; i++) this.#append(list.ids[i], type);
  }

  /** An array with `value` for each token of a text, and `other` for every special token and padding. */
  #perToken<T>(other: T, value: (window: TokenWindow, i: number) => T): T[] {
    const result = new Array<T>(this.length).fill(other);
    let at = this.#padLeft + (this.#special ? 1 : 0);
    for (const window of [this.#first, this.#second]) {
      if (window === undefined) continue;
      for (let i = window.from; i < window.to; i++) result[at++] = value(window, i);
      if (this.#special) at++;
    }
    return result;
  }
}

/**
 * Encodes one or two token lists whole, or cut to a room by windows.
 *
 * @returns the main encoding; its overflow holds the other windows if there are any. For pairs in the order in which
 *   the library merges them: each further window of the first text with every window of the second, then the first
 *   window with each further one of the second.
 */
export function combineWindows(
  first: readonly TokenWindow[],
  second: readonly TokenWindow[] | undefined,
  special: boolean,
  context: EncodingContext,
): Encoding {
  const make = (a: TokenWindow, b: TokenWindow | undefined): Encoding => new Encoding(a, b, special, context);
  const overflowing: Encoding[] = [];
  for (const a of first.slice(1)) for (const b of second ?? [undefined]) overflowing.push(make(a, b));
  for (const b of second?.slice(1) ?? []) overflowing.push(make(first[0], b));
  return new Encoding(first[0], second?.[0], special, context, overflowing);
}

/**
 * Windows of `room` tokens over `length`, each sharing `stride` tokens with the one before; the first is what
 * truncation keeps.
 *
 * @param all or the first alone
 */
export function slideWindow(
  list: TokenList,
  room: number,
  stride: number,
  side: "left" | "right",
  all = true,
): TokenWindow[] {
  const { length } = list;
  if (length <= room) return [{ list, from: 0, to: length }];
  if (room === 0) {
    const nothing = { list, from: 0, to: 0 };
    return all ? [nothing, { list, from: 0, to: length }] : [nothing];
  }
  if (stride >= room) {
    throw new BertError(
      "ERR_INPUT",
      `encode: stride must be less than the ${room} tokens that truncation leaves this text, got ${stride}`,
    );
  }
  const windows: TokenWindow[] = [];
  for (let skipped = 0; ; skipped += room - stride) {
    const end = Math.min(skipped + room, length);
    windows.push(
      side === "right" ? { list, from: skipped, to: end } : { list, from: length - end, to: length - skipped },
    );
    if (end === length || !all) return windows;
  }
}
