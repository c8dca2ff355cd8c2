import { BertError, quote } from "../../errors.ts";

/** A question's answers; a `SquadExample` is one. */
export interface SquadReference {
  readonly id: string;
  /** None if the context does not answer the question. */
  readonly answers: readonly { readonly text: string }[];
}

export interface SquadPairs {
  /** For each question's id the answer, "" for none. */
  readonly predictions: ReadonlyMap<string, string>;
  readonly references: readonly SquadReference[];
}

/** Percentages from 0 to 100, named as by the official evaluate-v1.1.py. */
export interface SquadMetrics {
  /** Of the answers, how many are one of the references, after `normalizeAnswer`. */
  readonly exact_match: number;
  /** The mean of each answer's F1 over words, with the reference that it is most like. */
  readonly f1: number;
}

/**
 * Exact match and F1 of SQuAD 1.1 (Rajpurkar et al. 2016), as the official evaluate-v1.1.py computes them, but that a
 * question without a prediction is an error here and counts 0 there.
 *
 * @throws BertError ERR_INPUT no question, one without a prediction, or one without answers
 * @example
 * const predictions = new Map([["q1", "The Eiffel Tower!"]]);
 * const references = [{ id: "q1", answers: [{ text: "Eiffel tower" }] }];
 * squadMetrics({ predictions, references }); // { exact_match: 100, f1: 100 }
 */
export function squadMetrics({ predictions, references }: SquadPairs): SquadMetrics {
  const scores = references.map(({ id, answers }) => {
    if (answers.length === 0) throw wrong("squadMetrics", `references ${quote(id)} must have an answer, got none`);
    return scoreOf(
      predictionOf("squadMetrics", predictions, id),
      answers.map(({ text }) => text),
      false,
    );
  });
  const { exact, f1 } = meanOf("squadMetrics", scores);
  return { exact_match: exact, f1 };
}

export interface SquadV2Pairs extends SquadPairs {
  /** For each question's id how likely it has no answer; any number will do, such as a difference of logits. */
  readonly noAnswerProbabilities?: ReadonlyMap<string, number>;
  /** Above this number an answer counts as "". Default 1, so that probabilities change nothing. */
  readonly noAnswerThreshold?: number;
}

/** Percentages from 0 to 100 and counts, named as by the official evaluate-v2.0.py. */
export interface SquadV2Metrics {
  readonly exact: number;
  readonly f1: number;
  readonly total: number;
  /** The scores of the questions that have an answer, if there are any. */
  readonly HasAns_exact?: number;
  readonly HasAns_f1?: number;
  readonly HasAns_total?: number;
  /** The scores of the questions that have no answer, if there are any. */
  readonly NoAns_exact?: number;
  readonly NoAns_f1?: number;
  readonly NoAns_total?: number;
  /** With `noAnswerProbabilities`: what the best threshold would give, and that threshold. */
  readonly best_exact?: number;
  readonly best_exact_thresh?: number;
  readonly best_f1?: number;
  readonly best_f1_thresh?: number;
}

/**
 * Exact match and F1 of SQuAD 2.0 (Rajpurkar et al. 2018), where a question may have no answer, as the official
 * evaluate-v2.0.py computes them, but that a question without a prediction is an error here and left out there.
 *
 * @throws BertError ERR_INPUT no question, or one without a prediction or, if probabilities are given, without one
 */
export function squadV2Metrics(pairs: SquadV2Pairs): SquadV2Metrics {
  const { predictions, references, noAnswerProbabilities, noAnswerThreshold = 1 } = pairs;
  const questions = references.map(({ id, answers }): ScoredQuestion => {
    const prediction = predictionOf("squadV2Metrics", predictions, id);
    const raw = scoreOf(prediction, textsOf(answers), true);
    const noAnswer = noAnswerProbabilities ? noAnswerProbabilities.get(id) : 0;
    if (noAnswer === undefined || Number.isNaN(noAnswer)) {
      throw wrong(
        "squadV2Metrics",
        `noAnswerProbabilities must have a number for ${quote(id)}, got ${noAnswer ?? "none"}`,
      );
    }
    const hasAnswer = answers.length > 0;
    const none = hasAnswer ? 0 : 1;
    const score = noAnswer > noAnswerThreshold ? { exact: none, f1: none } : raw;
    return { raw, score, noAnswer, hasAnswer, answered: prediction !== "" };
  });
  const of = (prefix: string, some: readonly ScoredQuestion[]) => {
    if (some.length === 0 && prefix !== "") return {};
    const { exact, f1 } = meanOf(
      "squadV2Metrics",
      some.map(({ score }) => score),
    );
    return { [`${prefix}exact`]: exact, [`${prefix}f1`]: f1, [`${prefix}total`]: some.length };
  };
  const metrics = {
    ...of("", questions),
    ...of(
      "HasAns_",
      questions.filter(({ hasAnswer }) => hasAnswer),
    ),
    ...of(
      "NoAns_",
      questions.filter(({ hasAnswer }) => !hasAnswer),
    ),
  } as unknown as SquadV2Metrics;
  if (noAnswerProbabilities === undefined) return metrics;
  const [best_exact, best_exact_thresh] = bestThreshold(questions, "exact");
  const [best_f1, best_f1_thresh] = bestThreshold(questions, "f1");
  return { ...metrics, best_exact, best_exact_thresh, best_f1, best_f1_thresh };
}

