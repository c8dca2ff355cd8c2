import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { answerAll, type Steps } from "../../src/pipelines/answerAll.ts";
import { type Answer, buildIndex, pipeline } from "../../src/pipelines/index.ts";
import { expectBertError } from "./support.ts";

/** In which forms each pipeline takes what it is asked: alone, in arrays, in streams; texts in words. */
const folder = (name: string) => fileURLToPath(new URL(`./reference/heads/${name}`, import.meta.url));
const plain = { backend: "plain" } as const;
const ner = await pipeline("ner", folder("ner"), plain);
const ask = await pipeline("question-answering", folder("qa"), plain);
const choose = await pipeline("multiple-choice", folder("multiple_choice"), plain);
const likelihood = await pipeline("pseudo-log-likelihood", folder("mlm"), plain);
const similarity = await pipeline("sentence-similarity", undefined, plain);
const extract = await pipeline("feature-extraction", similarity.model);
afterAll(async () => {
  for (const { dispose } of [ner, ask, choose, likelihood, similarity]) await dispose();
});

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}
async function* slowly<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) {
    await new Promise((turn) => setTimeout(turn));
    yield item;
  }
}

const TEXTS = [
  "The door was open.",
  "Emma Smith lived in London with John and Anna from Bath.",
  "Happy? Not very, she said.",
];

describe("an array and a stream give what each alone gives, to the bit", () => {
  test("sentence-similarity", async () => {
    const inputs = [
      { source_sentence: TEXTS[0], sentences: TEXTS },
      { source_sentence: TEXTS[2], sentences: [TEXTS[1]] },
    ];
    const alone = [await similarity(inputs[0]), await similarity(inputs[1])];
    expect(alone.map(({ length }) => length)).toEqual([3, 1]);
    expect(alone[1][0]).toBe((await similarity({ source_sentence: TEXTS[2], sentences: TEXTS }))[1]);
    expect(await similarity(inputs)).toEqual(alone);
    expect(await collect(similarity(slowly(inputs)))).toEqual(alone);
  });

  test("multiple-choice", async () => {
    const items = [
      { text: TEXTS[0], choices: TEXTS },
      { text: TEXTS[1], choices: TEXTS.slice(0, 2) },
    ];
    const alone = [await choose(TEXTS[0], TEXTS), await choose(TEXTS[1], TEXTS.slice(0, 2))];
    expect(alone.map(({ length }) => length)).toEqual([3, 2]);
    for (const choices of alone) expect(choices.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 12);
    expect(await choose(items)).toEqual(alone);
    expect(await collect(choose(slowly(items)))).toEqual(alone);
  });

  test("pseudo-log-likelihood", async () => {
    const alone = [];
    for (const text of TEXTS) alone.push(await likelihood(text));
    expect(await likelihood(TEXTS)).toEqual(alone);
    expect(await collect(likelihood(slowly(TEXTS)))).toEqual(alone);
  });

  test("search", async () => {
    const index = await buildIndex(extract, TEXTS);
    const alone = [await index.search(TEXTS[0], 2), await index.search("Who?", 2)];
    expect(alone[0][0]).toMatchObject({ index: 0, text: TEXTS[0] });
    expect(await index.search([TEXTS[0], "Who?"], 2)).toEqual(alone);
    const hybrid = [await index.search(TEXTS[0], 2, { hybrid: true }), await index.search("Who?", 2, { hybrid: true })];
    expect(await index.search([TEXTS[0], "Who?"], 2, { hybrid: true })).toEqual(hybrid);
  });

  test("question-answering: one object, one context for all, a context for each", async () => {
    const [question, other] = ["Who lived in London?", "Where did she walk?"];
    const alone = [await ask(question, TEXTS[1]), await ask(other, TEXTS[1])];
    expect(await ask({ question, context: TEXTS[1] })).toEqual(alone[0]);
    expect(await ask([question, other], TEXTS[1])).toEqual(alone);
    expect(await ask([question, other], [TEXTS[1], TEXTS[1]])).toEqual(alone);
    const several: Answer[][] = await ask([question, other], TEXTS[1], { top_k: 2 });
    expect(several).toEqual([await ask(question, TEXTS[1], { top_k: 2 }), await ask(other, TEXTS[1], { top_k: 2 })]);
    expect(await ask({ question, context: TEXTS[1] }, { top_k: 2 })).toEqual(several[0]);
  });

  test("a stream is closed when the loop is left, and gives its results before a bad input", async () => {
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield TEXTS[0];
      } finally {
        closed = true;
      }
    }
    for await (const { score } of likelihood(endless())) {
      expect(score).toBeLessThan(0);
      break;
    }
    expect(closed).toBe(true);
    const seen: number[] = [];
    const loop = async () => {
      for await (const { score } of likelihood([TEXTS[0], " "].values())) seen.push(score);
    };
    await expectBertError(loop(), "ERR_INPUT", "texts[1] must be a text with at least one word");
    expect(seen.length).toBe(1);
  });
});

