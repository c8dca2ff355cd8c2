import { type Encoding, isPunctuation } from "../tokenizer/index.ts";

/** A text as it was encoded. */
interface EncodedWords {
  readonly encoding: Encoding;
  readonly text: string;
  /** Where the text begins: a prompt may stand before it. Default 0. */
  readonly from?: number;
  /** The id of [UNK]. */
  readonly unkTokenId: number;
}

/** How many pieces of a text, punctuation left out, the vocabulary has, and how many have become [UNK]. */
export function knownPieces({ encoding, text, from = 0, unkTokenId }: EncodedWords): [known: number, unknown: number] {
  const { inputIds, offsets, specialTokensMask } = encoding;
  let [known, unknown] = [0, 0];
  for (const [t, id] of inputIds.entries()) {
    const [start, end] = offsets[t];
    if (specialTokensMask[t] === 1 || start < from || isMark(text, start, end)) continue;
    if (id === unkTokenId) unknown++;
    else known++;
  }
  return [known, unknown];
}

/**
 * Whether a text is mostly unknown to the model: more than half of its pieces, punctuation left out, have become [UNK].
 * Texts of that kind have nearly one vector, whatever they say. Words of another script are, emoji, and words of more
 * than 100 letters.
 */
export function isMostlyUnknown(words: EncodedWords): boolean {
  if (!words.encoding.inputIds.includes(words.unkTokenId)) return false; // nearly always
  const [known, unknown] = knownPieces(words);
  return unknown > known;
}

/** Whether a piece is one punctuation mark. */
function isMark(text: string, start: number, end: number): boolean {
  const code = text.codePointAt(start) as number;
  return end - start === String.fromCodePoint(code).length && isPunctuation(code);
}
