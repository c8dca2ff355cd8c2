import type { BertTokenizer } from "../../tokenizer/index.ts";
import type { Random } from "../random.ts";

/** Flags of Google's script. */
export interface MaskOptions {
  readonly maskedLmProb: number;
  readonly maxPredictionsPerSeq: number;
  readonly doWholeWordMask: boolean;
}

/** What masking needs to know of the vocabulary. */
export interface MaskVocabulary {
  readonly maskTokenId: number;
  /** 1 for each token that is never masked, by id. */
  readonly isSpecial: Uint8Array;
  /** 1 for each token that continues a word: "##…", by id. */
  readonly isContinuation: Uint8Array;
  /** The tokens that may stand in the place of another. */
  readonly words: Int32Array;
}

/** @throws BertError ERR_INPUT the vocabulary has no mask token: by the caller */
export function maskVocabulary(tokenizer: BertTokenizer, maskTokenId: number): MaskVocabulary {
  const isSpecial = new Uint8Array(tokenizer.size);
  const isContinuation = new Uint8Array(tokenizer.size);
  for (const id of tokenizer.allSpecialIds) isSpecial[id] = 1;
  const words: number[] = [];
  for (let id = 0; id < tokenizer.size; id++) {
    const token = tokenizer.idToToken(id);
    if (token?.startsWith("##")) isContinuation[id] = 1;
    if (token !== undefined && isSpecial[id] === 0) words.push(id);
  }
  return { maskTokenId, isSpecial, isContinuation, words: Int32Array.from(words) };
}

/**
 * Masks tokens for the masked language model, in place, as Google's create_pretraining_data.py
 * (`create_masked_lm_predictions`):
 *
 *     min(maxPredictionsPerSeq, max(1, round(maskedLmProb · T)))
 *
 * of the T tokens, special ones counted, are chosen at random. Of these, 80 % become [MASK], 10 % stay, 10 % become a
 * random token. With `doWholeWordMask` words are chosen, all their tokens or none; a word that has too many for what is
 * left is passed over, so there may be fewer tokens in the end. Rounding is Python's: a half goes to the even
 * neighbour.
 *
 * Two differences to Google's: no special token is chosen or put in, [UNK] included; and a word does not go on from one
 * segment into the next.
 *
 * On one page: `example` in docs/reading/onePageTraining.ts.
 *
 * @param ids [T], [CLS] A [SEP] B [SEP]
 * @returns the places of the chosen tokens, ascending, and what they were
 */
export function maskTokens(
  ids: Int32Array,
  { maskedLmProb, maxPredictionsPerSeq, doWholeWordMask }: MaskOptions,
  { maskTokenId, isSpecial, isContinuation, words }: MaskVocabulary,
  random: Random,
): { positions: number[]; labels: number[] } {
  const candidates: { readonly start: number; end: number }[] = [];
  for (const [i, id] of ids.entries()) {
    if (isSpecial[id]) continue;
    const last = candidates.at(-1);
    if (doWholeWordMask && isContinuation[id] && last?.end === i) last.end++;
    else candidates.push({ start: i, end: i + 1 });
  }
  const count = Math.min(maxPredictionsPerSeq, Math.max(1, roundHalfToEven(ids.length * maskedLmProb)));
  const positions: number[] = [];
  for (let n = 0; n < candidates.length && positions.length < count; n++) {
    const drawn = n + random.below(candidates.length - n); // a shuffle that goes no further than it is needed
    const { start, end } = candidates[drawn];
    candidates[drawn] = candidates[n];
    if (positions.length + end - start > count) continue;
    for (let i = start; i < end; i++) positions.push(i);
  }
  positions.sort((a, b) => a - b);
  const labels = positions.map((i) => ids[i]);
  for (const i of positions) {
    if (random.chance(0.8)) ids[i] = maskTokenId;
    else if (random.chance(0.5)) ids[i] = words[random.below(words.length)];
  }
  return { positions, labels };
}

function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
