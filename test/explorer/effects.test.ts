import { beforeAll, describe, expect, test } from "vitest";
import type { Change } from "../../src/explorer/effects/changedInput.ts";
import type { HeadAt } from "../../src/explorer/effects/choices.ts";
import { effectOf } from "../../src/explorer/effects/effect.ts";
import type { Effect } from "../../src/explorer/effects/outputAnswers.ts";
import { measureOf, type Subject, subjectOf, subjectsOf } from "../../src/explorer/effects/subjects.ts";
import { unitsOf } from "../../src/explorer/effects/units.ts";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { type Bert, type BertOutput, pipeline, type Tensor } from "../../src/index.ts";
import { distilbertPath } from "../support/distilbert.ts";
import { type Explored, explored, numberAt, small } from "./models.ts";
import { TASK_MODELS } from "./taskModels.ts";

/** What the views show with something taken away, against a forward pass of our own: inputs and masks are made here. */
const TEXT = "She opened the [MASK] with her key";
const PAIR = "and she looked into the dark room.";

/** Asks for an answer, and then with a change for the same ones. */
function askedOf({ model, tokenizer }: Explored, result: ExplorerResult, subject: Subject, change: Change): Effect[] {
  const { request } = result;
  const untouched = effectOf(model, tokenizer, { request, subject, change: null, ids: [], vector: null });
  const ids = untouched.answers.map(({ id }) => id);
  return [untouched, effectOf(model, tokenizer, { request, subject, change, ids, vector: untouched.vector })];
}

/** The tokens of the two texts, and what a forward pass gives with heads off, or with other ids. */
function truthOf({ model, tokenizer }: Explored, change: Change | null, text = TEXT, pair = PAIR): BertOutput {
  const { inputIds, tokenTypeIds } = tokenizer.encode(text, { textPair: pair });
  const taken = change && change.how !== "heads" ? change : null;
  const isTaken = (t: number) => taken?.positions.includes(t) ?? false;
  const isKept = (_: unknown, t: number) => !(taken?.how === "removed" && isTaken(t));
  const other = taken?.how === "mask" ? "[MASK]" : "[UNK]";
  const ids = [...inputIds].map((id, t) => (isTaken(t) ? (tokenizer.tokenToId(other) as number) : id)).filter(isKept);
  const headMask = Array.from({ length: model.config.numHiddenLayers }, (_, layer) =>
    Array.from({ length: model.config.numAttentionHeads }, (_none, head) =>
      change?.how === "heads" && change.heads.some((off) => off[0] === layer && off[1] === head) ? 0 : 1,
    ),
  );
  const input = [{ inputIds: ids, tokenTypeIds: [...tokenTypeIds].filter(isKept) }];
  return model.forwardSync(input, change?.how === "heads" ? { headMask } : {});
}

