import { readFileSync } from "node:fs";
import type { BertConfig } from "../../src/model/config.ts";
import type { BertTokenizer } from "../../src/tokenizer/index.ts";
import type { Sequence } from "../sides/engine.ts";

/** The encoder on token sequences. */
export interface EncoderCase {
  readonly id: string;
  readonly title: string;
  readonly sequences: readonly Sequence[];
}

const LENGTHS = [8, 16, 32, 128, 512];

/** One sentence of each length, two full batches, and 32 sentences of a book. */
export function encoderCases(tokenizer: BertTokenizer): EncoderCase[] {
  const words = bookTokens(tokenizer);
  /** Row `b` starts elsewhere in the book; [CLS] … [SEP] as the model expects. */
  const row = (T: number, b: number): Sequence => [
    tokenizer.clsTokenId,
    ...words.slice(b * 600, b * 600 + T - 2),
    tokenizer.sepTokenId,
  ];
  const rows = (B: number, T: number) => Array.from({ length: B }, (_, b) => row(T, b));
  const mixed = mixedSentences(tokenizer).map((sentence) => [...tokenizer.encode(sentence).inputIds]);
  const tokens = mixed.reduce((sum, { length }) => sum + length, 0);
  return [
    ...LENGTHS.map((T) => ({ id: `encoder-1x${T}`, title: `1 × ${T} tokens`, sequences: rows(1, T) })),
    { id: "encoder-8x128", title: "8 × 128 tokens", sequences: rows(8, 128) },
    { id: "encoder-mixed", title: `${mixed.length} sentences of 5–120 tokens, ${tokens} in all`, sequences: mixed },
    { id: "encoder-32x128", title: "32 × 128 tokens", sequences: rows(32, 128) },
  ];
}

/** Three of them by the type that the weights are held in. */
export function storageCases(tokenizer: BertTokenizer): EncoderCase[] {
  const sizes = ["1x16", "1x128", "8x128"];
  return encoderCases(tokenizer).flatMap(({ id, title, sequences }) => {
    const size = sizes.find((one) => id === `encoder-${one}`);
    return size === undefined ? [] : [{ id: `storage-${size}`, title: `weights by type: ${title}`, sequences }];
  });
}

/** 12 tokens, [CLS] and [SEP] counted. */
export const FILL_MASK_TEXT = "He opened the [MASK] and went into the room.";

/** How many sentences `encoder-mixed` has. */
const MIXED = 32;

/**
 * 32 sentences of the book, from 5 to 120 tokens: of those as long, evenly spread over the book's own distribution of
 * lengths, in the order of the book.
 */
export function mixedSentences(tokenizer: BertTokenizer): string[] {
  const fitting = bookSentences()
    .map((text, at) => ({ text, at, length: tokenizer.encode(text).inputIds.length }))
    .filter(({ length }) => length >= 5 && length <= 120)
    .sort((a, b) => a.length - b.length || a.at - b.at);
  const spread = Array.from({ length: MIXED }, (_, i) => fitting[Math.round((i * (fitting.length - 1)) / (MIXED - 1))]);
  return spread.sort((a, b) => a.at - b.at).map(({ text }) => text);
}

/** The first `count` sentences of the book. */
export function firstSentences(count: number): string[] {
  return bookSentences().slice(0, count);
}

/** So many sentences of the book that are as long as what people ask: 6 to 12 words. */
export function usualSentences(count: number): string[] {
  return bookSentences()
    .filter((sentence) => {
      const words = sentence.split(" ").length;
      return words >= 6 && words <= 12;
    })
    .slice(0, count);
}

/** So many lines of the book, of two words at least: parts of sentences, as there are fewer sentences. */
export function bookLines(count: number): string[] {
  return readFileSync(BOOK, "utf8")
    .split("\n")
    .flatMap((paragraph) => paragraph.split(/(?<=[.!?;:,]["']*)\s+/))
    .filter((line) => line.includes(" "))
    .slice(0, count);
}

/** A sentence with the word in its middle masked. */
export function withMask(sentence: string): string {
  const words = sentence.split(" ");
  words[words.length >> 1] = "[MASK]";
  return words.join(" ");
}

/**
 * Floating-point operations of the encoder: for a sequence of T tokens 2 T (4H² + 2HI) in the linear layers and 4 T² H in
 * attention, in each layer. Padding is no work: a library that computes it does more for the same answer.
 */
export function encoderFlops(lengths: readonly number[], c: BertConfig): number {
  const { hiddenSize: H, intermediateSize: I, numHiddenLayers: L } = c;
  return lengths.reduce((sum, T) => sum + L * (2 * T * (4 * H * H + 2 * H * I) + 4 * T * T * H), 0);
}

const BOOK = new URL("../data/the-wind-in-the-willows.txt", import.meta.url);

/** A sentence ends at . ! or ?, with closing quotes, before white space. */
function bookSentences(): string[] {
  return readFileSync(BOOK, "utf8")
    .split("\n")
    .flatMap((paragraph) => paragraph.split(/(?<=[.!?]["']*)\s+/))
    .filter((sentence) => sentence !== "");
}

function bookTokens(tokenizer: BertTokenizer): number[] {
  const text = readFileSync(BOOK, "utf8").split("\n").slice(0, 400);
  return tokenizer.encodeBatch(text, { addSpecialTokens: false }).flatMap(({ inputIds }) => [...inputIds]);
}

/** How many tokens each sequence has. */
export function lengths(sequences: readonly ArrayLike<number>[]): number[] {
  return sequences.map(({ length }) => length);
}

/** The batch of Python's libraries; transformers.js has none of its own. */
const BATCH = 32;

/** Calls `embed` with so many texts at a time. */
export async function inBatches(
  texts: readonly string[],
  embed: (texts: readonly string[]) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < texts.length; i += BATCH) await embed(texts.slice(i, i + BATCH));
}
