import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Document } from "../../../src/training/pretraining/documents.ts";
import { type SentencePair, sentencePairs } from "../../../src/training/pretraining/sentencePairs.ts";
import { Random } from "../../../src/training/random.ts";
import { aliceDocuments } from "./support.ts";

/** A document whose sentences have these lengths. */
function documentOf(lengths: readonly number[]): Document {
  const ends = Int32Array.from(lengths);
  for (let i = 1; i < ends.length; i++) ends[i] += ends[i - 1];
  return { ends, tokens: new Uint16Array(ends.at(-1)!) };
}

const lengthsOf = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 30 });
const documentsOf = fc.array(lengthsOf.map(documentOf), { minLength: 2, maxLength: 6 });
const sizeOf = ({ first, second }: SentencePair) => first.end - first.start + second.end - second.start;

describe("sentencePairs", () => {
  test("every pair keeps the rules", () => {
    fc.assert(
      fc.property(documentsOf, fc.integer({ min: 5, max: 40 }), fc.nat(), (documents, maxSeqLength, seed) => {
        const random = new Random(seed);
        for (const index of documents.keys()) {
          for (const pair of sentencePairs(documents, index, { maxSeqLength, shortSeqProb: 0.3 }, random)) {
            const { first, second, isRandomNext, isForced } = pair;
            expect(first.document).toBe(index);
            expect(sizeOf(pair)).toBeLessThanOrEqual(maxSeqLength - 3);
            for (const { document, start, end } of [first, second]) {
              expect(start).toBeGreaterThanOrEqual(0);
              expect(end).toBeGreaterThan(start);
              expect(end).toBeLessThanOrEqual(documents[document].tokens.length);
            }
            expect(second.document === index).toBe(!isRandomNext);
            if (isForced) expect(isRandomNext).toBe(true);
            if (isRandomNext) continue;
            // The second begins where a sentence ends that the first does not go beyond.
            expect([...documents[index].ends].some((end) => first.end <= end && end <= second.start)).toBe(true);
            if (sizeOf(pair) < maxSeqLength - 3) expect(second.start).toBe(first.end); // nothing was cut
          }
        }
      }),
    );
  });

  test("without cutting, the segments of a document are all of it, once, in order: what was not used is put back", () => {
    fc.assert(
      fc.property(documentsOf, fc.nat(), (documents, seed) => {
        const random = new Random(seed);
        // Longer than any two documents, so that nothing is cut; targets may be far below.
        const longest = 2 * Math.max(...documents.map(({ tokens }) => tokens.length));
        for (const [index, { ends }] of documents.entries()) {
          let at = 0;
          for (const pair of sentencePairs(documents, index, { maxSeqLength: longest + 3, shortSeqProb: 1 }, random)) {
            expect(pair.first.start).toBe(at);
            at = pair.isRandomNext ? pair.first.end : pair.second.end;
            expect(ends).toContain(pair.first.end);
            expect(documents[pair.second.document].ends).toContain(pair.second.end);
            expect([0, ...documents[pair.second.document].ends]).toContain(pair.second.start);
          }
          expect(at).toBe(ends.at(-1));
        }
      }),
    );
  });

  test("gathers to the target and no further", () => {
    // Sentences of 5 with a target of 12: three at a time, of which one or two come first.
    const documents = [documentOf(new Array(30).fill(5)), documentOf([1])];
    const pairs = [...sentencePairs(documents, 0, { maxSeqLength: 15, shortSeqProb: 0 }, new Random(3))];
    expect(pairs.length).toBeGreaterThanOrEqual(10);
    for (const pair of pairs.slice(0, -2)) {
      if (!pair.isRandomNext) expect(sizeOf(pair)).toBe(12);
      else expect(sizeOf(pair)).toBeLessThanOrEqual(11); // one sentence of 5, or two, and the other document's only token
    }
    const share = pairs.filter(({ isForced }) => isForced).length;
    expect(share).toBeLessThanOrEqual(1); // the last sentence alone, if at all
  });

  test("half of the pairs that have a choice, on a real text", async () => {
    const documents = await aliceDocuments();
    const random = new Random(7);
    let [chosen, choices] = [0, 0];
    for (let pass = 0; pass < 30; pass++) {
      for (const index of documents.keys()) {
        const pairs = sentencePairs(documents, index, { maxSeqLength: 64, shortSeqProb: 0.1 }, random);
        for (const { isRandomNext, isForced } of pairs) {
          if (isForced) continue;
          choices++;
          if (isRandomNext) chosen++;
        }
      }
    }
    expect(choices).toBeGreaterThan(5000);
    expect(Math.abs(chosen - choices / 2)).toBeLessThan(4 * Math.sqrt(choices / 4));
  });

  test("one target in ten is shorter, each length as often", () => {
    // A document of single tokens shows its target as the length of the first pair.
    const documents = [documentOf(new Array(200).fill(1)), documentOf(new Array(500).fill(1))];
    const random = new Random(11);
    let short = 0;
    let sum = 0;
    const draws = 4000;
    for (let i = 0; i < draws; i++) {
      const [pair] = sentencePairs(documents, 0, { maxSeqLength: 103, shortSeqProb: 0.1 }, random);
      const size = sizeOf(pair);
      if (pair.isRandomNext || size === 100) continue;
      short++;
      sum += size;
    }
    // Of the 400 short ones expected, the half that are not random show; 1 in 99 of them is 100. Their mean is (2 + 99) / 2.
    const expected = draws * 0.1 * 0.5 * (98 / 99);
    expect(Math.abs(short - expected)).toBeLessThan(4 * Math.sqrt(expected));
    expect(Math.abs(sum / short - 50.5)).toBeLessThan((4 * 28.3) / Math.sqrt(short));
  });

  test("cuts front and back, the longer segment", () => {
    const documents = [documentOf([40, 40]), documentOf([40])];
    const random = new Random(13);
    let [front, back] = [0, 0];
    for (let i = 0; i < 500; i++) {
      for (const { first, second } of sentencePairs(documents, 0, { maxSeqLength: 23, shortSeqProb: 0 }, random)) {
        expect([first.end - first.start, second.end - second.start]).toEqual([10, 10]);
        front += first.start % 40;
        back += 40 - (((first.end - 1) % 40) + 1);
      }
    }
    expect(front + back).toBe(500 * 2 * 30);
    expect(Math.abs(front - back)).toBeLessThan(5 * Math.sqrt(front + back));
  });
});
