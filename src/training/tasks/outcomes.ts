import { BertError } from "../../errors.ts";
import type { Sequence } from "../data/features.ts";
import { type ClassScores, type ConfusionMatrix, classScores } from "../metrics/confusionMatrix.ts";
import type { PredictionExample } from "../run/result.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { type Passes, passes } from "./passes.ts";
import { type Evaluation, type EvaluationOptions, SHOWN_EXAMPLES } from "./task.ts";

/** What a model made of N examples. */
export interface Outcomes {
  readonly metrics: Readonly<Record<string, number>>;
  /** [N] */
  readonly losses: readonly number[];
  /** What they are, where an example has no loss. Default: losses. */
  readonly errorName?: string;
  isWrong(i: number): boolean;
  where(i: number): string;
  tell(i: number): PredictionExample;
  /** As `tell`, of an example that is wrong, where that is told otherwise. */
  tellMistake?(i: number): PredictionExample;
  readonly confusionMatrix?: ConfusionMatrix | null;
  /** Left out: those of the confusion matrix, if there is one. */
  readonly classes?: readonly ClassScores[] | undefined;
}

/** The first examples as they are shown, and the worst of the wrong ones: those with the largest losses. */
export function evaluationOf(outcomes: Outcomes, { worst = SHOWN_EXAMPLES }: EvaluationOptions): Evaluation {
  const { metrics, losses, confusionMatrix = null, classes, errorName } = outcomes;
  const wrong = Array.from(losses.keys()).filter((i) => outcomes.isWrong(i));
  const told = wrong.sort((i, j) => losses[j] - losses[i]).slice(0, worst);
  return {
    metrics,
    examples: losses.slice(0, SHOWN_EXAMPLES).map((_, i) => outcomes.tell(i)),
    classes: classes ?? (confusionMatrix && classScores(confusionMatrix)),
    confusionMatrix,
    mistakeCount: wrong.length,
    ...(errorName !== undefined && { errorName }),
    mistakes: told.map((i) => ({
      where: outcomes.where(i),
      ...(outcomes.tellMistake?.(i) ?? outcomes.tell(i)),
      loss: losses[i],
    })),
  };
}

/**
 * A loss that is a number.
 *
 * @throws BertError ERR_TRAINING it is none: the model's weights are not finite, or overflow
 */
export function finite(loss: number, where: string): number {
  if (Number.isFinite(loss)) return loss;
  throw new BertError("ERR_TRAINING", `${where}: the model's output must be finite, gives a loss of ${loss}`);
}

/** Examples that are of one class each. */
export interface Classified {
  /** [N], the sequences of each. */
  readonly items: readonly (readonly Sequence[])[];
  /** [N], the index of the right class. */
  readonly references: readonly number[];
  where(i: number): string;
}

/** What a model with a logit for each class made of them. */
export interface ClassOutcomes {
  /** [N], the likeliest class. */
  readonly predictions: readonly number[];
  /** [N], cross-entropies. */
  readonly losses: readonly number[];
  readonly loss: number;
}

/** Runs a model that gives each item one of C classes. */
export async function classify({ items, references, where }: Classified, run: Passes): Promise<ClassOutcomes> {
  const loss = new Mean();
  const losses: number[] = [];
  const predictions: number[] = [];
  for await (const { indices, output } of passes(items, run)) {
    const { data, shape } = output.logits!; // [B, C]
    const C = shape[1];
    for (const [b, i] of indices.entries()) {
      predictions.push(argmax(data, b * C, C));
      losses.push(finite(crossEntropyOf(data, b * C, C, references[i]), where(i)));
      loss.add(losses[i]);
    }
  }
  return { predictions, losses, loss: loss.value };
}
