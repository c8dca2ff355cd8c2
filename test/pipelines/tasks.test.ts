import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { loadBert, pipeline, type QuestionAndContext } from "../../src/pipelines/index.ts";
import { expectBertError } from "./support.ts";

const folder = (name: string) => fileURLToPath(new URL(`./reference/heads/${name}`, import.meta.url));
const plain = { backend: "plain" } as const;

const classify = await pipeline("text-classification", folder("nli"), plain);
const ner = await pipeline("token-classification", folder("ner"), plain);
const ask = await pipeline("question-answering", folder("qa"), plain);
const zeroShot = await pipeline("zero-shot-classification", folder("nli"), plain);
const choose = await pipeline("multiple-choice", folder("multiple_choice"), plain);
const similarity = await pipeline("sentence-similarity", undefined, plain);
afterAll(async () => {
  for (const { dispose } of [classify, ner, ask, zeroShot, choose, similarity]) await dispose();
});

const TEXTS = Array.from(
  { length: 40 },
  (_, i) => `Emma ${"walked ".repeat(i % 13)}in London, said ${"John ".repeat(i % 3)}.`,
);
const LONG = TEXTS.join(" ");

async function fromStream<T>(stream: AsyncGenerator<T>): Promise<T[]> {
  const results: T[] = [];
  for await (const result of stream) results.push(result);
  return results;
}

describe("a text's answer is the same bits alone, in any batch, and in a stream", () => {
  test("text-classification", async () => {
    const alone = [];
    for (const text of TEXTS) alone.push(await classify(text, { top_k: null }));
    expect(await classify(TEXTS, { top_k: null })).toStrictEqual(alone);
    expect(await fromStream(classify(TEXTS.values(), { top_k: null }))).toStrictEqual(alone);
    expect(await classify(TEXTS)).toStrictEqual(alone.map(([best]) => best));
    expect(await classify(TEXTS[0])).toStrictEqual([alone[0][0]]);
  });

  test("token-classification, windows and all", async () => {
    const options = { aggregation_strategy: "simple", stride: 8, ignore_labels: [] } as const;
    const texts = [LONG, ...TEXTS.slice(0, 5), LONG.slice(100)];
    const alone = [];
    for (const text of texts) alone.push(await ner(text, options));
    expect(alone[0].length).toBeGreaterThan(20);
    expect(await ner(texts, options)).toStrictEqual(alone);
    expect(await fromStream(ner(texts.values(), options))).toStrictEqual(alone);
  });

  test("question-answering, windows and all", async () => {
    const questions = [LONG, ...TEXTS].map((context) => ({ question: "Who walked?", context }));
    const alone = [];
    for (const { question, context } of questions) alone.push(await ask(question, context, { top_k: 3 }));
    expect(await ask(questions, { top_k: 3 })).toStrictEqual(alone);
    expect(await fromStream(ask(questions.values(), { top_k: 3 }))).toStrictEqual(alone);
    const best = [];
    for (const { question, context } of questions) best.push(await ask(question, context));
    expect(await ask(questions)).toStrictEqual(best);
  });

  test("zero-shot-classification", async () => {
    const labels = ["sea", "love", "food"];
    const alone = [];
    for (const text of TEXTS) alone.push(await zeroShot(text, labels));
    expect(await zeroShot(TEXTS, labels)).toStrictEqual(alone);
    expect(await fromStream(zeroShot(TEXTS.values(), labels))).toStrictEqual(alone);
  });
});

