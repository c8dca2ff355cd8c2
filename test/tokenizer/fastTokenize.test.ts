import fc from "fast-check";
import { expect, test } from "vitest";
import { type NormalizerOptions, resolveNormalizerOptions } from "../../src/tokenizer/basicTokenize.ts";
import { BertTokenizer } from "../../src/tokenizer/index.ts";
import { texts, tokenizeByDefinition } from "./generators.ts";
import { readReference } from "./library.ts";

const SETTINGS: readonly NormalizerOptions[] = [
  { doLowerCase: false },
  { doLowerCase: true },
  { doLowerCase: true, stripAccents: false },
  { doLowerCase: false, stripAccents: true, cleanText: false },
  { doLowerCase: true, tokenizeChineseChars: false },
  { doLowerCase: true, neverSplit: ["WORLD", "Hello,", "naïve"] },
];

// [MASK] and the others are no added tokens here: the chain alone knows nothing of those.
const TOKENS = readReference("bert-base-uncased/vocab.txt").trimEnd().split("\n");
const VOCABULARY = new Map(TOKENS.map((token, id) => [token, id] as const));
const NAMES = { clsToken: "<cls of this test>", sepToken: "<sep>", padToken: "<pad>", maskToken: "<mask>" };

function tokenized(tokenizer: BertTokenizer, text: string): ReturnType<typeof tokenizeByDefinition> {
  const encoding = tokenizer.encode(text, { addSpecialTokens: false });
  const { offsets, wordIds } = encoding;
  const place = (i: number) => ({ start: offsets[i][0], end: offsets[i][1], word: wordIds[i] as number });
  return encoding.tokens().map((token, i) => ({ token, ...place(i) }));
}

test.each(SETTINGS)("one pass over a text gives what the readable chain gives: %j", (options) => {
  const tokenizer = BertTokenizer.fromVocabulary(TOKENS, { ...options, ...NAMES });
  tokenizer.encode("so ".repeat(2000)); // from here on it has its trie
  const resolved = resolveNormalizerOptions(options);
  fc.assert(
    fc.property(texts, (text) => {
      if (text.includes("[UNK]")) return;
      expect(tokenized(tokenizer, text)).toEqual(tokenizeByDefinition(text, resolved, VOCABULARY));
    }),
    { numRuns: 1500 },
  );
});

test.each(SETTINGS)("so does a new tokenizer, which has no trie yet: %j", (options) => {
  const resolved = resolveNormalizerOptions(options);
  for (const text of ["a".repeat(101), "中".repeat(100), `a${"\u{1f917}".repeat(100)}`, "##a ##", "Élève 🤗x", ""]) {
    const tokenizer = BertTokenizer.fromVocabulary(TOKENS, { ...options, ...NAMES });
    expect(tokenized(tokenizer, text), text).toEqual(tokenizeByDefinition(text, resolved, VOCABULARY));
  }
  fc.assert(
    fc.property(fc.array(texts, { minLength: 20, maxLength: 100 }), (list) => {
      const tokenizer = BertTokenizer.fromVocabulary(TOKENS, { ...options, ...NAMES });
      for (const text of list.filter((text) => !text.includes("[UNK]")))
        expect(tokenized(tokenizer, text)).toEqual(tokenizeByDefinition(text, resolved, VOCABULARY));
    }),
    { numRuns: 15 },
  );
});