/** Σ eˣ, the largest taken out. */
const softmax = (logits: readonly number[]): number[] => {
  const most = Math.max(...logits);
  const powers = logits.map((x) => Math.exp(x - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};

const CHANGES: readonly (readonly [string, Change | null])[] = [
  ["nothing", null],
  ["one head", { how: "heads", heads: [[1, 0]] }],
  ["a layer", { how: "heads", heads: [[0, 0], [0, 1]] }], // biome-ignore format: one line
  ["all heads but one", { how: "heads", heads: [[0, 0], [1, 0], [1, 1]] }], // biome-ignore format: one line
  ["a word by [MASK]", { how: "mask", positions: [1] }],
  ["two tokens by [UNK]", { how: "unk", positions: [2, 9] }],
  ["a token left out before", { how: "removed", positions: [3] }],
  ["two left out", { how: "removed", positions: [2, 10] }],
];

describe.each(TASK_MODELS)("%s", (_, open, subjects) => {
  let model: Explored;
  let result: ExplorerResult;
  beforeAll(async () => {
    model = await open();
    result = explored(model, TEXT, { pair: PAIR });
  });

  test("has the answers that its heads give", () => {
    expect(subjectsOf(model.model, result)).toEqual(subjects);
  });

  test.each(CHANGES)("%s: every number is forward's", (_, change) => {
    const truth = truthOf(model, change);
    for (const kind of subjectsOf(model.model, result)) {
      const subject = subjectOf(model.model, result, kind, null);
      expect(subject.kind).toBe(kind);
      const effect = change
        ? askedOf(model, result, subject, change)[1]
        : effectOf(model.model, model.tokenizer, { request: result.request, subject, change, ids: [], vector: null });
      expect(effect.answers.length).toBeGreaterThan(0);
      expect(effect.answers.map(({ score }) => score)).toEqual(
        effect.answers.map(({ score }) => score).sort((a, b) => b - a),
      );
      for (const { numbers, rank, score, probability } of effect.answers) {
        expect(rank).toBeGreaterThan(0);
        if (probability !== null) expect(Math.exp(score)).toBeCloseTo(probability, 12);
        if (kind === "vector") continue;
        for (const { value, ref } of numbers)
          if (!(value === numberAt(truth, ref))) expect.fail(`${ref.tap}[${ref.at}]: ${value}, not forward's`);
      }
      if (kind === "vector") expectVector(model, effect, truth, truthOf(model, null));
      else expectProbabilities(model, subject, effect, truth);
    }
  });
});

/** A vector is the mean of the tokens', its score the cosine to the untouched one. */
function expectVector({ model }: Explored, { answers, vector }: Effect, truth: BertOutput, whole: BertOutput): void {
  const H = model.config.hiddenSize;
  const meanOf = ({ lastHiddenState: { data } }: BertOutput) =>
    Array.from(
      { length: H },
      (_, h) => data.filter((_x, i) => i % H === h).reduce((a, b) => a + b, 0) / (data.length / H),
    );
  const [own, other] = [truth, whole].map(meanOf);
  const dot = (a: number[], b: number[]) => a.reduce((sum, x, h) => sum + x * b[h], 0);
  expect(answers[0].score).toBeCloseTo(dot(own, other) / Math.sqrt(dot(own, own) * dot(other, other)), 6);
  for (const [h, x] of own.entries()) expect(vector?.[h]).toBeCloseTo(x, 5);
}

/** Probabilities are those of all logits of the row, by the model's config.json. */
function expectProbabilities({ model }: Explored, { kind }: Subject, { answers }: Effect, truth: BertOutput): void {
  if (kind === "span") return; // against the pipeline, below
  const { problemType, labels, architecture } = model.config;
  for (const { id, numbers, probability, score } of answers) {
    const [{ value, ref }] = numbers;
    const { data, shape } = (truth as unknown as Record<string, Tensor>)[ref.tap];
    const N = shape[shape.length - 1];
    const row = [...data.subarray(ref.at[0] * N, (ref.at[0] + 1) * N)];
    if (kind === "label" && (problemType === "regression" || architecture.endsWith("MultipleChoice"))) {
      expect([probability, score]).toEqual([null, value]);
    } else if (kind === "label" && (problemType === "multi_label_classification" || labels.length === 1)) {
      expect(probability).toBeCloseTo(1 / (1 + Math.exp(-value)), 12);
    } else expect(probability).toBeCloseTo(softmax(row)[id], 12);
  }
}

describe("the answers are those of the pipelines", () => {
  test("of the page itself: nothing off is the untouched model, and a hidden word is one that is clicked", async () => {
    const model = await small();
    const result = explored(model, TEXT, { pair: PAIR });
    const subject = subjectOf(model.model, result, "gap", null);
    const none = askedOf(model, result, subject, { how: "heads", heads: [] });
    expect(none[1]).toEqual(none[0]);
    const shown = none[0].answers.map(({ id, name, numbers, probability, rank }) => ({
      ...{ id, piece: name, logit: numbers[0].value, probability, rank },
    }));
    expect(shown).toEqual(result.gaps[0].answers);
    const [, hidden] = askedOf(model, result, subject, { how: "mask", positions: [2] });
    const clicked = explored(model, TEXT, { pair: PAIR, masks: [2] }).gaps.find(({ position }) => position === 4);
    expect(hidden.answers.filter(({ rank }) => rank <= 8).map(({ name }) => name)).toEqual(
      clicked?.answers.map(({ piece }) => piece),
    );
    for (const { id, numbers } of hidden.answers.filter(({ rank }) => rank <= 8))
      expect(numbers[0].value).toBe(clicked?.answers.find((one) => one.id === id)?.logit);
  });

  test("text-classification, of one label", async () => {
    const classify = await pipeline("text-classification", distilbertPath("one-label"), { backend: "plain" });
    const [{ label, score }] = await classify("A door.");
    const { model } = classify;
    const result = explored({ model, tokenizer: model.tokenizer }, "A door.");
    const subject = subjectOf(model, result, "first", null);
    const effect = untouchedOf(model, result, subject);
    expect(effect.answers.map(({ name }) => name)).toEqual([label]);
    expect(effect.answers[0].probability).toBeCloseTo(score, 12);
  });

  test("token-classification", async () => {
    const tag = await pipeline("token-classification", distilbertPath("token-classification"), { backend: "plain" });
    const { model } = tag;
    const result = explored({ model, tokenizer: model.tokenizer }, "She went to Paris.");
    const all = await tag("She went to Paris.", { ignore_labels: [] });
    for (const { index, entity, score } of all) {
      const subject = subjectOf(model, result, "first", index);
      expect(subject).toEqual({ kind: "token", position: index });
      const [best] = untouchedOf(model, result, subject).answers;
      expect(best.name).toBe(entity);
      expect(best.probability).toBeCloseTo(score, 12);
    }
    expect(all.length).toBe(result.tokens.length - 2);
  });

  test("question-answering", async () => {
    const answer = await pipeline("question-answering", distilbertPath("question-answering"), { backend: "plain" });
    const { model } = answer;
    const [question, context] = ["Where is the key?", "The key is in the box below the old table."];
    const result = explored({ model, tokenizer: model.tokenizer }, question, { pair: context });
    const wanted = await answer(question, context, { top_k: 8, align_to_words: false });
    const effect = untouchedOf(model, result, subjectOf(model, result, "first", null));
    const T = result.tokens.length;
    const got = effect.answers.map(({ id, probability }) => {
      const [first, last] = [Math.floor(id / T), id % T];
      const [start, end] = [result.tokens[first].span[0], result.tokens[last].span[1]];
      return { start, end, answer: context.slice(start, end), score: probability };
    });
    expect(got.map(({ score: _, ...where }) => where)).toEqual(wanted.map(({ score: _, ...where }) => where));
    for (const [n, { score }] of got.entries()) expect(score).toBeCloseTo(wanted[n].score, 12);
  });

  test("next-sentence-prediction", async () => {
    const follows = await pipeline("next-sentence-prediction", undefined, { backend: "plain" });
    const { model } = follows;
    const [{ score }] = await follows([{ text: TEXT, text_pair: PAIR }]);
    const result = explored({ model, tokenizer: model.tokenizer }, TEXT, { pair: PAIR });
    const { answers } = untouchedOf(model, result, { kind: "next", position: null });
    expect(answers.map(({ id }) => id).sort()).toEqual([0, 1]);
    expect(answers[0].probability).toBeCloseTo(score, 12);
  });
});

const untouchedOf = (model: Bert, { request }: ExplorerResult, subject: Subject): Effect =>
  effectOf(model, model.tokenizer, { request, subject, change: null, ids: [], vector: null });

describe("what is told of a gap", () => {
  test("the pieces that are asked for, and what is hidden there", async () => {
    const model = await small();
    const result = explored(model, "She opened the door.", { masks: [4], targets: ["window", "nosuchpiece", "box"] });
    const [untouched] = askedOf(model, result, { kind: "gap", position: 4 }, { how: "heads", heads: [] });
    expect(untouched.answers.map(({ name }) => name).sort()).toEqual(["box", "door", "window"]);
    const likeliest = explored(model, "She opened the door.", { masks: [4] });
    const [first] = askedOf(model, likeliest, { kind: "gap", position: 4 }, { how: "heads", heads: [] });
    expect(first.answers.some(({ name }) => name === "door")).toBe(true);
    expect(first.answers.slice(0, 8).map(({ rank }) => rank)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("the first answers of the untouched model are told wherever they come to stand", async () => {
    const model = await small();
    const result = explored(model, TEXT);
    const all: HeadAt[] = Array.from({ length: 16 }, (_, n) => [Math.floor(n / 4), n % 4]);
    const [untouched, none] = askedOf(model, result, { kind: "gap", position: 4 }, { how: "heads", heads: all });
    const ids = none.answers.map(({ id }) => id);
    for (const { id } of untouched.answers) expect(ids).toContain(id);
    expect(none.answers.some(({ rank }) => rank > 8)).toBe(true);
  });

  test("a text without tokens has a vector; a vocabulary without what would stand for a word is named", async () => {
    const model = await small();
    const empty = explored(model, "");
    expect(subjectsOf(model.model, empty)).toEqual(["vector"]);
    expect(unitsOf(empty, "word", "mask", { kind: "vector", position: null }).some(({ isOpen }) => isOpen)).toBe(false);
    const [, effect] = askedOf(model, empty, { kind: "vector", position: null }, { how: "heads", heads: [[0, 0]] });
    expect(effect.answers[0].score).toBeLessThan(1);
    const without = Object.create(model.tokenizer, { maskTokenId: { value: undefined } });
    const asked = { request: explored(model, "a door").request, subject: { kind: "vector", position: null } } as const;
    const change = { how: "mask", positions: [1] } as const;
    expect(() => effectOf(model.model, without, { ...asked, change, ids: [], vector: null })).toThrow(
      "The vocabulary has no [MASK] to put in a word's place.",
    );
  });
});

test("what an effect is the change of", async () => {
  const names = new Map<string, string>();
  for (const [name, open] of TASK_MODELS) {
    const model = await open();
    const result = explored(model, TEXT, { pair: PAIR });
    for (const kind of subjectsOf(model.model, result))
      names.set(`${name}, ${kind}`, measureOf(model.model, { kind, position: null }).name.replaceAll("\u00a0", " "));
  }
  const numbers = [...names].filter(([, name]) => name === "Δ score").map(([of]) => of);
  expect(numbers).toEqual(["regression, label", "choices, label"]);
  for (const [of, name] of names) expect(name === "Δ cosine").toBe(of.endsWith("vector"));
});

describe("what is taken away in turn", () => {
  test("words and tokens, but not what stays", async () => {
    const model = await small();
    const result = explored(model, "The unflappable cat [MASK].", { pair: "Unflappable it is", masks: [1] });
    const gap = { kind: "gap", position: 1 } as const;
    const words = unitsOf(result, "word", "mask", gap);
    expect(words.filter(({ isOpen }) => isOpen).map(({ name }) => name)).toEqual([
      ...["unflappable", "cat", ".", "Unflappable", "it", "is"],
    ]);
    const tokens = unitsOf(result, "token", "mask", gap);
    expect(tokens.length).toBe(result.tokens.length);
    expect(tokens.flatMap(({ positions }) => positions)).toEqual(result.tokens.map((_, t) => t));
    expect(words.flatMap(({ positions }) => positions)).toEqual(result.tokens.map((_, t) => t));
    for (const { positions, isOpen } of tokens)
      expect(isOpen).toBe(!result.tokens[positions[0]].isSpecial && !result.tokens[positions[0]].isMasked);
  });

  test("the token that is answered about stays where it would be gone", async () => {
    const model = await small();
    const result = explored(model, "The cat sat");
    const isOpen = (how: "mask" | "unk" | "removed") =>
      unitsOf(result, "word", how, { kind: "token", position: 2 })
        .filter((unit) => unit.isOpen)
        .map(({ name }) => name);
    expect(isOpen("mask")).toEqual(["The", "cat", "sat"]);
    expect(isOpen("unk")).toEqual(["The", "cat", "sat"]);
    expect(isOpen("removed")).toEqual(["The", "sat"]);
  });
});
