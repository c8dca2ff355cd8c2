import { describe, expect, test } from "vitest";
import { BertTokenizer } from "../../src/tokenizer/index.ts";
import { readReference, TOKENIZERS, type VocabularyName } from "./library.ts";

interface Setting {
  readonly vocab: VocabularyName;
  readonly doLowerCase: boolean;
  readonly stripAccents: boolean | null;
  readonly cleanText: boolean;
  readonly added: {
    content: string;
    single_word: boolean;
    lstrip: boolean;
    rstrip: boolean;
    normalized: boolean;
    special: boolean;
  }[];
}
interface OptionCases {
  readonly settings: Setting[];
  readonly cases: {
    setting: number;
    text: string | string[];
    pair: string | null;
    addSpecialTokens: boolean;
    ids: number[];
    type_ids: number[];
    offsets: number[][];
    word_ids: (number | null)[];
    special_tokens_mask: number[];
  }[];
  readonly windows: { text: string; room: number; stride: number; side: "left" | "right"; ids: number[][] }[];
  readonly padding: {
    texts: string[];
    side: "left" | "right";
    multiple: number | null;
    length: number | null;
    encodings: {
      ids: number[];
      type_ids: number[];
      attention_mask: number[];
      special_tokens_mask: number[];
      offsets: number[][];
      word_ids: (number | null)[];
    }[];
  }[];
}
const reference: OptionCases = JSON.parse(readReference("option_cases.json"));

describe("options, against tokenizers 0.23.2", () => {
  test("1,000 wild texts with added tokens of all flags, pairs and pre-split words", () => {
    const tokenizers = reference.settings.map(({ vocab, added, ...options }) => {
      const tokens = readReference(`${vocab}/vocab.txt`).trimEnd().split("\n");
      const tokenizer = BertTokenizer.fromVocabulary(tokens, options);
      tokenizer.addTokens(added.map(({ single_word: singleWord, ...token }) => ({ singleWord, ...token })));
      return tokenizer;
    });
    for (const [n, c] of reference.cases.entries()) {
      const got = tokenizers[c.setting].encode(c.text, {
        ...(c.pair === null ? {} : { textPair: c.pair }),
        isSplitIntoWords: Array.isArray(c.text),
        addSpecialTokens: c.addSpecialTokens,
        offsetUnit: "codePoint",
      });
      const label = `case ${n}: ${JSON.stringify(c.text)}`;
      expect(got.inputIds, label).toEqual(c.ids);
      expect(got.tokenTypeIds, label).toEqual(c.type_ids);
      expect(got.offsets, label).toEqual(c.offsets);
      expect(got.wordIds, label).toEqual(c.word_ids);
      expect(got.specialTokensMask, label).toEqual(c.special_tokens_mask);
    }
    expect(reference.cases.length).toBe(1000);
  });

  test("100 sets of overflow windows, from either side", () => {
    const tokenizer = TOKENIZERS["bert-base-cased"];
    for (const { text, room, stride, side, ids } of reference.windows) {
      const encoding = tokenizer.encode(text, {
        addSpecialTokens: false,
        truncation: true,
        maxLength: room,
        stride,
        truncationSide: side,
        returnOverflowingTokens: true,
      });
      expect([encoding, ...encoding.overflowing].map((e) => e.inputIds)).toEqual(ids);
    }
    expect(reference.windows.length).toBe(100);
    expect(new Set(reference.windows.map(({ side }) => side))).toEqual(new Set(["left", "right"]));
  });

  test("50 padded batches", () => {
    const tokenizer = TOKENIZERS["bert-base-cased"];
    for (const { texts, side, multiple, length, encodings } of reference.padding) {
      const got = tokenizer.encodeBatch(texts, {
        padding: length === null ? "longest" : "max_length",
        ...(length === null ? {} : { maxLength: length }),
        ...(multiple === null ? {} : { padToMultipleOf: multiple }),
        paddingSide: side,
        offsetUnit: "codePoint",
      });
      const plain = got.map((e) => ({
        ids: e.inputIds,
        type_ids: e.tokenTypeIds,
        attention_mask: e.attentionMask,
        special_tokens_mask: e.specialTokensMask,
        offsets: e.offsets,
        word_ids: e.wordIds,
      }));
      expect(plain).toEqual(encodings);
    }
    expect(reference.padding.length).toBe(50);
  });
});
