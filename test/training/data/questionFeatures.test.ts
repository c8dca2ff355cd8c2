import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Located } from "../../../src/training/data/located.ts";
import { questionFeatures, questionWindows } from "../../../src/training/data/questionFeatures.ts";
import type { SquadExample } from "../../../src/training/data/squad.ts";
import { letters } from "./support.ts";

const example = (
  question: string,
  context: string,
  text?: string,
  start = context.indexOf(text ?? ""),
): Located<SquadExample> => ({
  where: "train.json: data[0].paragraphs[0].qas[0]",
  id: "q",
  question,
  context,
  answers: text === undefined ? [] : [{ text, start }],
});
const positions = (e: Located<SquadExample>, options = {}) =>
  questionFeatures(letters, [e], options).map(({ startPositions, endPositions }) => [startPositions, endPositions]);

describe("questionFeatures, by hand", () => {
  test("[CLS] question [SEP] context [SEP], and the answer's first and last token", () => {
    // 0 [CLS] 1 e 2 [SEP] 3 a 4 b 5 ##c 6 d 7 . 8 [SEP]
    const [feature] = questionFeatures(letters, [example("  e", "a bc d.", "bc d")]);
    expect(Array.from(feature.inputIds)).toEqual([2, 8, 3, 4, 5, 11, 7, 15, 3]);
    expect(Array.from(feature.tokenTypeIds)).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1]);
    expect([feature.startPositions, feature.endPositions, feature.example]).toEqual([4, 6, 0]);
  });

  test("an answer at the very beginning, and at the very end", () => {
    expect(positions(example("e", "a b c", "a"))).toEqual([[3, 3]]);
    expect(positions(example("e", "a b c", "c"))).toEqual([[5, 5]]); // run_qa.py: [6, 5], where 6 is [SEP]
    expect(positions(example("e", "a b c", "a b c"))).toEqual([[3, 5]]);
  });

  test("an answer that begins or ends inside a word, or with a space, takes in whole tokens", () => {
    expect(positions(example("e", "a bcd e", "c"))).toEqual([[5, 5]]); // ##c
    expect(positions(example("e", "a abc e", " ab"))).toEqual([[3, 5]]); // the last token that begins at or before the space
  });

  test("no answer: [CLS]", () => {
    expect(positions(example("e", "a b c"))).toEqual([[0, 0]]);
    expect(positions(example("e", " ", " "))).toEqual([[0, 0]]); // no token in the context
  });

  test("windows: the answer where it is whole, [CLS] in the others; positions count in each window", () => {
    // room for 4 tokens of the context, of which 2 are shared: a b c d | c d e a | e a b
    const windows = example("e", "a b c d e a b", "d e");
    expect(positions(windows, { maxLength: 8, docStride: 2 })).toEqual([
      [0, 0],
      [4, 5],
      [0, 0],
    ]);
    const ids = questionFeatures(letters, [windows], { maxLength: 8, docStride: 2 }).map(({ inputIds }) =>
      Array.from(inputIds).slice(3, -1),
    );
    expect(ids).toEqual([
      [4, 5, 6, 7],
      [6, 7, 8, 4],
      [8, 4, 5],
    ]);
  });

  test("windows know which example they are of", () => {
    const examples = [example("e", "a b c d e a b"), example("e", "a"), example("e", "a b c d e")];
    const all = [...questionWindows(letters, examples, { maxLength: 8, docStride: 2 })];
    expect(all.map((window) => window.example)).toEqual([0, 0, 0, 1, 2, 2]);
    expect(questionFeatures(letters, examples, { maxLength: 8, docStride: 2 }).map((f) => f.example)).toEqual([
      0, 0, 0, 1, 2, 2,
    ]);
  });

  test.each([
    [{ maxLength: 5, docStride: 128 }, "docStride must be less than the 2 tokens"],
    [{ maxLength: 4, docStride: 0 }, "maxLength must leave room"],
  ])("a question that leaves too little room is an error: %j", (options, reason) => {
    expect(() => positions(example("e e", "a b c d", "a"), options)).toThrow(
      expect.objectContaining({
        code: "ERR_INPUT",
        message: expect.stringContaining(`data[0].paragraphs[0].qas[0]: encode: ${reason}`),
      }),
    );
  });
});

test("the tokens between the positions are those that the answer touches, in just the windows that have all of them", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abcde"), minLength: 1, maxLength: 4 });
  const context = fc.array(word, { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      context,
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 9, max: 14 }),
      fc.integer({ min: 0, max: 3 }),
      (words, a, b, maxLength, docStride) => {
        const text = words.join(" ");
        const from = a % words.length;
        const to = from + (b % (words.length - from));
        const start = words.slice(0, from).join(" ").length + (from > 0 ? 1 : 0);
        const answer = words.slice(from, to + 1).join(" ");
        const e = example("e a", text, answer, start);
        const features = questionFeatures(letters, [e], { maxLength, docStride });
        const whole = letters.encode(text, { addSpecialTokens: false });
        const wanted = whole.wordIds.flatMap((word, t) => (word! >= from && word! <= to ? [whole.inputIds[t]] : []));
        const windows = [...questionWindows(letters, [e], { maxLength, docStride })];
        let holding = 0;
        for (const [i, { inputIds, startPositions, endPositions }] of features.entries()) {
          const { offsets, sequenceIds } = windows[i].encoding;
          const touched = offsets.flatMap(([s, end], t) =>
            sequenceIds[t] === 1 && s < start + answer.length && end > start ? [t] : [],
          );
          const has = touched.length === wanted.length;
          expect([startPositions, endPositions]).toEqual(has ? [touched[0], touched.at(-1)] : [0, 0]);
          if (!has) continue;
          holding++;
          expect(Array.from(inputIds.subarray(startPositions, endPositions + 1))).toEqual(wanted);
        }
        // Every run of at most docStride + 1 tokens is whole in some window.
        if (wanted.length <= docStride + 1) expect(holding).toBeGreaterThan(0);
      },
    ),
  );
});
