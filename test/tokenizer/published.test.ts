import { describe, expect, test } from "vitest";
import {
  BertTokenizer,
  basicTokenize,
  isControl,
  isPunctuation,
  isWhitespace,
  type NormalizerOptions,
  wordPiece,
} from "../../src/tokenizer/index.ts";
import { readReference, TOKENIZERS, type VocabularyName } from "./library.ts";

interface PublishedCase {
  readonly vocab: VocabularyName;
  readonly text: string;
  readonly pair?: string;
  readonly add_special_tokens?: boolean;
  readonly ids?: number[];
  readonly tokens?: string[];
  readonly tokens_include_special?: boolean;
  readonly type_ids?: number[];
  readonly offsets?: [number, number][];
  readonly decoded?: string;
}
interface ToyCase {
  readonly kind: "full" | "wordpiece";
  readonly do_lower_case?: boolean;
  readonly vocab: string[];
  readonly text: string;
  readonly tokens: string[];
  readonly ids?: number[];
}
interface BasicCase {
  readonly text: string;
  readonly tokens: string[];
  readonly do_lower_case?: boolean;
  readonly strip_accents?: boolean;
  readonly pre_tokenizer_only?: boolean;
  readonly byte_offsets?: [number, number][];
}
interface BadExample {
  readonly model: VocabularyName;
  readonly text: string;
  readonly published_tokens?: string[];
  readonly published_ids?: number[];
  readonly genuine_tokens?: string[];
  readonly genuine_ids?: number[];
}
const published = JSON.parse(readReference("published_cases.json"));

describe("cases that others published", () => {
  test("136 texts: ids, tokens, types, offsets and decoded text", () => {
    const compared = { ids: 0, tokens: 0, types: 0, offsets: 0, decoded: 0 };
    for (const [n, c] of (published.cases as PublishedCase[]).entries()) {
      const label = `case ${n}: ${JSON.stringify(c.text)}`;
      const tokenizer = TOKENIZERS[c.vocab];
      const got = tokenizer.encode(c.text, {
        ...(c.pair === undefined ? {} : { textPair: c.pair }),
        addSpecialTokens: c.add_special_tokens ?? true,
      });
      if (c.ids !== undefined) {
        expect(got.inputIds, label).toEqual(c.ids);
        compared.ids++;
      }
      if (c.tokens !== undefined) {
        const mask = got.specialTokensMask;
        const tokens = got.tokens().filter((_, i) => c.tokens_include_special || mask[i] === 0);
        expect(tokens, label).toEqual(c.tokens);
        compared.tokens++;
      }
      if (c.type_ids !== undefined) {
        expect(got.tokenTypeIds, label).toEqual(c.type_ids);
        compared.types++;
      }
      if (c.offsets !== undefined) {
        expect(got.offsets, label).toEqual(c.offsets);
        compared.offsets++;
      }
      if (c.decoded !== undefined) {
        expect(tokenizer.decode(got.inputIds), label).toBe(c.decoded); // their configurations ask for clean-up
        compared.decoded++;
      }
    }
    expect(compared).toEqual({ ids: 129, tokens: 86, types: 4, offsets: 4, decoded: 76 });
  });

  test("4 toy vocabularies", () => {
    const cases = published.toy_vocab_cases as ToyCase[];
    for (const c of cases) {
      const ids = new Map(c.vocab.map((token, id) => [token, id] as const));
      const words = c.text.split(" ").filter((word) => word !== "");
      if (c.kind === "wordpiece") expect(words.flatMap((word) => wordPiece(word, ids))).toEqual(c.tokens);
      const options = c.do_lower_case === undefined ? { doLowerCase: false } : { doLowerCase: c.do_lower_case };
      const encoding = BertTokenizer.fromVocabulary(c.vocab, options).encode(c.text, { addSpecialTokens: false });
      expect(encoding.tokens()).toEqual(c.tokens);
      if (c.ids !== undefined) expect(encoding.inputIds).toEqual(c.ids);
    }
    expect(cases.length).toBe(4);
  });

  test("13 texts of the basic tokenizer, and byte offsets", () => {
    const cases = published.basic_tokenizer_cases as BasicCase[];
    for (const c of cases) {
      const options: NormalizerOptions = {
        doLowerCase: c.do_lower_case ?? false,
        ...(c.strip_accents === undefined ? {} : { stripAccents: c.strip_accents }),
      };
      expect(basicTokenize(c.text, options), c.text).toEqual(c.tokens);
      if (c.byte_offsets !== undefined) {
        const vocabulary = ["[UNK]", "[CLS]", "[SEP]", ...new Set(c.tokens)];
        const encoding = BertTokenizer.fromVocabulary(vocabulary, options).encode(c.text, { addSpecialTokens: false });
        expect(encoding.offsets).toEqual(c.byte_offsets); // the text is ASCII
      }
    }
    expect(cases.length).toBe(13);
  });

  test("character classes", () => {
    const classes = { is_whitespace: isWhitespace, is_control: isControl, is_punctuation: isPunctuation };
    let compared = 0;
    for (const [name, is] of Object.entries(classes)) {
      for (const expected of [true, false]) {
        for (const character of published.char_class_cases[name][String(expected)] as string[]) {
          expect(is(character.codePointAt(0)!), `${name}(${JSON.stringify(character)})`).toBe(expected);
          compared++;
        }
      }
    }
    expect(compared).toBe(19);
  });

  test("three widely copied examples are wrong: the genuine result, not theirs", () => {
    const cases = published.bad_published_examples as BadExample[];
    for (const c of cases) {
      const got = TOKENIZERS[c.model].encode(c.text);
      if (c.genuine_tokens !== undefined) expect(got.tokens()).toEqual(c.genuine_tokens);
      if (c.genuine_ids !== undefined) expect(got.inputIds).toEqual(c.genuine_ids);
      if (c.published_ids !== undefined) expect(got.inputIds).not.toEqual(c.published_ids);
      if (c.published_tokens !== undefined) expect(got.tokens()).not.toEqual(c.published_tokens);
    }
    expect(cases.length).toBe(3);
  });
});
