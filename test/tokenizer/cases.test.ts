import { describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import type { EncodeOptions } from "../../src/tokenizer/index.ts";
import { type Case, readReference, TOKENIZERS } from "./library.ts";

const CASES: readonly Case[] = JSON.parse(readReference("cases.json")).cases;

function optionsOf(c: Case): EncodeOptions {
  if (c.truncation === undefined) return {};
  const { max_length: maxLength, strategy: truncation, stride } = c.truncation;
  return { maxLength, truncation, stride, returnOverflowingTokens: true };
}

/**
 * The text as far as tokenizers 0.23 reads it when it truncates: it stops behind the first word that brings it to `max_length`
 * tokens (a special token in the text counts, but never stops it). Ours reads on, so that no window is lost.
 */
function readByLibrary(c: Case, text: string): string {
  if (c.truncation === undefined) return text;
  const whole = TOKENIZERS[c.vocab].encode(text, { addSpecialTokens: false });
  const { offsets, wordIds } = whole;
  const tokens = whole.tokens();
  for (let i = c.truncation.max_length - 1; i < tokens.length; i++) {
    const literal = tokens[i].startsWith("[") && tokens[i].length > 1 && text.slice(...offsets[i]) === tokens[i];
    if (wordIds[i] !== wordIds[i + 1] && !literal) return text.slice(0, offsets[i][1]);
  }
  return text;
}

function utf16(text: string, codePoint: number): number {
  return Array.from(text).slice(0, codePoint).join("").length;
}

describe("4,000 cases of tokenizers 0.23.2", () => {
  test("ids, types, offsets, words, masks, overflow, decoded text and refusals are equal", () => {
    const compared = { encoded: 0, refused: 0, overflowing: 0, pairs: 0 };
    for (const [n, c] of CASES.entries()) {
      const label = `case ${n}: ${JSON.stringify(c.text)}`;
      const tokenizer = TOKENIZERS[c.vocab];
      const pair = (text: string | undefined) => (text === undefined ? {} : { textPair: text });
      const encode = (text: string, textPair: string | undefined, options: EncodeOptions) =>
        tokenizer.encode(text, { ...optionsOf(c), ...pair(textPair), ...options });
      if (c.error !== undefined) {
        compared.refused++;
        expect(() => encode(c.text, c.pair, {}), label).toThrow(BertError);
        continue;
      }
      compared.encoded++;
      const got = encode(c.text, c.pair, { offsetUnit: "codePoint" });
      expect(got.inputIds, label).toEqual(c.ids);
      expect(got.tokenTypeIds, label).toEqual(c.type_ids);
      expect(got.attentionMask, label).toEqual(c.ids.map(() => 1));
      expect(got.offsets, label).toEqual(c.offsets_code_points);
      expect(got.specialTokensMask, label).toEqual(c.special_tokens_mask);
      expect(got.wordIds, label).toEqual(c.word_ids);
      expect(tokenizer.decode(c.ids, { skipSpecialTokens: true, cleanUpTokenizationSpaces: false }), label).toBe(
        c.decoded,
      );

      const units = encode(c.text, c.pair, {});
      const texts = units.sequenceIds.map((s) => (s === 1 ? c.pair! : c.text));
      const expectedUnits = c.offsets_code_points.map(([start, end], i) => [
        utf16(texts[i], start),
        utf16(texts[i], end),
      ]);
      expect(units.offsets, label).toEqual(expectedUnits);

      const second = c.pair === undefined ? undefined : readByLibrary(c, c.pair);
      const overflowing = encode(readByLibrary(c, c.text), second, {}).overflowing.map((o) => o.inputIds);
      expect(overflowing, label).toEqual(c.overflowing ?? []);
      if (c.overflowing !== undefined) compared.overflowing++;
      if (c.pair !== undefined) compared.pairs++;
    }
    expect(compared).toEqual({ encoded: 3883, refused: 117, overflowing: 430, pairs: 1095 });
  });
});
