import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BertTokenizer, basicTokenize } from "../../src/tokenizer/index.ts";
import { type TrainVocabularyOptions, trainVocabulary } from "../../src/tokenizer/train.ts";
import { mergePairs } from "../../src/tokenizer/trainMerges.ts";
import { spellWords } from "../../src/tokenizer/trainSpelling.ts";
import { WordCounter } from "../../src/tokenizer/trainWords.ts";

const REFERENCE = join(import.meta.dirname, "reference");
const LINES = readFileSync(join(REFERENCE, "training_text.txt"), "utf8").trimEnd().split("\n");
const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

interface Case {
  readonly lowercase: boolean;
  readonly vocab_size: number;
  readonly min_frequency: number;
  readonly limit_alphabet: number;
  readonly initial_alphabet: readonly string[];
  readonly runs: readonly (readonly string[])[];
}

const { cases }: { cases: readonly Case[] } = JSON.parse(
  readFileSync(join(REFERENCE, "trained_vocabulary.json"), "utf8"),
);

const optionsOf = (c: Case) => ({
  doLowerCase: c.lowercase,
  vocabSize: c.vocab_size,
  minFrequency: c.min_frequency,
  limitAlphabet: c.limit_alphabet,
  initialAlphabet: c.initial_alphabet.join(""),
});

describe.each(cases)("as Hugging Face's trainer: $vocab_size tokens, lowercase $lowercase", (c) => {
  const options = { ...optionsOf(c), specialTokens: SPECIAL, score: "count" as const };

  test.each(c.runs.map((run, n) => [n, run] as const))("run %i, given its order of the ## characters", (_, run) => {
    const counter = new WordCounter(options, 1e6);
    for (const line of LINES) counter.add(line);
    const { tokens, words } = spellWords(counter.counts(), options);
    const first = run.slice(0, tokens.length);
    expect(first.toSorted()).toEqual(tokens.toSorted());
    words.symbols.set(words.symbols.map((id) => first.indexOf(tokens[id])));
    mergePairs(first, words, { ...options, size: c.vocab_size });
    expect(first).toEqual(run);
  });

  test("the first tokens, and which are learned", async () => {
    const tokens = await trainVocabulary(LINES, options);
    const [run] = c.runs;
    const hashes = tokens.findIndex((token) => token.startsWith("##"));
    expect(tokens.slice(0, hashes)).toEqual(run.slice(0, hashes)); // special tokens and alphabet
    const ever = new Set(c.runs.flat());
    expect(tokens.filter((token) => !ever.has(token)).length).toBeLessThanOrEqual(0.02 * tokens.length);
  });
});

/** The rule word for word: everything is counted anew for each merge. */
function naive(
  words: ReadonlyMap<string, number>,
  score: "count" | "likelihood",
  size: number,
  least: number,
): string[] {
  const spelled = [...words].map(([word, count]) => ({
    pieces: Array.from(word, (c, i) => (i === 0 ? c : `##${c}`)),
    count,
  }));
  const characters = [...new Set([...words.keys()].flatMap((word) => Array.from(word)))].sort();
  const inside = new Set(spelled.flatMap(({ pieces }) => pieces.slice(1)));
  const tokens = [...SPECIAL, ...characters, ...characters.map((c) => `##${c}`).filter((c) => inside.has(c))];
  while (tokens.length < size) {
    const symbols = new Map<string, number>();
    const pairs = new Map<string, number>();
    for (const { pieces, count } of spelled) {
      for (const [i, piece] of pieces.entries()) {
        symbols.set(piece, (symbols.get(piece) ?? 0) + count);
        const pair = `${piece} ${pieces[i + 1]}`;
        if (i + 1 < pieces.length) pairs.set(pair, (pairs.get(pair) ?? 0) + count);
      }
    }
    const ranked = [...pairs]
      .filter(([, count]) => count >= least)
      .map(([pair, count]) => {
        const [a, b] = pair.split(" ");
        const value = score === "count" ? count : count / (symbols.get(a)! * symbols.get(b)!);
        return { a, b, order: [-value, -count, tokens.indexOf(a), tokens.indexOf(b)] };
      })
      .sort((x, y) => x.order.map((v, i) => v - y.order[i]).find((difference) => difference !== 0)!);
    if (ranked.length === 0) break;
    const [{ a, b }] = ranked;
    const token = a + b.slice(2);
    if (!tokens.includes(token)) tokens.push(token);
    for (const { pieces } of spelled)
      for (let i = 0; i + 1 < pieces.length; i++)
        if (pieces[i] === a && pieces[i + 1] === b) pieces.splice(i, 2, token);
  }
  return tokens;
}

