import type { Encoding } from "../tokenizer/index.ts";
import { softmax, topK } from "./scores.ts";
import type { TokenLogits } from "./windows.ts";

/** Part of the context: `context.slice(start, end)`. */
export interface AnswerSpan {
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

/** What the windows of a context say together. */
export interface SpanAnswers {
  /** Best first; each start and end once. */
  readonly spans: readonly AnswerSpan[];
  /** The score of "there is no answer", of the span [CLS] … [CLS]: the least of all windows, as it is in none. */
  readonly impossible: number;
}

export interface SpanOptions {
  /** How many spans. */
  readonly count: number;
  /** The most tokens of a span. */
  readonly maxAnswerLength: number;
  /** Widen a span to whole words. */
  readonly alignToWords: boolean;
}

/** Where each word of the context stands, by its number. */
type Words = ReadonlyMap<number, readonly [start: number, end: number]>;

/**
 * The best answers in the windows of a context (Devlin et al. 2019, §4.2, with the scores of transformers 4):
 *
 *     score(start, end) = max_w Σ_{i, j} P_start(i) · P_end(j)
 *
 * over the windows w, and over their spans of tokens i ≤ j < i + maxAnswerLength that are these characters, or are
 * widened to them. Each P is a softmax over the tokens of the context and [CLS]. In one window the spans exclude each
 * other, so their probabilities add up; two windows are two answers to one question, so the surer counts, and no score
 * exceeds 1. (transformers adds them up.)
 *
 * @param logits for each window, of the answer's first token and of its last: [T], [T]
 */
export function bestSpans(
  where: string,
  windows: readonly Encoding[],
  logits: readonly TokenLogits[],
  { count, maxAnswerLength, alignToWords }: SpanOptions,
): SpanAnswers {
  const words: Words = alignToWords ? wordsOf(windows) : new Map();
  const best = new Map<string, AnswerSpan>();
  let impossible = 1;
  for (const [w, window] of windows.entries()) {
    const tokens = window.sequenceIds.flatMap((sequence, t) => (sequence === 1 ? [t] : []));
    const [starts, ends] = logits[w].map((ofToken) =>
      softmax(
        where,
        Float32Array.from([0, ...tokens], (t) => ofToken[t]),
      ),
    );
    impossible = Math.min(impossible, starts[0] * ends[0]);
    const { offsets, wordIds } = window;
    const places = tokens.map((t) => words.get(wordIds[t]!) ?? offsets[t]);
    const spans = spansOf(places, starts.subarray(1), ends.subarray(1), maxAnswerLength);
    const scores = spans.map(({ score }) => score);
    // A span that is among the best of all is among the best of the window that is surest of it.
    for (const s of topK(scores, count)) {
      const key = `${spans[s].start} ${spans[s].end}`;
      if (scores[s] > (best.get(key)?.score ?? -1)) best.set(key, spans[s]);
    }
  }
  return { spans: [...best.values()].sort((a, b) => b.score - a.score).slice(0, count), impossible };
}

/** The words of all windows together, as the edge of one may cut a word. */
function wordsOf(windows: readonly Encoding[]): Words {
  const words = new Map<number, readonly [number, number]>();
  for (const { sequenceIds, wordIds, offsets } of windows) {
    for (const [t, [start, end]] of offsets.entries()) {
      if (sequenceIds[t] !== 1) continue;
      const [first, last] = words.get(wordIds[t]!) ?? [start, end];
      words.set(wordIds[t]!, [Math.min(first, start), Math.max(last, end)]);
    }
  }
  return words;
}

/**
 * Every span of characters that a window's tokens have, with its score.
 *
 * @param places where the tokens stand, [n]; those that stand in the same place follow each other
 */
function spansOf(
  places: readonly (readonly [number, number])[],
  starts: Float64Array,
  ends: Float64Array,
  maxAnswerLength: number,
): AnswerSpan[] {
  const spans: AnswerSpan[] = [];
  let scores = new Map<number, number>(); // of the spans from one place, by their ends
  for (const [i, [start]] of places.entries()) {
    for (let j = i; j < Math.min(places.length, i + maxAnswerLength); j++) {
      const end = places[j][1];
      scores.set(end, (scores.get(end) ?? 0) + starts[i] * ends[j]);
    }
    if (places[i + 1]?.[0] === start) continue;
    for (const [end, score] of scores) spans.push({ score: Math.min(1, score), start, end }); // for the last bit
    scores = new Map();
  }
  return spans;
}
