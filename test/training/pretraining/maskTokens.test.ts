import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BertTokenizer } from "../../../src/tokenizer/index.ts";
import { maskTokens, maskVocabulary } from "../../../src/training/pretraining/maskTokens.ts";
import { Random } from "../../../src/training/random.ts";

const TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."abcdefghij", ..."abcdefghij".replace(/./g, "##$& ").trim().split(" ")]; // biome-ignore format: a list
const tokenizer = BertTokenizer.fromVocabulary(TOKENS);
const vocabulary = maskVocabulary(tokenizer, tokenizer.maskTokenId!);
const [UNK, CLS, SEP, MASK] = [1, 2, 3, 4];
const FLAGS = { maskedLmProb: 0.15, maxPredictionsPerSeq: 20, doWholeWordMask: false };

const segment = fc.array(fc.integer({ min: 5, max: TOKENS.length - 1 }), { minLength: 1, maxLength: 60 });
const sequence = fc.tuple(segment, segment).map(([a, b]) => Int32Array.of(CLS, ...a, SEP, ...b, SEP));

/** Python's round, by way of its decimal digits: the even one of two equally near. */
function pythonRound(x: number): number {
  const [below, above] = [Math.floor(x), Math.ceil(x)];
  if (x - below === above - x) return below % 2 === 0 ? below : above;
  return x - below < above - x ? below : above;
}

describe("maskTokens", () => {
  test("the vocabulary's kinds", () => {
    expect([...vocabulary.words]).toEqual(Array.from({ length: 20 }, (_, i) => i + 5));
    expect([...vocabulary.isSpecial]).toEqual(TOKENS.map((_, i) => (i < 5 ? 1 : 0)));
    expect([...vocabulary.isContinuation]).toEqual(TOKENS.map((token) => (token.startsWith("##") ? 1 : 0)));
  });

  test("how many, where, and back again", () => {
    fc.assert(
      fc.property(
        sequence,
        fc.constantFrom(0.05, 0.15, 0.5),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(),
        (ids, maskedLmProb, most, seed) => {
          const masked = ids.slice();
          const flags = { maskedLmProb, maxPredictionsPerSeq: most, doWholeWordMask: false };
          const { positions, labels } = maskTokens(masked, flags, vocabulary, new Random(seed));
          const wanted = Math.min(most, Math.max(1, pythonRound(ids.length * maskedLmProb)));
          expect(positions.length).toBe(Math.min(wanted, ids.length - 3));
          expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
          for (const i of positions) expect([CLS, SEP]).not.toContain(ids[i]);
          for (const [i, id] of masked.entries()) if (!positions.includes(i)) expect(id).toBe(ids[i]);
          for (const [n, i] of positions.entries()) masked[i] = labels[n];
          expect(masked).toEqual(ids);
        },
      ),
    );
  });

  test("80, 10 and 10 %, every place and every token as often", () => {
    const random = new Random(17);
    const ids = Int32Array.of(CLS, ...new Array(60).fill(5), SEP, ...new Array(60).fill(6), SEP);
    const [places, replacements] = [new Array(ids.length).fill(0), new Map<number, number>()];
    let [mask, total] = [0, 0];
    for (let i = 0; i < 3000; i++) {
      const masked = ids.slice();
      const { positions } = maskTokens(masked, FLAGS, vocabulary, random);
      for (const at of positions) {
        total++;
        places[at]++;
        if (masked[at] === MASK) mask++;
        else if (masked[at] !== ids[at]) replacements.set(masked[at], (replacements.get(masked[at]) ?? 0) + 1);
      }
    }
    const within = (got: number, p: number, n: number) =>
      expect(Math.abs(got - n * p)).toBeLessThan(4 * Math.sqrt(n * p * (1 - p)));
    expect(total).toBe(3000 * 18);
    within(mask, 0.8, total);
    const changed = [...replacements.values()].reduce((a, b) => a + b, 0);
    within(changed, 0.1 * (19 / 20), total); // one random token of twenty is the old one
    expect([...replacements.keys()].sort((a, b) => a - b)).toEqual([...vocabulary.words]);
    for (const [id, count] of replacements) within(count, (id < 7 ? 0.5 : 1) * 0.005, total);
    for (const [i, count] of places.entries()) {
      if ([0, 61, 122].includes(i)) expect(count).toBe(0);
      else within(count, 18 / 120, 3000);
    }
  });

  test("whole words, all of a word or nothing", () => {
    fc.assert(
      fc.property(sequence, fc.integer({ min: 1, max: 20 }), fc.nat(), (ids, most, seed) => {
        const flags = { maskedLmProb: 0.15, maxPredictionsPerSeq: most, doWholeWordMask: true };
        const masked = ids.slice();
        const { positions, labels } = maskTokens(masked, flags, vocabulary, new Random(seed));
        const wanted = Math.min(most, Math.max(1, pythonRound(ids.length * 0.15)));
        expect(positions.length).toBeLessThanOrEqual(wanted);
        const chosen = new Set(positions);
        for (let i = 1; i < ids.length; i++) {
          const sameWord = vocabulary.isContinuation[ids[i]] === 1 && vocabulary.isSpecial[ids[i - 1]] === 0;
          if (sameWord) expect(chosen.has(i)).toBe(chosen.has(i - 1));
        }
        for (const [n, i] of positions.entries()) masked[i] = labels[n];
        expect(masked).toEqual(ids);
      }),
    );
  });

  test("whole words: a word that is too long for what is left is passed over, not the rest", () => {
    const word = [5, ...new Array(9).fill(16)];
    const ids = Int32Array.of(CLS, ...word, 6, 7, SEP, ...word, 8, SEP);
    for (let seed = 0; seed < 50; seed++) {
      const flags = { maskedLmProb: 0.15, maxPredictionsPerSeq: 3, doWholeWordMask: true };
      const { positions } = maskTokens(ids.slice(), flags, vocabulary, new Random(seed));
      expect(positions).toEqual([11, 12, 24]);
    }
  });

  test("[UNK] and other special tokens of the text stay, and stand for nothing", () => {
    const ids = Int32Array.of(CLS, UNK, MASK, SEP, 0, 7, SEP);
    for (let seed = 0; seed < 50; seed++) {
      const masked = ids.slice();
      expect(maskTokens(masked, { ...FLAGS, maskedLmProb: 1 }, vocabulary, new Random(seed)).positions).toEqual([5]);
      expect(masked.with(5, 7)).toEqual(ids);
    }
  });
});