describe("trainVocabulary", () => {
  test("is the rule word for word", async () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { minLength: 1, maxLength: 25 }),
        fc.constantFrom("count" as const, "likelihood" as const),
        fc.integer({ min: 11, max: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (words, score, vocabSize, minFrequency) => {
          const counts = new Map<string, number>();
          for (const w of words) counts.set(w, (counts.get(w) ?? 0) + 1);
          const got = await trainVocabulary([words.join(" ")], { score, vocabSize, minFrequency });
          expect(got).toEqual(naive(counts, score, vocabSize, minFrequency));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("is the rule word for word on a real text", async () => {
    const counts = new Map<string, number>();
    for (const w of LINES.slice(0, 20).flatMap((line) => basicTokenize(line))) counts.set(w, (counts.get(w) ?? 0) + 1);
    for (const score of ["count", "likelihood"] as const)
      expect(await trainVocabulary(LINES.slice(0, 20), { score, vocabSize: 200 })).toEqual(
        naive(counts, score, 200, 2),
      );
  });

  test("by hand", async () => {
    const options = { vocabSize: 100, minFrequency: 1, specialTokens: ["[UNK]"] };
    // ##a ##b: 4 of 4 · 8; x ##a: 4 of 4 · 4; y ##b and ##b ##b: 2 of 2 · 8 and 2 of 8 · 8. Counts: ##a ##b is first by ids.
    const texts = ["xab xab xab xab", "ybb ybb"];
    expect((await trainVocabulary(texts, { ...options, score: "count" })).slice(0, 8)).toEqual(
      ["[UNK]", "a", "b", "x", "y", "##a", "##b", "xa"], // x (3) before ##a (5)
    );
    expect((await trainVocabulary(texts, { ...options, score: "likelihood" })).slice(7)).toEqual(
      ["xa", "xab", "yb", "ybb"], // 4 / (4 · 4), then 4 / (4 · 8) before 2 / (2 · 8) by count, then 2 / (2 · 4)
    );
  });

  test.each(["count", "likelihood"] as const)("%s: its own text has no [UNK]", async (score) => {
    const tokenizer = BertTokenizer.fromVocabulary(await trainVocabulary(LINES, { vocabSize: 400, score }));
    for (const line of LINES) expect(tokenizer.encode(line).inputIds).not.toContain(tokenizer.unkTokenId);
  });

  test("characters beyond limitAlphabet are [UNK], the others never", async () => {
    const tokens = await trainVocabulary(LINES, { vocabSize: 300, limitAlphabet: 20, initialAlphabet: "zé" });
    const alphabet = new Set(tokens.filter((token) => Array.from(token).length === 1));
    expect(alphabet.size).toBe(20);
    expect(alphabet.has("z") && alphabet.has("é")).toBe(true);
    const tokenizer = BertTokenizer.fromVocabulary(tokens);
    for (const word of new Set(LINES.flatMap((line) => basicTokenize(line)))) {
      const known = Array.from(word).every((c) => alphabet.has(c));
      expect([word, tokenizer.tokenize(word).includes("[UNK]")]).toEqual([word, !known]);
    }
  });

  test("neither order of the texts nor where lines break changes anything", async () => {
    const options: TrainVocabularyOptions = { vocabSize: 400 };
    const tokens = await trainVocabulary(LINES, options);
    expect(await trainVocabulary(LINES.toReversed(), options)).toEqual(tokens);
    expect(await trainVocabulary([LINES.join("\n")], options)).toEqual(tokens);
    async function* stream() {
      yield* LINES;
    }
    expect(await trainVocabulary(stream(), options)).toEqual(tokens);
  });

  test("words are the basic tokenizer's", async () => {
    const text = [`"Ünïted" café—naïve! 北京 e\u0301\u0323\tx\u00a0y ${"中文é—".repeat(30)} ${"long".repeat(30)}`];
    for (const options of [{}, { doLowerCase: false }, { stripAccents: false }, { tokenizeChineseChars: false }]) {
      const counter = new WordCounter(options, 100);
      for (const t of text) counter.add(t);
      expect([...counter.counts().keys()].sort()).toEqual([...new Set(basicTokenize(text[0], options))].sort());
    }
  });

  test("too many words: the rarest go", () => {
    const counter = new WordCounter({}, 4);
    counter.add("a a a b b c d e");
    expect([...counter.counts()].sort()).toEqual([["a", 3], ["b", 2]]); // biome-ignore format: pairs
  });

  test.each([
    [{ vocabSize: 10 }, /vocabSize must be at least \d+, the special tokens and the alphabet, got 10/],
    [{ vocabSize: 0 }, "vocabSize must be a whole number from 1, got 0"],
    [{ minFrequency: 1.5 }, "minFrequency must be a whole number from 0, got 1.5"],
    [{ score: "best" as "count" }, 'score must be "count" or "likelihood", got "best"'],
    [{ specialTokens: ["a", "a"] }, 'specialTokens must be distinct, got "a", "a"'],
  ])("refuses %o", async (options, message) => {
    await expect(trainVocabulary(LINES, options)).rejects.toThrow(message);
  });

  test("refuses texts without words", async () => {
    await expect(trainVocabulary([" ", ""])).rejects.toThrow("texts must have at least one word, have none");
  });
});
