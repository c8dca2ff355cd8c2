import type { BertModel } from "../../runtime/bertModel.ts";
import type { PredictionExample } from "../run/result.ts";
import type { TaskConfig } from "../startModel.ts";
import type { LabelledBatch } from "../trainStep.ts";

/** What a model is worth on examples that it was not trained with. */
export interface Evaluation {
  /** The metrics by name, without "eval_"; `loss` is always there. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The first few examples, with what the model made of them. */
  readonly examples: readonly PredictionExample[];
}

/** How evaluation is done. */
export interface EvaluationOptions {
  /** Sequences in a forward pass. */
  readonly batchSize: number;
  readonly signal?: AbortSignal | undefined;
}

/** A task's examples as its model takes them. */
export interface PreparedTask extends TaskConfig {
  /** [N], the tokens of each training example. */
  readonly lengths: ArrayLike<number>;
  /**
   * A batch of training examples.
   *
   * @param epoch where examples differ from epoch to epoch, as masks do
   */
  batch(indices: readonly number[], epoch: number): LabelledBatch;
  /** null without examples to evaluate with. */
  readonly evaluate: ((model: BertModel, options: EvaluationOptions) => Promise<Evaluation>) | null;
  /** Training examples that could not be used and were left out. Default 0. */
  readonly skippedExamples?: number;
  /** Everything that training and evaluation read, as numbers: what a run that goes on must have again. */
  contents(): Iterable<ArrayLike<number>>;
}

/** How many predictions are shown. */
export const SHOWN_EXAMPLES = 20;
