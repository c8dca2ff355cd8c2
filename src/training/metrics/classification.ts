import { BertError, shown } from "../../errors.ts";
import { expectKnownOptions, type OptionNames } from "../../options.ts";
import { countOf, type Pairs, ratio } from "./pairs.ts";

/** A class: its index, or its name. */
export type ClassLabel = number | string;

/**
 * Accuracy: the share of predictions that equal their references. scikit-learn's `accuracy_score`.
 *
 * @returns from 0 to 1
 * @throws BertError ERR_INPUT no predictions, or not as many as references
 * @example
 * accuracy({ predictions: [1, 0, 1, 1], references: [1, 0, 0, 1] }); // 0.75
 */
export function accuracy(pairs: Pairs<ClassLabel>): number {
  const count = countOf("accuracy", pairs);
  let equal = 0;
  for (let i = 0; i < count; i++) if (pairs.predictions[i] === pairs.references[i]) equal++;
  return equal / count;
}

export interface F1Options {
  /**
   * "binary": of the class `posLabel` alone. "macro": the mean over classes. "micro": of all classes' counts together.
   * "weighted": the mean over classes, each with its number of references as weight. Default "binary".
   */
  readonly average?: "binary" | "macro" | "micro" | "weighted";
  /** The class that counts as positive with "binary". Default 1. */
  readonly posLabel?: ClassLabel;
  /** The classes that count. Default: all that occur. Not with "binary". */
  readonly labels?: readonly ClassLabel[];
}

/**
 * F1, the harmonic mean of precision tp / (tp + fp) and recall tp / (tp + fn):
 *
 *   F1 = 2 tp / (2 tp + fp + fn)
 *
 * It is 0 where nothing is counted, as in scikit-learn's `f1_score` with `zero_division=0`, whose options these are.
 *
 * @returns from 0 to 1
 * @throws BertError ERR_INPUT no predictions, or not as many as references; with "binary" more than two classes, or two
 *   of which neither is `posLabel`
 * @example
 * f1Score({ predictions: [1, 0, 1], references: [1, 1, 0] }); // 0.5
 * f1Score({ predictions: [2, 0, 1], references: [2, 1, 1] }, { average: "macro" }); // 0.5555555555555555
 */
export function f1Score(pairs: Pairs<ClassLabel>, options: F1Options = {}): number {
  const names: OptionNames<F1Options> = { average: true, posLabel: true, labels: true };
  expectKnownOptions("f1Score", options, names);
  const { average = "binary", posLabel = 1, labels } = options;
  countOf("f1Score", pairs);
  const counts = classCounts(pairs);
  if (average === "binary") {
    checkBinary([...counts.keys()], posLabel, labels);
    return f1Of(counts.get(posLabel) ?? NOTHING);
  }
  const chosen = labels ? labels.map((label) => counts.get(label) ?? NOTHING) : [...counts.values()];
  switch (average) {
    case "micro":
      return f1Of(chosen.reduce(sumOf, NOTHING));
    case "macro":
      return ratio(
        chosen.reduce((sum, c) => sum + f1Of(c), 0),
        chosen.length,
      );
    case "weighted":
      return ratio(
        chosen.reduce((sum, c) => sum + f1Of(c) * c.actual, 0),
        chosen.reduce((sum, c) => sum + c.actual, 0),
      );
    default:
      throw wrong("average", 'one of "binary", "macro", "micro", "weighted"', shown(average));
  }
}

/** How often a class was predicted and right, predicted, and the reference. */
interface Counts {
  readonly right: number;
  readonly predicted: number;
  readonly actual: number;
}

const NOTHING: Counts = { right: 0, predicted: 0, actual: 0 };

function sumOf(a: Counts, b: Counts): Counts {
  return { right: a.right + b.right, predicted: a.predicted + b.predicted, actual: a.actual + b.actual };
}

/** predicted = tp + fp and actual = tp + fn, so that 2 tp + fp + fn is their sum. */
function f1Of({ right, predicted, actual }: Counts): number {
  return ratio(2 * right, predicted + actual);
}

/** The counts of every class that occurs. */
function classCounts({ predictions, references }: Pairs<ClassLabel>): Map<ClassLabel, Counts> {
  const counts = new Map<ClassLabel, { right: number; predicted: number; actual: number }>();
  const of = (label: ClassLabel) => {
    const known = counts.get(label);
    if (known) return known;
    const fresh = { right: 0, predicted: 0, actual: 0 };
    counts.set(label, fresh);
    return fresh;
  };
  for (let i = 0; i < references.length; i++) {
    of(predictions[i]).predicted++;
    of(references[i]).actual++;
    if (predictions[i] === references[i]) of(references[i]).right++;
  }
  return counts;
}

function checkBinary(
  present: readonly ClassLabel[],
  posLabel: ClassLabel,
  labels: readonly ClassLabel[] | undefined,
): void {
  if (labels !== undefined) throw wrong("labels", 'left out where average is "binary"', `${labels.length} of them`);
  if (present.length > 2) throw wrong("average", `other than "binary" for ${present.length} classes`, '"binary"');
  if (present.length < 2 || present.includes(posLabel)) return;
  throw wrong("posLabel", `one of the classes, ${present.map(shown).join(" and ")}`, shown(posLabel));
}

function wrong(name: string, expected: string, got: string): BertError {
  return new BertError("ERR_INPUT", `f1Score: ${name} must be ${expected}, got ${got}`);
}

/**
 * Matthews correlation coefficient (Matthews 1975), for any number of classes (Gorodkin 2004). With c correct of s
 * pairs, and for each class k its predictions p_k and references t_k:
 *
 *   (c · s − Σ p_k t_k) / √((s² − Σ p_k²) (s² − Σ t_k²))
 *
 * For two classes that is (tp · tn − fp · fn) / √((tp + fp)(tp + fn)(tn + fp)(tn + fn)). It is 0 where all predictions
 * or all references are one class, as in scikit-learn's `matthews_corrcoef`.
 *
 * @returns from −1 to 1, 0 for predictions that know nothing of the references
 * @throws BertError ERR_INPUT no predictions, or not as many as references
 * @example
 * matthewsCorrelation({ predictions: [1, -1, 1, 1], references: [1, 1, 1, -1] }); // -0.3333333333333333
 */
export function matthewsCorrelation(pairs: Pairs<ClassLabel>): number {
  const s = countOf("matthewsCorrelation", pairs);
  let c = 0;
  let pt = 0;
  let pp = 0;
  let tt = 0;
  for (const { right, predicted, actual } of classCounts(pairs).values()) {
    c += right;
    pt += predicted * actual;
    pp += predicted * predicted;
    tt += actual * actual;
  }
  return ratio(c * s - pt, Math.sqrt((s * s - pp) * (s * s - tt)));
}
