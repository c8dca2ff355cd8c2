import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { afterAll, describe, expect, expectTypeOf, test } from "vitest";
import { type FillMaskOutput, type FillMaskPrediction, loadBert, pipeline } from "../../src/pipelines/index.ts";
import { TOLERANCE } from "../tolerances.ts";
import { casesOf, expectBertError, POSITIONS, WEIGHTS } from "./support.ts";

const unmask = await pipeline("fill-mask", undefined, { backend: "plain" });
afterAll(() => unmask.dispose());

/** Compares all fields but the score exactly. */
function compare(got: readonly FillMaskPrediction[], want: readonly Partial<FillMaskPrediction>[]): void {
  expect(got.map(({ score: _, ...rest }) => rest)).toEqual(want.map(({ score: _, ...rest }) => rest));
  for (const [i, { score }] of want.entries()) {
    const error = Math.abs(got[i].score - score!);
    expect(error).toBeLessThanOrEqual(TOLERANCE.plain.fillMask);
    expect(error / score!).toBeLessThanOrEqual(TOLERANCE.plain.fillMaskRelative);
  }
}

describe("the answers of Hugging Face's pipeline", async () => {
  const cases = await casesOf("fill-mask");

  test("all of them are here", () => expect(cases.length).toBe(15));

  test.each(cases)("$input $options", async ({ input, options, output }) => {
    const got = await (unmask as (input: unknown, options: object) => Promise<unknown[]>)(input, options);
    // Nested as Python nests them: by text if there are several, by mask if there are several.
    const flat = (list: unknown) => [list].flat(3) as FillMaskPrediction[];
    const whole = flat(got);
    compare(whole.length > 8000 ? whole.filter((_, i) => i % 97 === 0) : whole, flat(output));
    if (whole.length < 8000) expect(shapeOf(got)).toEqual(shapeOf(output));
    else expect(whole.length).toBe(8192);
  });

  test("the model's own expected.json", async () => {
    const { fill_mask } = JSON.parse(await readFile(`${WEIGHTS}/expected.json`, "utf8"));
    expect(fill_mask.length).toBeGreaterThan(4);
    for (const { text, ids, top5 } of fill_mask) {
      expect(unmask.tokenizer.encode(text).inputIds).toEqual(ids);
      const got = await unmask(text);
      const perMask = Array.isArray(got[0]) ? (got as unknown as FillMaskPrediction[][]) : [got];
      expect(perMask.length).toBe(top5.length);
      for (const [m, predictions] of perMask.entries()) {
        compare(
          predictions.map(({ sequence: _, ...rest }) => rest as FillMaskPrediction),
          top5[m],
        );
      }
    }
  });
});

function shapeOf(value: unknown): unknown {
  return Array.isArray(value) ? value.map(shapeOf) : 0;
}

test("a text's answer is the same bits alone and in any batch", async () => {
  const texts = [
    "She opened the [MASK] and went into the room.",
    "[MASK]",
    "The [MASK] is a [MASK].",
    `${"word ".repeat(120)}[MASK]`,
    ...Array.from({ length: 16 }, (_, i) => `${"so ".repeat(i)}[MASK] it was.`),
  ];
  const batch = await unmask(texts, { top_k: 3 });
  expect(batch.length).toBe(texts.length);
  for (const [i, text] of texts.entries()) expect(batch[i]).toStrictEqual(await unmask(text, { top_k: 3 }));
});

test("scores are probabilities: of the whole vocabulary they sum to 1, and come largest first", async () => {
  const all = await unmask("The [MASK] of it.", { top_k: 1e6 });
  expect(all.length).toBe(8192);
  expect(new Set(all.map(({ token }) => token)).size).toBe(8192);
  expect(all.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 12);
  for (let i = 1; i < all.length; i++) expect(all[i].score).toBeLessThanOrEqual(all[i - 1].score);
});

test("top_k is the beginning of the whole list, for any k", async () => {
  const all = await unmask("He [MASK] it.", { top_k: 8192 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 8300 }), async (top_k) => {
      expect(await unmask("He [MASK] it.", { top_k })).toStrictEqual(all.slice(0, top_k));
    }),
    { numRuns: 10 },
  );
});

test("targets for each mask are those of a mask alone", async () => {
  const text = "The [MASK] is a [MASK].";
  const [first, second] = (await unmask(text, { targets: [["door", "window"], ["room"]] })) as FillMaskPrediction[][];
  expect(first).toStrictEqual((await unmask(text, { targets: ["door", "window"] }))[0]);
  expect(second).toStrictEqual((await unmask(text, { targets: ["room"] }))[1]);
  const fewer = unmask("The [MASK].", { targets: [["door"], ["room"]] });
  await expectBertError(fewer, "ERR_INPUT", "targets must have a list for each mask of a text, got 2 for 1");
  await expectBertError(unmask(text, { targets: [["door"], []] }), "ERR_INPUT", "targets must be at least one token");
});

test("a model of any class with the head will do, and gives the same bits", async () => {
  await using bert = await loadBert(undefined, { backend: "plain" }); // BertForPreTraining
  const other = await pipeline("fill-mask", bert);
  expect(await other("A [MASK] and a [MASK].")).toStrictEqual(await unmask("A [MASK] and a [MASK]."));
});

