import { BertError } from "../../errors.ts";
import { countOf, type Pairs, ratio } from "./pairs.ts";

/** How well scores tell what is relevant from what is not. */
export interface RelevanceMetrics {
  /** The largest share of right answers that any threshold gives. */
  readonly accuracy: number;
  /** That threshold: what scores as much or more counts as relevant. */
  readonly accuracy_threshold: number;
  /** The largest F1 that any threshold gives. */
  readonly f1: number;
  readonly f1_threshold: number;
  /** At that of the largest F1. */
  readonly precision: number;
  readonly recall: number;
  readonly average_precision: number;
}

/** So many of the highest scores count as relevant. */
interface Cut {
  readonly taken: number;
  /** How many of them are relevant. */
  readonly right: number;
  /** The lowest of the scores that are taken, and the highest that is not; null: all are taken. */
  readonly score: number;
  readonly next: number | null;
}

/**
 * How well scores tell relevant from irrelevant: the accuracy, and F1 with its precision and recall, of the best
 * threshold for each, and the average precision, which needs none. Names and numbers are those of
 * sentence-transformers' CrossEncoderClassificationEvaluator. A threshold is the mean of the two scores that it
 * separates, in float32 as the scores are there.
 *
 * @param pairs predictions are scores, references 1 where something is relevant, else 0
 * @throws BertError ERR_INPUT no predictions, not as many as references, a score that is not finite, or a reference
 *   that is neither 0 nor 1
 * @example
 * relevanceMetrics({ predictions: [0.9, 0.8, 0.2], references: [1, 0, 0] }).accuracy_threshold; // 0.85…
 */
export function relevanceMetrics(pairs: Pairs<number>): RelevanceMetrics {
  const cuts = cutsOf("relevanceMetrics", pairs);
  const count = pairs.references.length;
  const positives = cuts[cuts.length - 1].right;
  let accuracy = (count - positives) / count;
  let accuracyThreshold = nextAbove(Math.fround(cuts[0].score));
  let [f1, f1Threshold, precision, recall] = [0, 0, 0, 0];
  for (const cut of cuts) {
    const { taken, right } = cut;
    const share = (right + count - positives - (taken - right)) / count;
    if (share > accuracy) [accuracy, accuracyThreshold] = [share, thresholdOf(cut)];
    if (right === 0) continue;
    const [p, r] = [right / taken, right / positives];
    const mean = (2 * p * r) / (p + r);
    if (mean > f1) [f1, f1Threshold, precision, recall] = [mean, thresholdOf(cut), p, r];
  }
  return {
    ...{ accuracy, accuracy_threshold: accuracyThreshold, f1, f1_threshold: f1Threshold, precision, recall },
    average_precision: averageOf(cuts),
  };
}

/**
 * Average precision: the mean of the precision P_n over the recall R_n, where n scores and all equal to the nth are
 * taken:
 *
 *     AP = Σ_n (R_n − R_{n−1}) P_n
 *
 * scikit-learn's `average_precision_score`. It is 0 where nothing is relevant, as there.
 *
 * @param pairs predictions are scores, references 1 where something is relevant, else 0
 * @throws BertError ERR_INPUT as `relevanceMetrics`
 * @example
 * averagePrecision({ predictions: [0.9, 0.8, 0.2], references: [1, 0, 1] }); // 0.8333333333333333
 */
export function averagePrecision(pairs: Pairs<number>): number {
  return averageOf(cutsOf("averagePrecision", pairs));
}

function averageOf(cuts: readonly Cut[]): number {
  const positives = cuts[cuts.length - 1].right;
  let [sum, before] = [0, 0];
  for (const { taken, right } of cuts) {
    sum += ratio(right - before, positives) * (right / taken);
    before = right;
  }
  return sum;
}

/** One cut after each group of equal scores, the highest first. */
function cutsOf(where: string, pairs: Pairs<number>): Cut[] {
  const { predictions, references } = pairs;
  const count = countOf(where, pairs);
  for (let i = 0; i < count; i++) {
    expectNumber(where, `predictions[${i}]`, predictions[i], Number.isFinite(predictions[i]), "a finite number");
    expectNumber(where, `references[${i}]`, references[i], references[i] === 0 || references[i] === 1, "0 or 1");
  }
  const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => predictions[b] - predictions[a]);
  const cuts: Cut[] = [];
  let right = 0;
  for (const [n, i] of order.entries()) {
    right += references[i];
    const next = n + 1 < count ? predictions[order[n + 1]] : null;
    if (next !== predictions[i]) cuts.push({ taken: n + 1, right, score: predictions[i], next });
  }
  return cuts;
}

/** @throws BertError ERR_INPUT it does not fit */
export function expectNumber(where: string, name: string, value: number, fits: boolean, expected: string): void {
  if (!fits) throw new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${value}`);
}

/** The mean of the two scores beside a cut; where that rounds to the lower one, the higher. */
function thresholdOf({ score, next }: Cut): number {
  if (next === null) return score;
  const mean = Math.fround(Math.fround(score + next) / 2);
  return mean === next ? score : mean;
}

/** The next number of float32 above another (NumPy's `nextafter`). */
function nextAbove(value: number): number {
  const float = Float32Array.of(value);
  const bits = new Int32Array(float.buffer);
  if (value === 0) bits[0] = 1;
  else bits[0] += value > 0 ? 1 : -1;
  return float[0];
}
