import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { loadBert, pipeline } from "../../src/pipelines/index.ts";
import { TOLERANCE } from "../tolerances.ts";
import { casesOf, expectBertError, POSITIONS, WEIGHTS } from "./support.ts";

const isNext = await pipeline("next-sentence-prediction", undefined, { backend: "plain" });
afterAll(() => isNext.dispose());

async function expectIsNext(pair: readonly [string, string], truncation: boolean, want: number): Promise<void> {
  const both = await isNext(...pair, { top_k: null, truncation });
  const scores = new Map(both.map(({ label, score }) => [label, score]));
  expect([...scores.keys()].sort()).toEqual(["IsNext", "NotNext"]);
  const error = Math.max(Math.abs(scores.get("IsNext")! - want), Math.abs(scores.get("NotNext")! - (1 - want)));
  expect(error).toBeLessThanOrEqual(TOLERANCE.plain.nextSentence);
  expect(both[0].score).toBeGreaterThanOrEqual(both[1].score);
  expect(await isNext(...pair, { truncation })).toStrictEqual(both[0]);
}

describe("the answers of Hugging Face", async () => {
  const cases = await casesOf("next-sentence");
  test("one pair as an object", async () => {
    const any = isNext as (input: unknown) => Promise<unknown>;
    const pair = { text: "She went to the door.", text_pair: "It was locked." };
    expect(await isNext(pair)).toStrictEqual(await isNext(pair.text, pair.text_pair));
    expect(await isNext(pair, { top_k: null })).toStrictEqual((await isNext([pair], { top_k: null }))[0]);
    await expect(any({ ...pair, text_pair: 5 })).rejects.toThrow("pair.text_pair must be a string, got 5");
    await expect(any({ txt: "a", text_pair: "b" })).rejects.toThrow('did you mean "text"?');
  });

  test("all of them are here", () => expect(cases.length).toBe(5));
  test.each(cases)("$pair", ({ pair, truncation, is_next }) => expectIsNext(pair, truncation, is_next));

  test("the model's own expected.json", async () => {
    const { next_sentence } = JSON.parse(await readFile(`${WEIGHTS}/expected.json`, "utf8"));
    expect(next_sentence.length).toBeGreaterThan(1);
    for (const { a, b, ids, is_next } of next_sentence) {
      expect(isNext.tokenizer.encode(a, { textPair: b }).inputIds).toEqual(ids);
      await expectIsNext([a, b], false, is_next);
    }
  });
});

test("a pair's answer is the same bits alone and in any batch, as object or array", async () => {
  const pairs = Array.from(
    { length: 12 },
    (_, i) => [`${"so ".repeat(i)}it was.`, `${"and ".repeat(i % 7)}on.`] as const,
  );
  const mixed = pairs.map(([text, text_pair], i) => (i % 2 ? { text, text_pair } : ([text, text_pair] as const)));
  const batch = await isNext(mixed);
  const both = await isNext(mixed, { top_k: null });
  expect(batch.length).toBe(pairs.length);
  for (const [i, [a, b]] of pairs.entries()) {
    expect(batch[i]).toStrictEqual(await isNext(a, b));
    expect(both[i]).toStrictEqual(await isNext(a, b, { top_k: null }));
  }
});

test("a model of any class with the head will do, and gives the same bits", async () => {
  await using bert = await loadBert(undefined, { backend: "plain" }); // BertForPreTraining
  const other = await pipeline("next-sentence-prediction", bert);
  const pairs = [
    ["Yes.", "No."],
    ["It was.", "She went to the door."],
  ] as const;
  expect(await other(pairs)).toStrictEqual(await isNext(pairs));
});

describe("bad input", () => {
  const ask = isNext as unknown as (...args: unknown[]) => Promise<unknown>;
  const long = "long ".repeat(200);

  test.each<[string, unknown[], string[]]>([
    ["no second text", ["a"], ["text_pair must be a string", "undefined"]],
    ["options in its place", ["a", { top_k: null }], ["text_pair must be a string", '{"top_k": null}']],
    ["a lone surrogate", ["a", "b\udc00"], ["text_pair", "surrogate at index 1"]],
    [
      "a pair past the positions",
      [long, long],
      ["text and text_pair together", `${POSITIONS} tokens`, "the option truncation", "got 403"],
    ],
    [
      "one of several past the positions",
      [
        [
          ["a", "b"],
          [long, long],
        ],
      ],
      ["pairs[1][0] and pairs[1][1] together", "403"],
    ],
    ["a million characters", ["a", "ab cd ".repeat(170_000)], [`${POSITIONS} tokens`]],
    ["no pairs", [[]], ["pairs must be at least one pair", "[]"]],
    [
      "texts that are no pairs",
      [["a", "b"]],
      ['2 inputs must be { text, text_pair } or [text, text_pair]: pairs[0] (got "a"), pairs[1] (got "b")'],
    ],
    ["three texts", [[["a", "b", "c"]]], ["pairs[0] must be", '["a", "b", "c"]']],
    ["a pair without text_pair", [[{ text: "a" }]], ["pairs[0] must be", "got {"]],
    ["a number in a pair", [[{ text: "a", text_pair: 3 }]], ["pairs[0].text_pair must be a string", "got 3"]],
    ["null", [[null]], ["pairs[0] must be", "null"]],
    ["top_k 3", ["a", "b", { top_k: 3 }], ["top_k must be 1 or null", "got 3"]],
    ["top_k NaN", ["a", "b", { top_k: Number.NaN }], ["top_k", "NaN"]],
    ["options null", ["a", "b", null], ["options must be an object", "null"]],
    ["truncation a string", ["a", "b", { truncation: "yes" }], ["truncation must be true or false", '"yes"']],
    ["an unknown option", ["a", "b", { maxLength: 3 }], ['unknown option "maxLength"; known are ']],
  ])("%s", async (_, args, parts) => {
    await expectBertError(ask(...args), "ERR_INPUT", "next-sentence-prediction: ", ...parts);
  });
});