describe("token-classification of texts in words", () => {
  const words = "Emma Smith lived in London , and the unopenable door .".split(" ");
  const split = { is_split_into_words: true } as const;

  test.each(["none", "simple", "first", "average", "max"] as const)(
    "words that are tokens of the joined text get its answers: %s",
    async (aggregation_strategy) => {
      const options = { aggregation_strategy, ignore_labels: [] };
      const joined = await ner(words.join(" "), options as { aggregation_strategy: "simple" });
      expect(joined.length).toBeGreaterThan(3);
      expect(await ner(words, { ...options, ...split })).toEqual(joined);
      expect(await ner([words, words], { ...options, ...split })).toEqual([joined, joined]);
      expect(await collect(ner(slowly([words]), { ...options, ...split }))).toEqual([joined]);
    },
  );

  test("in windows", async () => {
    const long = Array(12).fill(words).flat();
    const options = { aggregation_strategy: "first", ignore_labels: [], stride: 7 } as const;
    expect(await ner(long, { ...options, ...split })).toEqual(await ner(long.join(" "), options));
  });

  test("places are those in the words with the delimiter between them", async () => {
    const options = { ...split, ignore_labels: [] };
    const at = (entities: { start: number; end: number }[]) => entities.map(({ start, end }) => [start, end]);
    // "ab", "🏠c": two units of UTF-16 for the house.
    expect(at(await ner(["Emma", "🏠", "Smith"], { ...options, delimiter: "" }))).toEqual([
      [0, 4],
      [4, 6],
      [6, 11],
    ]);
    expect(at(await ner(["Emma", "🏠", "Smith"], { ...options, delimiter: " / " }))).toEqual([
      [0, 4],
      [7, 9],
      [12, 17],
    ]);
    expect(at(await ner(["Emma", "", "Smith"], options))).toEqual([
      [0, 4],
      [6, 11],
    ]);
  });

  test("as in Python, punctuation in a word makes several, each with a label of its own", async () => {
    const words = ["red-red", "opening"];
    const options = { ...split, ignore_labels: [] };
    const tokens = await ner(words, options);
    expect(tokens.map(({ word }) => word)).toEqual(["red", "-", "red", "open", "##ing"]);
    const { wordIds } = ner.tokenizer.encode(words, { isSplitIntoWords: true });
    expect(wordIds).toEqual([null, 0, 0, 0, 1, 1, null]);
    const groups = await ner(words, { ...options, aggregation_strategy: "first" });
    const labelAt = (at: number) => groups.find(({ start, end }) => start <= at && at < end)?.entity_group;
    for (const { entity, start } of tokens.slice(0, 4)) expect(labelAt(start)).toBe(entity.replace(/^[BI]-/, ""));
    expect(labelAt(tokens[4].start)).toBe(labelAt(tokens[3].start));
    expect(new Set(tokens.map(({ entity }) => entity)).size).toBeGreaterThan(1);
  });
});

