import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Bert } from "../../src/load/loadBert.ts";
import type { Answer } from "../../src/pipelines/index.ts";
import { questionAnswering } from "../../src/pipelines/questionAnswering.ts";
import { BertTokenizer, type Encoding } from "../../src/tokenizer/index.ts";

const QUESTION = "who ?";
/** [CLS] who ? [SEP] and the [SEP] at the end. */
const TAKEN = 5;
const WORDS = ["emma", "lived", "unopenable", "abba", ",", "the the", "don't", "ünknown", "각각", "🏠"];
// Without its accents each Korean letter is three tokens, which stand in the same place.
const VOCABULARY =
  "[PAD] [UNK] [CLS] [SEP] who ? emma liv ##ed un ##open ##able a ##b ##ba , the don ' t \u1100 ##\u1100 ##\u1161 ##\u11a8";
const tokenizers = (["right", "left"] as const).map((truncationSide) =>
  BertTokenizer.fromVocabulary(VOCABULARY.split(" "), { truncationSide }),
);

/** Logits of a window, of which some are so large that their probability is all but 1. */
type Window = { start: Float32Array; end: Float32Array };
type Model = (window: Encoding) => Window;

/** Logits that follow from a seed and the window's place among those of a call. */
function modelOf(seed: number, peak: number): Model {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const logits = (count: number) =>
    Float32Array.from({ length: count }, () => 4 * random() + (random() < 0.2 ? peak : 0));
  return ({ length }) => ({ start: logits(length), end: logits(length) });
}

/** The pipeline with a model that says what `model` does; and what it said, window after window. */
function asking(tokenizer: BertTokenizer, model: Model) {
  const said: Window[] = [];
  const forward = async (batch: readonly Encoding[]) => {
    const T = Math.max(...batch.map(({ length }) => length));
    const data = { startLogits: new Float32Array(batch.length * T), endLogits: new Float32Array(batch.length * T) };
    for (const [b, window] of batch.entries()) {
      const one = model(window);
      said.push(one);
      data.startLogits.set(one.start, b * T);
      data.endLogits.set(one.end, b * T);
    }
    const shape = [batch.length, T];
    return { startLogits: { data: data.startLogits, shape }, endLogits: { data: data.endLogits, shape } };
  };
  const config = { architecture: "BertForQuestionAnswering", maxPositionEmbeddings: 512 };
  return { ask: questionAnswering({ tokenizer, config, forward } as unknown as Bert), said };
}

/** All spans with their scores, by the definition: those of the characters that a token, or its word, stands in. */
function allSpans(
  tokenizer: BertTokenizer,
  context: string,
  options: { room: number; stride: number; max: number; align: boolean },
  said: Window[],
) {
  const { sequenceIds, offsets, wordIds } = tokenizer.encode(QUESTION, { textPair: context });
  const tokens = offsets.filter((_, t) => sequenceIds[t] === 1);
  const words = wordIds.filter((_, t) => sequenceIds[t] === 1);
  const places = tokens.map((own, t) => {
    const word = tokens.filter((_, s) => words[s] === words[t]);
    return options.align ? [word[0][0], word.at(-1)![1]] : own;
  });
  const best = new Map<string, number>();
  let impossible = 1;
  for (const [w, { start, end }] of said.entries()) {
    const skipped = w * (options.room - options.stride);
    const count = Math.min(options.room, tokens.length - skipped);
    const from = tokenizer === tokenizers[0] ? skipped : tokens.length - skipped - count;
    const probabilities = (logits: Float32Array) => {
      const kept = [logits[0], ...logits.subarray(TAKEN - 1, TAKEN - 1 + count)];
      const powers = kept.map((x) => Math.exp(x - Math.max(...kept)));
      return powers.map((power) => power / powers.reduce((sum, x) => sum + x, 0));
    };
    const [starts, ends] = [probabilities(start), probabilities(end)];
    const here = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      for (let j = i; j < Math.min(count, i + options.max); j++) {
        const key = `${places[from + i][0]}–${places[from + j][1]}`;
        here.set(key, (here.get(key) ?? 0) + starts[i + 1] * ends[j + 1]);
      }
    }
    for (const [key, score] of here) best.set(key, Math.max(score, best.get(key) ?? 0));
    impossible = Math.min(impossible, starts[0] * ends[0]);
  }
  return { best, impossible };
}

const cases = fc.record({
  tokenizer: fc.constantFrom(...tokenizers),
  words: fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 40 }),
  seed: fc.nat(),
  peak: fc.constantFrom(0, 5, 100),
  room: fc.integer({ min: 1, max: 20 }),
  share: fc.integer({ min: 0, max: 99 }),
  max: fc.integer({ min: 1, max: 20 }),
  top: fc.integer({ min: 1, max: 30 }),
  align: fc.boolean(),
  mayBeImpossible: fc.boolean(),
});

