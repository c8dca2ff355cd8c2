import type { LoadOptions } from "../load/loadBert.ts";
import type { OptionNames } from "../options.ts";
import type { BackendInfo } from "../tensor/backend.ts";
import type { FinetuneTask, ReadExamplesOptions, TaskExamples } from "./data/readExamples.ts";
import type { FinetuneOptions } from "./finetuneOptions.ts";
import type { ClassScores, ConfusionMatrix } from "./metrics/confusionMatrix.ts";
import { MODEL_SOURCE_OPTIONS, type ModelSourceOptions } from "./modelSource.ts";
import type { Mistake } from "./run/result.ts";
import type { VectorLossOptions } from "./sentence/lossSettings.ts";

/**
 * Options of `evaluate`. Those that say how examples become sequences mean what they mean in `finetune`, and must be
 * the same for the same numbers.
 */
export interface EvaluateOptions<T extends FinetuneTask = FinetuneTask>
  extends ReadExamplesOptions,
    ModelSourceOptions,
    VectorLossOptions,
    Pick<LoadOptions, "backend" | "threads" | "dtype" | "signal">,
    Pick<
      FinetuneOptions<T>,
      "maxLength" | "problemType" | "docStride" | "maxAnswerLength" | "mlmProbability" | "doWholeWordMask" | "atK"
    > {
  /** A folder, or an id on the hub. Default: the small model that comes with the package. */
  readonly model?: string;
  /** What the model does, named as its pipeline. Default: what its config.json says. */
  readonly task?: T;
  /** The examples, or a file that `readExamples` reads. */
  readonly dataset: string | readonly TaskExamples[T][];
  /**
   * What the examples call the model's labels, in the order of their indices. Default: what config.json calls them, or
   * where that is LABEL_0 … the names of `glueTask`.
   */
  readonly labels?: readonly string[];
  /**
   * Sequences in a forward pass; their number changes no bit. Of sentence-embedding also the examples whose texts are
   * one another's negatives in `eval_loss`, which changes that. Default 8.
   */
  readonly batchSize?: number;
  /**
   * sentence-embedding: only the first so many numbers of each vector count, as with the evaluators' `truncate_dim` of
   * sentence-transformers; an evaluation for each of `matryoshkaDims` says what cutting costs. Default: what the folder
   * says, else all.
   */
  readonly truncateDim?: number;
  /** Most mistakes that are told. Default 20. */
  readonly worst?: number;
  /** fill-mask: the seed of masks. Default 42. */
  readonly seed?: number;
  /** Called after each forward pass: so many sequences of so many. */
  readonly onProgress?: (done: number, total: number) => void;
}

export const EVALUATE_OPTIONS: OptionNames<EvaluateOptions> = {
  ...{ model: true, task: true, dataset: true, labels: true, problemType: true, glueTask: true, columns: true },
  ...{ maxLength: true, docStride: true, maxAnswerLength: true, mlmProbability: true, doWholeWordMask: true },
  ...{ atK: true, truncateDim: true },
  ...{ seed: true, batchSize: true, worst: true, backend: true, threads: true, dtype: true, signal: true },
  ...MODEL_SOURCE_OPTIONS,
  ...{ loss: true, scale: true, matryoshkaDims: true, matryoshkaWeights: true },
  onProgress: true,
};

/** What a model is worth. */
export interface EvaluationResult {
  /** The folder or id; null: the small model that comes with the package. */
  readonly model: string | null;
  readonly task: FinetuneTask;
  /** The file; null where the examples came from the program. */
  readonly file: string | null;
  /** How many examples there are. */
  readonly examples: number;
  /** `eval_loss` and the task's, as `finetune` names and computes them. */
  readonly metrics: Readonly<Record<string, number>>;
  /**
   * How well each class was recognized: of those that occur in the examples or were predicted; of entities each type;
   * of several labels at once each label. null where a task has none.
   */
  readonly classes: readonly ClassScores[] | null;
  /** Of classes, or of entities by their types; null where an example is not of one class. */
  readonly confusionMatrix: ConfusionMatrix | null;
  /** How many examples the model got wrong; of a regression all that are not met exactly. */
  readonly mistakeCount: number;
  /** The worst of them, those with the largest losses first. */
  readonly mistakes: readonly Mistake[];
  /** What the `loss` of a mistake is, where an example has none: "rank error" of CoSENTLoss. Left out: its loss. */
  readonly errorName?: string;
  /** What the numbers depend on, beside model and examples. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly backend: BackendInfo;
  /** How long it took, without loading. */
  readonly seconds: number;
}
