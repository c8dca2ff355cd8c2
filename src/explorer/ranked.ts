/** Scores of a vocabulary as answers: probabilities, and places among all pieces. */
import type { BertTokenizer } from "../index.ts";

/** A piece in the place of a token. */
export interface Answer {
  readonly id: number;
  readonly piece: string;
  readonly logit: number;
  /** Among the whole vocabulary. */
  readonly probability: number;
  /** Its place among all pieces, from 1. */
  readonly rank: number;
}

/** What scores say. */
export interface Ranked {
  /** The pieces' ids, the likeliest first. */
  readonly ids: readonly number[];
  /** Of the probabilities of all pieces, in nats. */
  readonly entropy: number;
  probabilityOf(id: number): number;
  answerOf(id: number): Answer;
}

/**
 * The pieces by their scores; scores that stand for no piece count in the probabilities and are no answer.
 *
 * @param scores [V]
 */
export function ranked(scores: Float32Array, tokenizer: BertTokenizer): Ranked {
  const max = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const sum = scores.reduce((total, score) => total + Math.exp(score - max), 0);
  const mean = scores.reduce((total, score) => total + ((score - max) * Math.exp(score - max)) / sum, 0);
  const ids = [...scores.keys()]
    .filter((id) => tokenizer.idToToken(id) !== undefined)
    .sort((a, b) => scores[b] - scores[a] || a - b);
  const probabilityOf = (id: number) => Math.exp(scores[id] - max) / sum;
  return {
    ids,
    probabilityOf,
    entropy: Math.log(sum) - mean,
    answerOf: (id) => ({
      ...{ id, piece: tokenizer.idToToken(id) as string, logit: scores[id] },
      ...{ probability: probabilityOf(id), rank: ids.indexOf(id) + 1 },
    }),
  };
}