describe("what answers are made of", () => {
  test("every entity is a piece of the text, in order, and no two overlap", async () => {
    for (const stride of [0, 20]) {
      const entities = await ner(LONG, { aggregation_strategy: "first", stride, ignore_labels: [] });
      let end = 0;
      for (const entity of entities) {
        expect(entity.start).toBeGreaterThanOrEqual(end);
        expect(entity.end).toBeGreaterThan(entity.start);
        end = entity.end;
      }
      expect(LONG.slice(entities[0].start, end)).toBe(LONG.trimEnd());
    }
  });

  test("the best spans are those of a table of all pairs", async () => {
    const bert = ask.model;
    const [question, context] = ["Who walked?", TEXTS[12]];
    const window = bert.tokenizer.encode(question, { textPair: context });
    const { startLogits, endLogits } = await bert.forward([window]);
    const inside = window.sequenceIds.flatMap((s, t) => (s === 1 || t === 0 ? [t] : []));
    const probabilities = (logits: Float32Array) => {
      const sum = inside.reduce((total, t) => total + Math.exp(logits[t]), 0);
      return inside.map((t) => Math.exp(logits[t]) / sum);
    };
    const [starts, ends] = [probabilities(startLogits!.data), probabilities(endLogits!.data)];
    const scores = inside
      .flatMap((_, i) => inside.map((_, j) => (i > 0 && j >= i && j < i + 4 ? starts[i] * ends[j] : 0)))
      .sort((a, b) => b - a);
    const answers = await ask(question, context, { top_k: 3, max_answer_len: 4, align_to_words: false });
    for (const [i, { score }] of answers.slice(0, 1).entries()) expect(score).toBeCloseTo(scores[i], 6);
    for (const { start, end, answer } of answers) expect(context.slice(start, end)).toBe(answer);
  });

  test("choices are a distribution, best first, each with its place", async () => {
    const choices = ["The sea.", "A red house.", "It was open, he said."];
    const answer = await choose("The door was old.", choices);
    expect(answer.map(({ index }) => choices[index])).toEqual(answer.map(({ choice }) => choice));
    expect(answer.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 12);
    expect(answer[0].score).toBeGreaterThan(answer[2].score);
    const bert = choose.model;
    const { logits } = await bert.forward(
      choices.map((choice) => bert.tokenizer.encode("The door was old.", { textPair: choice })),
    );
    const order = [...logits!.data.keys()].sort((a, b) => logits!.data[b] - logits!.data[a]);
    expect(answer.map(({ index }) => index)).toEqual(order);
  });

  test("a sentence is like itself, and each cosine is that of their vectors", async () => {
    const sentences = ["The door is open.", "He read a letter."];
    const [same, other] = await similarity({ source_sentence: sentences[0], sentences });
    expect(same).toBeCloseTo(1, 6);
    expect(other).toBeLessThan(same);
    const embed = await pipeline("embeddings", similarity.model);
    const [a, b] = (await embed(sentences)).tolist();
    const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    const cosine = (x: number[], y: number[]) => dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
    expect(other).toBeCloseTo(cosine(a, b), 6);
    const extract = await pipeline("feature-extraction", similarity.model);
    const [c, d] = (await extract(sentences, { pooling: "mean" })).tolist();
    const [, pooled] = await similarity({ source_sentence: sentences[0], sentences }, { pooling: "mean" });
    expect(pooled).toBeCloseTo(cosine(c, d), 6);
    expect(pooled).not.toBeCloseTo(other, 2);
  });
});

