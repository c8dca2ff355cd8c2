import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { pipeline } from "../../src/pipelines/index.ts";
import { expectBertError } from "./support.ts";

/** What is wrong with several inputs of a call is said of all of them at once, before anything is computed. */
const folder = (name: string) => fileURLToPath(new URL(`./reference/heads/${name}`, import.meta.url));
const plain = { backend: "plain" } as const;
const classify = await pipeline("text-classification", folder("nli"), plain);
const ner = await pipeline("ner", folder("ner"), plain);
const unmask = await pipeline("fill-mask", folder("mlm"), plain);
const ask = await pipeline("question-answering", folder("qa"), plain);
const choose = await pipeline("multiple-choice", folder("multiple_choice"), plain);
const zeroShot = await pipeline("zero-shot-classification", classify.model);
const likelihood = await pipeline("pseudo-log-likelihood", unmask.model);
const extract = await pipeline("feature-extraction", unmask.model);
const similarity = await pipeline("sentence-similarity", unmask.model);
const isNext = await pipeline("next-sentence-prediction", undefined, plain);
const all = [classify, ner, unmask, ask, choose, isNext];
afterAll(async () => {
  for (const { dispose } of all) await dispose();
});

const long = (tokens: number) => "a ".repeat(tokens - 2); // with [CLS] and [SEP]
const any = (call: unknown) => call as (...args: unknown[]) => Promise<unknown>;

describe("inputs that are wrong in one way are named together", () => {
  const tooLong = "must be at most 64 tokens long, the most that the model takes: ";
  test.each<[string, () => Promise<unknown>, string]>([
    [
      "text-classification",
      () => classify(["a", long(65), "b", long(70)]),
      `text-classification: 2 inputs ${tooLong}texts[1] (got 65), texts[3] (got 70); the option truncation cuts what is longer`,
    ],
    [
      "pairs",
      () =>
        classify([
          { text: long(40), text_pair: long(40) },
          { text: long(64) },
          { text: long(60), text_pair: "a a a a" },
        ]),
      `2 inputs ${tooLong}texts[0].text and texts[0].text_pair together (got 79), texts[2].text and texts[2].text_pair together (got 65)`,
    ],
    [
      "token-classification",
      () => ner([long(65), long(66)]),
      `2 inputs ${tooLong}texts[0] (got 65), texts[1] (got 66)`,
    ],
    [
      "feature-extraction",
      () => extract([long(65), long(66)]),
      `2 inputs ${tooLong}texts[0] (got 65), texts[1] (got 66)`,
    ],
    [
      "sentence-similarity",
      () =>
        similarity(
          [
            { source_sentence: "a", sentences: ["b", long(65)] },
            { source_sentence: long(66), sentences: ["b"] },
          ],
          { truncation: false },
        ),
      `sentence-similarity: 2 inputs ${tooLong}inputs[0].sentences[1] (got 65), inputs[1].source_sentence (got 66)`,
    ],
    [
      "pseudo-log-likelihood",
      () => likelihood([long(65), "a", long(66)]),
      `${tooLong}texts[0] (got 65), texts[2] (got 66)`,
    ],
    [
      "zero-shot",
      () => zeroShot(["a", long(65), long(66)], "sea"),
      `2 inputs ${tooLong}texts[1] and labels[0] together (got `,
    ],
    [
      "multiple-choice",
      () =>
        choose([
          { text: "a", choices: [long(65)] },
          { text: long(65), choices: ["a"] },
        ]),
      `2 inputs ${tooLong}items[0].text and items[0].choices[0] together (got 67)`,
    ],
    [
      "next-sentence-prediction",
      () =>
        isNext([
          [long(300), "a"],
          [long(301), "a"],
        ]),
      "next-sentence-prediction: 2 inputs must be at most 256 tokens long, the most that the model takes: pairs[0][0] and pairs[0][1] together (got 302), ",
    ],
    [
      "no mask",
      () => unmask(["a [MASK]", "a", "", "b"]),
      'fill-mask: 3 inputs must be a text with [MASK]: texts[1] (got "a"), texts[2] (got ""), texts[3] (got "b")',
    ],
    [
      "a mask cut off",
      () => unmask(["[MASK]", `${long(64)}[MASK]`, `[MASK] ${long(64)}[MASK]`], { truncation: true }),
      "fill-mask: 2 inputs must be a text with every [MASK] in the 64 tokens that truncation leaves: texts[1] (has one at index 124), texts[2] (has one at index 131)",
    ],
    [
      "no strings",
      () => any(extract)(["a", 1, null]),
      "2 inputs must be a string: texts[1] (got 1), texts[2] (got null)",
    ],
    [
      "holes",
      () => any(extract)(new Array(2)),
      "2 inputs must be a string: texts[0] (got undefined), texts[1] (got undefined)",
    ],
    [
      "lone surrogates",
      () => classify(["a\ud800", "b", "\udfff"]),
      "2 inputs must be well-formed Unicode: texts[0] (has a lone surrogate at index 1), texts[2] (has a lone surrogate at index 0)",
    ],
    [
      "questions",
      () => ask(["", "a", ""], "b"),
      '2 inputs must be a text that is not empty: questions[0].question (got ""), questions[2].question (got "")',
    ],
    [
      "labels",
      () => any(zeroShot)("a", [1, "b", 2]),
      "2 inputs must be a string: labels[0] (got 1), labels[2] (got 2)",
    ],
    [
      "words",
      () => any(ner)([["a"], "b", "c"], { is_split_into_words: true }),
      "2 inputs must be a list of words, as is_split_into_words says: texts[1] ",
    ],
    [
      "texts that are empty",
      () => zeroShot(["", "a", ""], "sea"),
      "2 inputs must be a text that is not empty: texts[0]",
    ],
  ])("%s", (_, call, message) => expectBertError(call(), "ERR_INPUT", message));

  test("ten of 5,000, the number of the others, and nothing is computed", async () => {
    const forward = vi.spyOn(classify.model, "forward");
    const texts = Array.from({ length: 5000 }, (_, i) => (i % 12 === 7 ? long(65 + (i % 5)) : `a text ${i}`));
    const wrong = texts.flatMap((text, i) => (text.length > 100 ? [i] : []));
    await expectBertError(
      classify(texts),
      "ERR_INPUT",
      `text-classification: ${wrong.length} inputs must be at most 64 tokens long`,
      `texts[${wrong[0]}] (got ${65 + (wrong[0] % 5)})`,
      `texts[${wrong[9]}] (got ${65 + (wrong[9] % 5)}) and ${wrong.length - 10} more; the option truncation`,
    );
    expect(forward).not.toHaveBeenCalled();
    forward.mockRestore();
  });

  test("of two kinds it is the first", () =>
    expectBertError(
      classify(["a", long(65), "\ud800", long(66)]),
      "ERR_INPUT",
      "texts[2] must be well-formed Unicode",
    ));
});

