import fc from "fast-check";
import { expect, test } from "vitest";
import { wordPiece } from "../../src/tokenizer/index.ts";
import { WordPieceTrie } from "../../src/tokenizer/wordPieceTrie.ts";
import { words } from "./generators.ts";
import { TOKENIZERS } from "./library.ts";

test("a million generated words: the trie finds the greedy pieces", () => {
  let compared = 0;
  for (const tokenizer of Object.values(TOKENIZERS)) {
    const vocab = tokenizer.vocabulary();
    const tokens = [...vocab.keys()];
    const trie = new WordPieceTrie(vocab, 100);
    fc.assert(
      fc.property(fc.array(words(vocab), { minLength: 1000, maxLength: 1000, size: "max" }), (batch) => {
        for (const word of batch) {
          const found = Array.from(word).length > 100 ? undefined : trie.match(word)?.map((id) => tokens[id]);
          const expected = wordPiece(word, vocab);
          if ((found ?? ["[UNK]"]).join(" ") !== expected.join(" ")) expect(found, word).toEqual(expected);
          compared++;
        }
      }),
      { numRuns: 500 },
    );
  }
  expect(compared).toBe(1_000_000);
});
