import type { Encoding } from "../tokenizer/index.ts";
import { softmax } from "./scores.ts";

/** Part of the context: `context.slice(start, end)`. */
export interface AnswerSpan {
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

/** What one window says. */
export interface WindowAnswers {
  /** Best first. */
  readonly spans: readonly AnswerSpan[];
  /** The score of "there is no answer", of the span [CLS] … [CLS]. */
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

/**
 * The best answers in a window (Devlin et al. 2019, §4.2, with transformers' scores): the score of a span i … j is
 * P_start(i) · P_end(j), each a softmax over the tokens of the context and [CLS]. Spans are i ≤ j < i +
 * maxAnswerLength. They are looked through one by one; the best are kept in a list of `count`, so no table of all pairs
 * is made.
 *
 * @param start logits [T] of the answer's first token
 * @param end   logits [T] of its last
 */
export function bestSpans(
  where: string,
  window: Encoding,
  start: Float32Array,
  end: Float32Array,
  { count, maxAnswerLength, alignToWords }: SpanOptions,
): WindowAnswers {
  const tokens = [0, ...window.sequenceIds.flatMap((sequence, t) => (sequence === 1 ? [t] : []))]; // [CLS], the context
  const starts = softmax(
    where,
    Float32Array.from(tokens, (t) => start[t]),
  );
  const ends = softmax(
    where,
    Float32Array.from(tokens, (t) => end[t]),
  );
  const best: { score: number; i: number; j: number }[] = [];
  for (let i = 1; i < tokens.length; i++) {
    for (let j = i; j < Math.min(tokens.length, i + maxAnswerLength); j++) {
      const score = starts[i] * ends[j];
      if (best.length === count && score <= best[count - 1].score) continue;
      if (best.length === count) best.pop();
      let at = best.length;
      while (at > 0 && best[at - 1].score < score) at--;
      best.splice(at, 0, { score, i, j });
    }
  }
  const { offsets, wordIds } = window;
  const spans = best.map(({ score, i, j }) => {
    let [first, last] = [tokens[i], tokens[j]];
    if (alignToWords) {
      while (isSameWord(window, wordIds, first, first - 1)) first--;
      while (isSameWord(window, wordIds, last, last + 1)) last++;
    }
    return { score, start: offsets[first][0], end: offsets[last][1] };
  });
  return { spans, impossible: starts[0] * ends[0] };
}

/** Special tokens, which have no word, stand between the texts of a pair. */
function isSameWord({ length }: Encoding, wordIds: readonly (number | null)[], a: number, b: number): boolean {
  return b >= 0 && b < length && wordIds[a] === wordIds[b];
}
