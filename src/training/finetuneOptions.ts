import type { ProblemType } from "../model/config.ts";
import type { OptionNames } from "../options.ts";
import type { GlueTask } from "./data/glue.ts";
import type { FinetuneTask, ReadExamplesOptions, TaskExamples } from "./data/readExamples.ts";
import type { DistillationOptions } from "./distillation/distillationOptions.ts";
import { MODEL_SOURCE_OPTIONS, type ModelSourceOptions } from "./modelSource.ts";
import type { RunResult } from "./run/result.ts";
import { RUN_OPTIONS, type RunOptions } from "./run/runOptions.ts";
import type { VectorLossOptions } from "./sentence/lossSettings.ts";
import type { MisplacedAnswers } from "./tasks/questionAnswering.ts";
import type { ClassWeights } from "./tasks/weighting.ts";

/** What an example of a task may be beside its own kind: with `teacher` a string, a text alone. */
type TextAlone<T extends FinetuneTask> = T extends "sentence-embedding" ? string : never;

/**
 * Options of `finetune`. Defaults beside those of every run: `learningRate` 5e-5, `batchSize` 8, `optimizer` "adamw",
 * `weightDecay` 0, `warmupRatio` 0, an evaluation after each epoch.
 */
export interface FinetuneOptions<T extends FinetuneTask = FinetuneTask>
  extends RunOptions,
    ReadExamplesOptions,
    ModelSourceOptions,
    VectorLossOptions,
    DistillationOptions {
  /** The model to begin with: a folder, or an id on the hub. Default: the small model that comes with the package. */
  readonly model?: string;
  /** What it is to learn, named as the pipeline that will use it. */
  readonly task: T;
  /** Examples, or a file that `readExamples` reads. */
  readonly trainDataset: string | readonly (TaskExamples[T] | TextAlone<T>)[];
  /** The examples to evaluate with, as `trainDataset` has those to train with. */
  readonly evalDataset?: string | readonly (TaskExamples[T] | TextAlone<T>)[];
  /** How many times all examples are read, where `maxSteps` does not say how many updates. Default 3. */
  readonly numTrainEpochs?: number;
  /** Most tokens of a sequence. Default: what the model takes; for question answering 384. */
  readonly maxLength?: number;
  /** text-classification: what labels mean. Default: as the labels look, see `TextClassificationOptions`. */
  readonly problemType?: ProblemType;
  /**
   * text-classification, token-classification: labels in the order of their indices, which examples may have in their
   * place. Default: those of `trainDataset`, sorted; where the model is a classifier with the same labels, its own. A
   * label that `evalDataset` alone has is an error unless it is listed here.
   */
  readonly labels?: readonly string[];
  /** text-classification: a task of GLUE, for its files, labels and metrics. */
  readonly glueTask?: GlueTask;
  /** question-answering: tokens that neighbouring windows of a long context share. Default 128. */
  readonly docStride?: number;
  /** question-answering: most tokens of an answer in evaluation. Default 30. */
  readonly maxAnswerLength?: number;
  /**
   * question-answering: what is done with a question to learn from whose answer does not stand where it says. "skip"
   * leaves it out and counts it, "refuse" is an error. Default "skip".
   */
  readonly misplacedAnswers?: MisplacedAnswers;
  /** fill-mask: the share of tokens that are masked. Default 0.15. */
  readonly mlmProbability?: number;
  /** fill-mask: mask all tokens of a word together. Default false. */
  readonly doWholeWordMask?: boolean;
  /**
   * text-classification of one label, token-classification: how many times each class counts in training, as the
   * `weight` of PyTorch's CrossEntropyLoss: the mean is over the weights of the labels. Several batches of an update
   * are each a mean of their own. Evaluation has no weights. Default: each class once.
   */
  readonly classWeights?: ClassWeights;
  /**
   * ε, the share of each label that is spread over all classes in training, the Trainer's `label_smoothing_factor`:
   * the loss is (1 − ε) of the cross-entropy and ε of the mean of −ln p over all classes, as its `LabelSmoother` and
   * PyTorch's `label_smoothing` have it; with `classWeights` it is PyTorch's. Of tasks that choose one class:
   * text-classification of one label, token-classification, multiple-choice, next-sentence-prediction, fill-mask. Not
   * of question-answering, where the Trainer's has no effect. Evaluation is without it, unlike the Trainer's
   * `eval_loss`. Default 0.
   */
  readonly labelSmoothingFactor?: number;
  /**
   * text-ranking: how many times what is relevant counts, BinaryCrossEntropyLoss's `pos_weight`: for one relevant text
   * among five, 4 makes both kinds count the same. Evaluation has none. Default 1.
   */
  readonly posWeight?: number;
  /** text-ranking: k of MRR@k and nDCG@k in evaluation (`at_k`). Default 10. */
  readonly atK?: number;
  /** Called before the run begins with each choice that the examples have made, such as that of a loss, a sentence. */
  readonly onNote?: (note: string) => void;
  /** With `teacher`: called while it computes, after each of its batches: so many texts of so many. */
  readonly onTeacher?: (done: number, total: number) => void;
}

export const FINETUNE_OPTIONS: OptionNames<FinetuneOptions> = {
  ...RUN_OPTIONS,
  ...MODEL_SOURCE_OPTIONS,
  model: true,
  task: true,
  trainDataset: true,
  evalDataset: true,
  numTrainEpochs: true,
  maxLength: true,
  problemType: true,
  labels: true,
  glueTask: true,
  columns: true,
  docStride: true,
  maxAnswerLength: true,
  mlmProbability: true,
  doWholeWordMask: true,
  misplacedAnswers: true,
  classWeights: true,
  labelSmoothingFactor: true,
  posWeight: true,
  atK: true,
  ...{ loss: true, scale: true, matryoshkaDims: true, matryoshkaWeights: true, onNote: true },
  ...{ teacher: true, vectorLossWeight: true, similarityLossWeight: true, keepProjection: true, onTeacher: true },
};

/** What came out of `finetune`. */
export interface FinetuneResult extends RunResult {
  /** How many questions of `trainDataset` were left out, because their answers do not stand where they say. */
  readonly skippedExamples: number;
}
