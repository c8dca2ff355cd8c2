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

test.each(SETTINGS)("one pass over a text gives what the readable chain gives: %j", (options) => {
  // [MASK] and the others are no added tokens here: the chain alone knows nothing of those.
  const tokens = readReference("bert-base-uncased/vocab.txt").trimEnd().split("\n");
  const vocab = new Map(tokens.map((token, id) => [token, id] as const));
  const names = { clsToken: "<cls of this test>", sepToken: "<sep>", padToken: "<pad>", maskToken: "<mask>" };
  const tokenizer = BertTokenizer.fromVocabulary(tokens, { ...options, ...names });
  const resolved = resolveNormalizerOptions(options);
  fc.assert(
    fc.property(texts, (text) => {
      if (text.includes("[UNK]")) return;
      const encoding = tokenizer.encode(text, { addSpecialTokens: false });
      const { offsets, wordIds } = encoding;
      const got = encoding
        .tokens()
        .map((token, i) => ({ token, start: offsets[i][0], end: offsets[i][1], word: wordIds[i] }));
      expect(got).toEqual(tokenizeByDefinition(text, resolved, vocab));
    }),
    { numRuns: 1500 },
  );
});
