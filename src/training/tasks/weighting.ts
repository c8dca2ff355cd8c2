import { BertError, listed, quote, shown } from "../../errors.ts";
import { expectKnownNames } from "../../options.ts";
import type { PreparedTask } from "./task.ts";

/**
 * How many times each class counts: in the order of the labels' indices; by label, those that are not named once; or
 * "balanced", so that all classes count the same together, scikit-learn's `compute_class_weight("balanced")`:
 *
 *     w_c = n / (C n_c)        n labels in all, n_c of them of class c
 */
export type ClassWeights = "balanced" | readonly number[] | Readonly<Record<string, number>>;

/** How much the labels of a task count. */
export interface WeightingOptions {
  readonly classWeights?: ClassWeights | undefined;
  readonly labelSmoothingFactor?: number | undefined;
}

/**
 * The task with losses that weigh: each batch says how much its classes count. Evaluation stays as it is, so that
 * `evaluate` gives the same numbers of the model.
 *
 * @param where the function that errors name
 * @throws BertError ERR_INPUT a task whose labels are no classes of which one holds; weights for other labels than the
 *   task's; "balanced" with a class that no example has
 */
export function weighted(
  where: string,
  task: PreparedTask,
  { classWeights, labelSmoothingFactor: epsilon = 0 }: WeightingOptions,
): PreparedTask {
  if (classWeights === undefined && epsilon === 0) return task;
  const { problemType = null } = task;
  if (problemType !== null && problemType !== "single_label_classification") {
    const name = classWeights === undefined ? "labelSmoothingFactor" : "classWeights";
    const what = problemType === "regression" ? "for a regression" : "where several labels may hold at once";
    throw wrong(where, name, `left out ${what}`, classWeights ?? epsilon);
  }
  const weights = classWeights === undefined ? null : weightsOf(where, task, classWeights);
  const more = { ...(weights && { classWeights: weights }), ...(epsilon > 0 && { labelSmoothing: epsilon }) };
  return {
    ...task,
    settings: {
      ...task.settings,
      ...(weights && { classWeights: weights.join(", ") }),
      ...(epsilon > 0 && { labelSmoothingFactor: epsilon }),
    },
    batch(indices, epoch) {
      const batch = task.batch(indices, epoch);
      return { ...batch, labels: { ...batch.labels, ...more } };
    },
  };
}

/** [C] */
function weightsOf(where: string, task: PreparedTask, given: ClassWeights): readonly number[] {
  const labels = task.labels as readonly string[];
  if (given === "balanced") return balanced(where, labels, countsOf(task, labels.length));
  if (!Array.isArray(given)) {
    const byLabel = given as Readonly<Record<string, number>>;
    expectKnownNames(`${where}: classWeights`, "label", byLabel, labels);
    return labels.map((label) => (Object.hasOwn(byLabel, label) ? byLabel[label] : 1));
  }
  if (given.length === labels.length) return given;
  const order = `in the order of the labels, ${listed(labels.map(quote))}`;
  throw wrong(where, "classWeights", `${labels.length} numbers, ${order}`, given);
}

function balanced(where: string, labels: readonly string[], counts: readonly number[]): readonly number[] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const none = labels.find((_, c) => counts[c] === 0);
  if (none === undefined) return counts.map((count) => all / (labels.length * count));
  throw new BertError("ERR_INPUT", `${where}: classWeights: "balanced" must have examples of each label, has none of ${shown(none)}`); // biome-ignore format: one line
}

/** [C], how many labels of each class the training examples have; of words that are not cut off. */
function countsOf(task: PreparedTask, classes: number): number[] {
  const counts = Array<number>(classes).fill(0);
  for (let i = 0; i < task.lengths.length; i++) {
    for (const label of Array.from<number | ArrayLike<number>>(task.batch([i], 0).labels.labels ?? []).flatMap((one) =>
      asArray(one),
    ))
      if (label >= 0) counts[label]++;
  }
  return counts;
}

function asArray(labels: number | ArrayLike<number>): number[] {
  return typeof labels === "number" ? [labels] : Array.from(labels);
}

/**
 * Checks weights whose labels are not known yet.
 *
 * @throws BertError ERR_INPUT they are no "balanced", no array and no object, or one is not above 0
 */
export function expectClassWeights(where: string, weights: unknown): void {
  if (weights === "balanced") return;
  const isObject = typeof weights === "object" && weights !== null;
  const values = isObject ? Object.values(weights) : [];
  const fits = (weight: unknown) => typeof weight === "number" && weight > 0 && weight < Number.POSITIVE_INFINITY;
  if (values.length > 0 && values.every(fits)) return;
  const expected = '"balanced", or finite numbers above 0 in an array or by label';
  throw wrong(where, "classWeights", expected, values.find((weight) => !fits(weight)) ?? weights);
}

function wrong(where: string, name: string, expected: string, got: unknown): BertError {
  return new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${shown(got)}`);
}