describe("answers of windows that overlap", () => {
  test("each span once, with the best of its windows' scores, and none above 1", async () => {
    const seen = { windows: 0, shared: 0 };
    await fc.assert(
      fc.asyncProperty(
        cases,
        async ({ tokenizer, words, seed, peak, room, share, max, top, align, mayBeImpossible }) => {
          const context = words.join(" ");
          const stride = Math.floor((share * room) / 100);
          const { ask, said } = asking(tokenizer, modelOf(seed, peak));
          const options = {
            max_seq_len: TAKEN + room,
            doc_stride: stride,
            max_answer_len: max,
            align_to_words: align,
            handle_impossible_answer: mayBeImpossible,
          };
          const answers: Answer[] = [await ask(QUESTION, context, { ...options, top_k: top })].flat();
          seen.windows += said.length > 1 ? 1 : 0;
          seen.shared += said.length > 1 && stride > 0 ? 1 : 0;

          const { best, impossible } = allSpans(tokenizer, context, { room, stride, max, align }, said);
          if (mayBeImpossible) best.set("0–0", impossible);
          expect(answers.length).toBe(Math.min(top, best.size));
          expect(new Set(answers.map(({ start, end }) => `${start}–${end}`)).size).toBe(answers.length);
          const sorted = [...best.values()].sort((a, b) => b - a);
          for (const [i, { score, start, end, answer }] of answers.entries()) {
            expect(answer).toBe(context.slice(start, end));
            expect(score).toBeLessThanOrEqual(1);
            expect(score).toBeCloseTo(best.get(`${start}–${end}`)!, 12);
            expect(score).toBeCloseTo(sorted[i], 12);
          }
          // One window is one distribution.
          const sum = answers.reduce((total, { score }) => total + score, 0);
          if (said.length === 1) expect(sum).toBeLessThanOrEqual(1 + 1e-12);
        },
      ),
      { numRuns: 300 },
    );
    expect(seen.windows).toBeGreaterThan(50);
    expect(seen.shared).toBeGreaterThan(30);
  });

  test("a sum of probabilities that is 1 is not more for its rounding", async () => {
    const context = `a${"b".repeat(20)}`; // one word
    const [tokenizer] = tokenizers;
    for (let seed = 0; seed < 100; seed++) {
      const { end } = modelOf(seed, 0)(tokenizer.encode(QUESTION, { textPair: context }));
      // The answer begins with the first token, ends with any, and is not [CLS].
      const start = Float32Array.from(end, (_, t) => (t === TAKEN - 1 ? 100 : 0));
      end[0] = -100;
      const { ask } = asking(tokenizer, () => ({ start, end }));
      const { score } = await ask(QUESTION, context, { max_answer_len: 100 });
      expect(score).toBeLessThanOrEqual(1);
      expect(score).toBeCloseTo(1, 12);
    }
  });
});

test("a question is cut between characters, at the most after max_question_len tokens", async () => {
  const [tokenizer] = tokenizers;
  const asked: number[] = [];
  const { ask } = asking(tokenizer, ({ length, sequenceIds }) => {
    asked.push(sequenceIds.filter((sequence) => sequence === 0).length);
    return { start: new Float32Array(length), end: new Float32Array(length) };
  });
  for (const [i, tokens] of [0, 0, 3, 3, 3, 6, 7].entries()) {
    const max_question_len = i + 1;
    asked.length = 0;
    // As short as can be: special tokens, the question, a token of the context.
    await ask("각각?", "a a a", { max_question_len, max_seq_len: 3 + tokens + 1, doc_stride: 0 });
    expect(asked).toEqual([tokens, tokens, tokens]);
  }
});

describe("doc_stride left out", () => {
  /** Where each window of a long context begins and ends. */
  async function windows(options: { max_seq_len: number; doc_stride?: number }): Promise<string[]> {
    const seen: string[] = [];
    const { ask } = asking(tokenizers[0], ({ offsets, sequenceIds, length }) => {
      const of = offsets.filter((_, t) => sequenceIds[t] === 1);
      seen.push(`${of[0][0]}–${of[of.length - 1][1]}`);
      return { start: new Float32Array(length), end: new Float32Array(length) };
    });
    await ask(QUESTION, "a ".repeat(400), options);
    return seen;
  }

  test("is min(max_seq_len // 2, 128), as in transformers 4", async () => {
    for (const [max_seq_len, doc_stride] of [
      [64, 32],
      [301, 128],
      [2 * TAKEN + 2, TAKEN + 1],
    ]) {
      const explicit = await windows({ max_seq_len, doc_stride });
      expect(explicit.length).toBeGreaterThan(1);
      expect(await windows({ max_seq_len })).toEqual(explicit);
      expect(await windows({ max_seq_len, doc_stride: doc_stride - 1 })).not.toEqual(explicit);
    }
  });

  test("is half of what a question leaves, where Python fails", async () => {
    const [max_seq_len, room] = [TAKEN + 4, 4];
    await expect(windows({ max_seq_len, doc_stride: max_seq_len >> 1 })).rejects.toThrow("less than the 4 tokens");
    expect(await windows({ max_seq_len })).toEqual(await windows({ max_seq_len, doc_stride: room / 2 }));
  });

  test("a question that leaves no room: the message names what cuts it", async () => {
    await expect(windows({ max_seq_len: TAKEN })).rejects.toThrow(
      `max_seq_len must be more than question and special tokens, ${TAKEN}, got ${TAKEN}; max_question_len cuts the question`,
    );
  });
});