describe("bad input", () => {
  const cases: [string, () => Promise<unknown>, ...string[]][] = [
    ["no text", () => classify(1 as never), "text must be a string", "got 1"],
    ["an object without text", () => classify({} as never), "{ text, text_pair }"],
    ["no texts", () => classify([]), "texts must be at least one text"],
    ["top_k 0", () => classify("a", { top_k: 0 }), "top_k must be a whole number from 1, or null", "got 0"],
    [
      "another function",
      () => classify("a", { function_to_apply: "tanh" as never }),
      "function_to_apply must be one of",
    ],
    ["another option", () => classify("a", { topk: 2 } as never), 'unknown option "topk"; did you mean "top_k"?'],
    ["too long", () => classify("a ".repeat(63)), "at most 64 tokens", "the option truncation cuts what is longer"],
    ["ner: too long", () => ner("a ".repeat(63)), "at most 64 tokens"],
    ["ner: strategy", () => ner("a", { aggregation_strategy: "best" as never }), "aggregation_strategy must be one of"],
    ["ner: stride alone", () => ner("a", { stride: 1 }), "aggregation_strategy must be another"],
    [
      "ner: stride too long",
      () => ner("a", { aggregation_strategy: "max", stride: 62 }),
      "stride must be a whole number below 62",
    ],
    ["ner: labels", () => ner("a", { ignore_labels: "O" as never }), "ignore_labels must be an array of labels"],
    ["qa: no context", () => ask("Who?", undefined as never), "context must be a string"],
    [
      "qa: no pair",
      () => ask(["Who?"] as unknown as QuestionAndContext[]),
      "questions[0].context must be a string, got undefined",
    ],
    [
      "qa: no pair among others",
      () => ask([{ question: "Who?", context: "a" }, "Who?"] as QuestionAndContext[]),
      "questions[1] must be { question, context }",
    ],
    ["qa: empty question", () => ask("", "a"), "question must be a text that is not empty"],
    ["qa: empty context", () => ask("Who?", ""), "context must be a text that is not empty"],
    ["qa: max_seq_len", () => ask("Who?", "a", { max_seq_len: 65 }), "max_seq_len must be at most 64"],
    ["qa: no room", () => ask("Who walked?", "a", { max_seq_len: 6 }), "max_seq_len must be more than"],
    ["qa: doc_stride", () => ask("Who?", LONG, { doc_stride: 60 }), "doc_stride must be less than"],
    ["qa: negative", () => ask("Who?", "a", { doc_stride: -1 }), "doc_stride must be a whole number from 0"],
    ...(["top_k", "max_answer_len", "max_seq_len", "doc_stride", "max_question_len"] as const).map(
      (name): [string, () => Promise<unknown>, string, string] => [
        `qa: ${name} null`,
        () => ask("Who?", "a", { [name]: null }),
        `${name} must be a whole number from`,
        "got null",
      ],
    ),
    ["zero-shot: no labels", () => zeroShot("a", []), "labels must be at least one label"],
    ["zero-shot: only commas", () => zeroShot("a", " , "), "labels must be at least one label"],
    [
      "zero-shot: template",
      () => zeroShot("a", "b", { hypothesis_template: "no" }),
      "hypothesis_template must be a string with {}",
    ],
    ["choices", () => choose("a", "b" as never), "choices must be an array of texts"],
    [
      "similarity",
      () => similarity({ source_sentence: "a" } as never),
      "input must be { source_sentence, sentences: […] }",
    ],
  ];
  test.each(cases)("%s", (_, call, ...parts) => expectBertError(call(), "ERR_INPUT", ...parts));

  test("a model without the head", async () => {
    await using bert = await loadBert(undefined, plain);
    for (const task of [
      "text-classification",
      "ner",
      "question-answering",
      "zero-shot-classification",
      "multiple-choice",
    ] as const) {
      await expectBertError(pipeline(task, bert), "ERR_INPUT", "model must be a BertFor", 'got "BertForPreTraining"');
      await expectBertError(pipeline(task), "ERR_INPUT", `pipeline: model must be given for ${task}`);
    }
    await expectBertError(
      pipeline("ner", folder("nli"), plain),
      "ERR_INPUT",
      "a BertForTokenClassification",
      'got "BertForSequenceClassification"',
    );
    await expectBertError(
      pipeline("zero-shot-classification", folder("one_label"), plain),
      "ERR_INPUT",
      'must be a BertForSequenceClassification with at least two labels, has one alone, "LABEL_0"',
    );
  });

  test("a stream gives the results before a bad text, then the error", async () => {
    const seen: unknown[] = [];
    const loop = async () => {
      for await (const one of ask([{ question: "Who?", context: "a" }, { question: "Who?" } as never].values()))
        seen.push(one);
    };
    await expectBertError(loop(), "ERR_INPUT", "questions[1] must be { question, context }");
    expect(seen.length).toBe(1);
  });
});