/** Both scores of one answer, each from 0 to 1. */
interface Score {
  readonly exact: number;
  readonly f1: number;
}

interface ScoredQuestion {
  /** The score of the answer as predicted. */
  readonly raw: Score;
  /** The score with "" as the answer where that is likelier than the threshold. */
  readonly score: Score;
  readonly noAnswer: number;
  readonly hasAnswer: boolean;
  /** Whether something other than "" was predicted. */
  readonly answered: boolean;
}

/**
 * The threshold that would have given the most: at first every answer counts as "", then one after another, those least
 * likely to have no answer first, as it was predicted. As in the official script, the first of several equally good
 * ones, 0 at the start, and equal likelihoods one by one, in the order of the references.
 *
 * @returns the percentage and the threshold
 */
function bestThreshold(questions: readonly ScoredQuestion[], name: keyof Score): [number, number] {
  let sum = questions.filter(({ hasAnswer }) => !hasAnswer).length;
  let best = sum;
  let threshold = 0;
  for (const { raw, noAnswer, hasAnswer, answered } of [...questions].sort((a, b) => a.noAnswer - b.noAnswer)) {
    sum += hasAnswer ? raw[name] : answered ? -1 : 0;
    if (sum > best) {
      best = sum;
      threshold = noAnswer;
    }
  }
  return [(100 * best) / questions.length, threshold];
}

/**
 * Whether an answer counts for exact match.
 *
 * @param mayBeEmpty whether it is one of SQuAD 2.0
 */
export function isExact(prediction: string, { answers }: SquadReference, mayBeEmpty: boolean): boolean {
  return scoreOf(prediction, mayBeEmpty ? textsOf(answers) : answers.map(({ text }) => text), mayBeEmpty).exact === 1;
}

/** The answers of SQuAD 2.0 that have words, or "" if none has. */
function textsOf(answers: SquadReference["answers"]): string[] {
  const texts = answers.map(({ text }) => text).filter((text) => normalizeAnswer(text) !== "");
  return texts.length > 0 ? texts : [""];
}

/** Exact match and F1 with the best reference each. */
function scoreOf(prediction: string, references: readonly string[], mayBeEmpty: boolean): Score {
  const answer = normalizeAnswer(prediction);
  const wanted = references.map(normalizeAnswer);
  return {
    exact: wanted.includes(answer) ? 1 : 0,
    f1: Math.max(...wanted.map((reference) => wordF1(answer, reference, mayBeEmpty))),
  };
}

/**
 * F1 of two bags of words: 2 · precision · recall / (precision + recall), with the words in common over those of the
 * answer, and over those of the reference. Of two empty ones it is 1 in version 2 of the script, and 0 in version 1.1.
 */
function wordF1(answer: string, reference: string, mayBeEmpty: boolean): number {
  if (mayBeEmpty && (answer === "" || reference === "")) return answer === reference ? 1 : 0;
  const words = answer.split(" ").filter(Boolean);
  const wanted = reference.split(" ").filter(Boolean);
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of words) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  if (common === 0) return 0;
  const precision = common / words.length;
  const recall = common / wanted.length;
  return (2 * precision * recall) / (precision + recall);
}

/** What Python's `\b` takes for the characters of words. */
const ARTICLE = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
/** Python's string.punctuation: that of ASCII alone. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
/** What Python's str.split takes for whitespace. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are whitespace there
const WHITESPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/**
 * An answer as the official scripts compare it: in lower case, without punctuation, without the articles a, an and the,
 * with single spaces between words.
 *
 * @example
 * normalizeAnswer("The  U.S. Army's"); // "us armys"
 */
export function normalizeAnswer(text: string): string {
  const words = text.toLowerCase().replace(PUNCTUATION, "").replace(ARTICLE, " ").split(WHITESPACE);
  return words.filter(Boolean).join(" ");
}

function predictionOf(where: string, predictions: ReadonlyMap<string, string>, id: string): string {
  const prediction = predictions.get(id);
  if (prediction !== undefined) return prediction;
  throw wrong(where, `predictions must have an answer for ${quote(id)}, got none`);
}

/** Means, in percent. */
function meanOf(where: string, scores: readonly Score[]): Score {
  if (scores.length === 0) throw wrong(where, "references must have at least one question, got none");
  const percent = (name: keyof Score) => (100 * scores.reduce((sum, score) => sum + score[name], 0)) / scores.length;
  return { exact: percent("exact"), f1: percent("f1") };
}

function wrong(where: string, what: string): BertError {
  return new BertError("ERR_INPUT", `${where}: ${what}`);
}