describe("all items are encoded before any is computed, a batch after the other", () => {
  const items = [0, 1, 2];
  const events: string[] = [];
  const steps: Steps<number, { readonly item: number; readonly length: number }, number> = {
    // biome-ignore lint/correctness/useYield: it is read at once
    *encode(item) {
      events.push(`encode ${item}`);
      if (item === 9) throw new RangeError("nine");
      return { item, length: 2000 }; // a batch for each
    },
    async compute([{ item }]) {
      events.push(`compute ${item}`);
      await new Promise((turn) => setTimeout(turn));
      if (item === 7) throw new TypeError("seven");
      events.push(`done ${item}`);
      return [item * 10];
    },
  };

  test("answers in order", async () => {
    events.length = 0;
    expect(await answerAll(items, steps, undefined)).toEqual([0, 10, 20]);
    expect(events.slice(0, 3)).toEqual(["encode 0", "encode 1", "encode 2"]);
    expect(events.indexOf("compute 1")).toBeGreaterThan(events.indexOf("done 0")); // one pass at a time
  });

  test("of more than are kept, those beyond are encoded again when their turn comes", async () => {
    events.length = 0;
    const many = Array.from({ length: 140 }, (_, i) => 100 + i); // 280,000 tokens
    expect(await answerAll(many, steps, undefined)).toEqual(many.map((item) => 10 * item));
    const encoded = events.filter((event) => event.startsWith("encode"));
    expect(encoded.slice(0, 140)).toEqual(many.map((item) => `encode ${item}`));
    expect(encoded.slice(140)).toEqual(many.slice(131).map((item) => `encode ${item}`));
    expect(events.indexOf("compute 100")).toBe(140);
  });

  test("the first error is the one that is thrown, and nothing is left computing", async () => {
    events.length = 0;
    await expect(answerAll([0, 9], steps, undefined)).rejects.toThrow("nine");
    await expect(answerAll([0, 1, 9], steps, undefined)).rejects.toThrow("nine");
    expect(events.filter((event) => event.startsWith("compute"))).toEqual([]);
    await expect(answerAll([7, 1, 2], steps, undefined)).rejects.toThrow("seven");
    await expect(answerAll([1, 7], steps, undefined)).rejects.toThrow("seven");
  });
});

describe("bad input", () => {
  const split = { is_split_into_words: true } as const;
  const any = (call: unknown) => call as (...args: unknown[]) => Promise<unknown>;
  test.each<[string, () => Promise<unknown>, string]>([
    ["words: a string", () => any(ner)("a b", split), "words must be a list of words, as is_split_into_words says"],
    ["words: a number", () => any(ner)(["a", 1], split), "words[1] must be a string, got 1"],
    ["words: none", () => ner([], split), "words must be at least one word, got []"],
    ["words: mixed", () => any(ner)([["a"], "b"], split), "texts[1] must be a list of words"],
    ["words: not said", () => any(ner)([["a"]]), 'texts[0] must be a string, got ["a"]'],
    [
      "delimiter alone",
      () => any(ner)("a", { delimiter: "" }),
      "is_split_into_words must be true where there is a delimiter",
    ],
    ["delimiter", () => any(ner)(["a"], { ...split, delimiter: 1 }), "delimiter must be a string"],
    ["words: too long", () => ner(Array(63).fill("a"), split), "words must be at most 64 tokens long"],
    [
      "contexts",
      () => ask(["Who?", "Who?"], ["a"]),
      'context must be one text, or one for each of 2 questions, got ["a"]',
    ],
    ["no context", () => any(ask)({ question: "Who?" }), "question must be { question, context }"],
    ["a question that is none", () => any(ask)(["Who?", 1], "a"), "questions[1].question must be a string"],
    ["choices: no items", () => choose([]), "items must be at least one { text, choices }"],
    ["choices: no item", () => any(choose)(["a"]), "items[0] must be { text, choices }"],
    [
      "choices: one that is none",
      () => any(choose)([{ text: "a", choices: ["a", 1] }]),
      "items[0].choices[1] must be a string, got 1",
    ],
    ["similarity: none", () => similarity([]), "inputs must be at least one input"],
    [
      "similarity: one",
      () => any(similarity)([{ source_sentence: "a" }]),
      "inputs[0] must be { source_sentence, sentences: […] }",
    ],
    [
      "similarity: pooling",
      () => any(similarity)({ source_sentence: "a", sentences: ["b"] }, { pooling: "none" }),
      "pooling must be one of mean, cls",
    ],
    [
      "index: option",
      () => buildIndex(extract, TEXTS, { quantize: true } as never),
      'unknown option "quantize"; known are "pooling"',
    ],
    [
      "index: pooling",
      () => buildIndex(extract, TEXTS, { pooling: "none" as never }),
      "pooling must be one of mean, cls",
    ],
  ])("%s", (_, call, message) => expectBertError(call(), "ERR_INPUT", message));
});
