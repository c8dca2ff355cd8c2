import fc from "fast-check";
import {
  type NormalizerOptions,
  normalize,
  type ResolvedNormalizerOptions,
  splitIntoWords,
  toCharacters,
  wordText,
} from "../../src/tokenizer/basicTokenize.ts";
import { wordPiece } from "../../src/tokenizer/index.ts";

/** Words made of a vocabulary's pieces, with and without faults: most split into several pieces, some into none. */
export function words(vocab: ReadonlyMap<string, number>): fc.Arbitrary<string> {
  const pieces = [...vocab.keys()].map((token) => (token.startsWith("##") ? token.slice(2) : token));
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...pieces) },
    { weight: 2, arbitrary: fc.constantFrom(...pieces).map((text) => text.slice(0, -1)) },
    { weight: 2, arbitrary: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz") },
    { weight: 1, arbitrary: fc.constantFrom("##", "#", "é", "ß", "中", "🤗", "\u0301") },
  );
  return fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(""));
}

/** A small vocabulary over two letters: its tokens overlap in every way, which is where failure links go wrong. */
export const smallVocabularies: fc.Arbitrary<Map<string, number>> = fc
  .uniqueArray(
    fc
      .tuple(fc.boolean(), fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 6 }))
      .map(([continuation, text]) => (continuation ? `##${text}` : text)),
    { minLength: 1, maxLength: 24 },
  )
  .map((tokens) => new Map(["[UNK]", ...tokens].map((token, id) => [token, id] as const)));

/** Texts of every script and fault: words, marks that reorder, whitespace, controls, special tokens, lone surrogates. */
export const texts: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom("the", "Hello", "unaffable", "WORLD", "naïve", "élève", "İstanbul", "Σίσυφος"),
      },
      { weight: 4, arbitrary: fc.constantFrom(" ", "  ", "\t", "\r\n", "\u00a0", "\u3000", "\u2028") },
      {
        weight: 3,
        arbitrary: fc.constantFrom(".", ",", "'", "[", "]", "$", "—", "\u037e", "≠", "##", "[MASK]", "[SEP]"),
      },
      { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
      {
        weight: 2,
        arbitrary: fc.constantFrom("가", "각", "中国", "が", "\uf900", "🤗", "👨‍👩‍👧", "\u{1d15e}", "\u{2f800}"),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom("\u0301", "\u0323", "\u0327\u0301", "\u302e", "\u{1d165}", "\u0345", "\u05b0"),
      },
      { weight: 1, arbitrary: fc.constantFrom("\ud800", "\udfff", "\u0000", "\ufffd", "\u200b", "\ufeff", "\u00ad") },
      { weight: 1, arbitrary: fc.constantFrom("x".repeat(99), "x".repeat(101), "🤗".repeat(100), "é".repeat(101)) },
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

/** The definition: the chain of basicTokenize.ts, then the greedy wordPiece; token and place of each piece. */
export function tokenizeByDefinition(
  text: string,
  options: ResolvedNormalizerOptions,
  vocab: ReadonlyMap<string, number>,
): { token: string; start: number; end: number; word: number }[] {
  return splitIntoWords(normalize(toCharacters(text), options), options).flatMap((word, n) => {
    let at = 0;
    return wordPiece(wordText(word), vocab).map((token, i) => {
      const covers = token === "[UNK]" ? word.length : Array.from(token).length - (i > 0 ? 2 : 0);
      const place = { token, start: word[at].start, end: word[at + covers - 1].end, word: n };
      at += covers;
      return place;
    });
  });
}

/** Ways to normalize, one for each branch. */
export const SETTINGS: readonly NormalizerOptions[] = [
  { doLowerCase: false },
  { doLowerCase: true },
  { doLowerCase: true, stripAccents: false },
  { doLowerCase: false, stripAccents: true, cleanText: false },
  { doLowerCase: true, tokenizeChineseChars: false },
  { doLowerCase: true, neverSplit: ["WORLD", "Hello,", "naïve"] },
];
