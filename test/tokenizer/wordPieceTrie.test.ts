import fc from "fast-check";
import { expect, test } from "vitest";
import { wordPiece } from "../../src/tokenizer/index.ts";
import { WordPieceTrie } from "../../src/tokenizer/wordPieceTrie.ts";
import { smallVocabularies, words } from "./generators.ts";
import { TOKENIZERS } from "./library.ts";

/** What the trie finds, in the terms of wordPiece. */
function byTrie(trie: WordPieceTrie, word: string, tokens: readonly string[]): string[] {
  if (Array.from(word).length > 100) return ["[UNK]"];
  return trie.match(word)?.map((id) => tokens[id]) ?? ["[UNK]"];
}

test("worked example of the paper: failure links over overlapping tokens", () => {
  const tokens = ["a", "abcdx", "##b", "##c", "##cdy", "##dz"];
  const vocab = new Map(tokens.map((token, id) => [token, id] as const));
  const trie = new WordPieceTrie(vocab, 100);
  expect(byTrie(trie, "abcdz", tokens)).toEqual(["a", "##b", "##c", "##dz"]);
  expect(byTrie(trie, "abcdx", tokens)).toEqual(["abcdx"]);
  expect(byTrie(trie, "abcdy", tokens)).toEqual(["a", "##b", "##cdy"]);
  expect(byTrie(trie, "abcd", tokens)).toEqual(["[UNK]"]);
});

test("every word over two letters, in small random vocabularies: the greedy pieces", () => {
  const all: string[] = [];
  for (let length = 1; length <= 7; length++) {
    for (let bits = 0; bits < 1 << length; bits++) {
      all.push(bits.toString(2).padStart(length, "0").replaceAll("0", "a").replaceAll("1", "b"));
    }
  }
  expect(all.length).toBe(254);
  fc.assert(
    fc.property(smallVocabularies, (vocab) => {
      const trie = new WordPieceTrie(vocab, 100);
      const tokens = [...vocab.keys()];
      for (const word of all) expect(byTrie(trie, word, tokens), word).toEqual(wordPiece(word, vocab));
    }),
    { numRuns: 60 },
  );
});

test.each(["bert-base-cased", "bert-base-uncased"] as const)("10,000 words of %s: the greedy pieces", (name) => {
  const vocab = TOKENIZERS[name].vocabulary();
  const tokens = [...vocab.keys()];
  const trie = new WordPieceTrie(vocab, 100);
  const split = { one: 0, several: 0, unknown: 0 };
  fc.assert(
    fc.property(fc.array(words(vocab), { minLength: 100, maxLength: 100 }), (batch) => {
      for (const word of batch) {
        const expected = wordPiece(word, vocab);
        expect(byTrie(trie, word, tokens), word).toEqual(expected);
        split[expected[0] === "[UNK]" ? "unknown" : expected.length > 1 ? "several" : "one"]++;
      }
    }),
    { numRuns: 100 },
  );
  expect(Math.min(...Object.values(split)), JSON.stringify(split)).toBeGreaterThan(200); // the words do test all three
});

test("every token of the vocabulary is found whole, as a word or as the rest of one", () => {
  const vocab = TOKENIZERS["bert-base-uncased"].vocabulary();
  const trie = new WordPieceTrie(vocab, 100);
  for (const [token, id] of vocab) {
    expect(trie.match(token)).toEqual([id]);
    if (token.startsWith("##") && token.length > 2) expect(trie.match(`q${token.slice(2)}`)).toBeDefined();
  }
});
