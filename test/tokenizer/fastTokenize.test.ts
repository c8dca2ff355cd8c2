import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { resolveNormalizerOptions } from "../../src/tokenizer/basicTokenize.ts";
import { FastTokenizer } from "../../src/tokenizer/fastTokenize.ts";
import { BertTokenizer } from "../../src/tokenizer/index.ts";
import { SETTINGS, texts, tokenizeByDefinition } from "./generators.ts";
import { readReference } from "./library.ts";

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

test("texts of any characters do not fill the memory: 10,000 are remembered, and then others", () => {
  const tokenizer = BertTokenizer.fromVocabulary(TOKENS, { doLowerCase: true });
  const read = vi.spyOn(FastTokenizer.prototype, "read");
  tokenizer.encode("so ".repeat(2000)); // from here on it has its trie
  const characters = (from: number) =>
    Array.from({ length: 25_000 }, (_, i) => String.fromCodePoint(from + i)).join(" ");
  const text = `${characters(0x20000)} so it was`;
  const want = tokenizer.encode(text).inputIds;
  expect(tokenizer.encode(text).inputIds).toEqual(want);
  const { sequences } = read.mock.contexts[0] as unknown as { sequences: Map<number, unknown> };
  read.mockRestore();
  expect(sequences.size).toBeGreaterThan(0);
  expect(sequences.size).toBeLessThanOrEqual(10_000);
});