describe("an unknown field is an error that names the nearest", () => {
  test.each<[string, () => Promise<unknown>, string]>([
    [
      "text-classification",
      () => any(classify)({ text: "a", textPair: "b" }),
      'text-classification: text: unknown field "textPair"; did you mean "text_pair"?',
    ],
    ["in a list", () => any(classify)(["a", { text: "a", pair: "b" }]), 'texts[1]: unknown field "pair"; '],
    [
      "next-sentence-prediction",
      () => any(isNext)([{ text: "a", textpair: "b" }]),
      'pairs[0]: unknown field "textpair"; did you mean "text_pair"?',
    ],
    [
      "question-answering",
      () => any(ask)({ question: "a", contexts: "b" }),
      'unknown field "contexts"; did you mean "context"?',
    ],
    [
      "multiple-choice",
      () => any(choose)([{ text: "a", choice: ["b"] }]),
      'items[0]: unknown field "choice"; did you mean "choices"?',
    ],
    [
      "sentence-similarity",
      () => any(similarity)({ source_sentence: "a", sentence: ["b"] }),
      'unknown field "sentence"; did you mean "sentences"?',
    ],
  ])("%s", (_, call, message) => expectBertError(call(), "ERR_INPUT", message));

  test("text_pair may be null, as Python's None", async () => {
    expect(await any(classify)({ text: "a", text_pair: null })).toEqual(await classify("a"));
  });
});

describe("errors speak in the caller's words", () => {
  const context = "Emma walked in London. ".repeat(20);
  test.each<[string, () => Promise<unknown>, string]>([
    [
      "doc_stride, of any window",
      () => ask("Who?", "a", { doc_stride: 61 }),
      "question-answering: doc_stride must be a whole number from 0, and less than the 61 tokens of a window, got 61",
    ],
    [
      "doc_stride, of these",
      () => ask("Who walked in London with her?", context, { doc_stride: 55 }),
      "question-answering: doc_stride must be less than the 51 tokens of the context that a window has beside the question, got 55",
    ],
    [
      "a label that leaves no room",
      () => zeroShot(long(70), long(64), { truncation: true }),
      "zero-shot-classification: labels[0] must be short enough to leave a text room in 64 tokens",
    ],
  ])("%s", (_, call, message) => expectBertError(call(), "ERR_INPUT", message));

  test("a doc_stride that no window needs is none's business", async () => {
    expect((await ask("Who walked in London with her?", "Emma walked", { doc_stride: 55 })).answer).not.toBe("");
  });
});

describe("truncation of fill-mask", () => {
  test("gives what the beginning of the text gives", async () => {
    const text = `a [MASK] ${long(100)}`;
    const kept = unmask.tokenizer.decode(unmask.tokenizer.encode(text, { truncation: true }).inputIds.slice(1, -1));
    expect(await unmask(text, { truncation: true, top_k: 3 })).toEqual(await unmask(kept, { top_k: 3 }));
    await expectBertError(unmask(text), "ERR_INPUT", "text must be at most 64 tokens long", "the option truncation");
    await expectBertError(unmask("a", { truncation: 1 as never }), "ERR_INPUT", "truncation must be true or false");
  });
});