test("the type says whether a text has several masks; one that is known at run time alone has one", () => {
  expectTypeOf<FillMaskOutput<"The [MASK].">>().toEqualTypeOf<FillMaskPrediction[]>();
  expectTypeOf<FillMaskOutput<"[MASK] [MASK]">>().toEqualTypeOf<FillMaskPrediction[][]>();
  expectTypeOf<FillMaskOutput<`${string} the [MASK].`>>().toEqualTypeOf<FillMaskPrediction[]>();
  expectTypeOf<FillMaskOutput>().toEqualTypeOf<FillMaskPrediction[]>();
});

describe("bad input", () => {
  const ask = unmask as (...args: unknown[]) => Promise<unknown>;
  const many = "[MASK] ".repeat(POSITIONS);

  test.each<[string, unknown, unknown, string[]]>([
    ["no mask", "The door.", {}, ["text must be", "[MASK]", '"The door."']],
    ["no mask in one of several", ["A [MASK].", "The door."], {}, ["texts[1]", '"The door."']],
    ["another tokenizer's mask", "The <mask>.", {}, ["[MASK]", "<mask>"]],
    ["empty text", "", {}, ["text must be", 'got ""']],
    ["only blanks", " \n\u0000", {}, ["text must be a text with [MASK]"]],
    ["a lone surrogate", "The \ud83d [MASK].", {}, ["text", "well-formed", "surrogate at index 4"]],
    ["too many masks", many, {}, [`${POSITIONS} tokens`, `got ${POSITIONS + 2}`]],
    ["past the positions", `${"a ".repeat(POSITIONS - 2)}[MASK]`, {}, [`${POSITIONS} tokens`, `got ${POSITIONS + 1}`]],
    ["a million characters", `${"ab cd ".repeat(170_000)}[MASK]`, {}, ["text must be at most", "got 510003"]],
    ["a word of a million characters", `${"a".repeat(1_000_000)}`, {}, ["[MASK]", "aaa…"]],
    ["no text", undefined, {}, ["text must be a string", "undefined"]],
    ["a number", 5, {}, ["text must be a string", "got 5"]],
    ["null", null, {}, ["text must be a string", "null"]],
    ["an object", { text: "[MASK]" }, {}, ["text must be a string", "got {"]],
    ["a number among texts", ["[MASK]", 5], {}, ["texts[1] must be a string", "got 5"]],
    ["holes among texts", Array(2), {}, ["2 inputs must be a string: texts[0] (got undefined), texts[1] "]],
    ["nested arrays", [["[MASK]"]], {}, ["texts[0] must be a string", "got "]],
    ["no texts", [], {}, ["at least one text", "got []"]],
    ["top_k 0", "[MASK]", { top_k: 0 }, ["top_k must be a whole number from 1", "got 0"]],
    ["top_k -1", "[MASK]", { top_k: -1 }, ["top_k", "got -1"]],
    ["top_k 1.5", "[MASK]", { top_k: 1.5 }, ["top_k", "got 1.5"]],
    ["top_k NaN", "[MASK]", { top_k: Number.NaN }, ["top_k", "got NaN"]],
    ["top_k a string", "[MASK]", { top_k: "5" }, ["top_k", 'got "5"']],
    ["top_k null", "[MASK]", { top_k: null }, ["top_k", "got null"]],
    ["topK", "[MASK]", { topK: 5 }, ['unknown option "topK"; did you mean "top_k"?']],
    ["options no object", "[MASK]", 5, ["options must be an object", "got 5"]],
    ["options null", "[MASK]", null, ["options must be an object", "got null"]],
    ["no targets", "[MASK]", { targets: [] }, ["targets must be at least one token", "got []"]],
    [
      "a target that is no token",
      "[MASK]",
      { targets: ["door", "unaffable"] },
      ['"unaffable"', '"un", "##aff", "##able"'],
    ],
    ["all targets that are none", "[MASK]", { targets: ["qqqq", ""] }, ['"qqqq"', ', ""']],
    ["a target that is a name of objects", "[MASK]", { targets: "__proto__" }, ['"__proto__"']],
    ["a target that is no string", "[MASK]", { targets: [3] }, ["targets must be", "got 3"]],
    ["a target that is null", "[MASK]", { targets: null }, ["targets must be", "got null"]],
    ["a signal that is none", "[MASK]", { signal: true }, ["signal must be an AbortSignal", "got true"]],
  ])("%s", async (_, text, options, parts) => {
    await expectBertError(ask(text, options), "ERR_INPUT", "fill-mask: ", ...parts);
  });

  test("a message stays one short line, whatever the text", async () => {
    const error = await ask(`\u001b[31m${"long\n".repeat(1000)}`).catch((reason: Error) => reason);
    expect((error as Error).message).toMatch(/^.{20,200}$/);
  });

  test("the model still answers afterwards", async () => {
    const [first] = await casesOf("fill-mask");
    expect(await unmask(first.input as string)).toMatchObject(first.output.map(({ token_str }) => ({ token_str })));
  });
});

test("an aborted call rejects with the signal's reason", async () => {
  const reason = new Error("enough");
  await expect(unmask("[MASK]", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const running = unmask(Array(200).fill("The [MASK] is open."), { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 5);
  await expect(running).rejects.toBe(reason);
});
