import type { HubOptions } from "../hub/hubOptions.ts";
import type { ProblemType } from "../model/config.ts";
import type { OptionNames } from "../options.ts";
import type { GlueTask } from "./data/glue.ts";
import type { FinetuneTask, ReadExamplesOptions, TaskExamples } from "./data/readExamples.ts";
import { RUN_OPTIONS, type RunOptions } from "./run/runOptions.ts";

/**
 * Options of `finetune`. Defaults beside those of every run: `learningRate` 5e-5, `batchSize` 8, `optimizer` "adamw",
 * `weightDecay` 0, `warmupRatio` 0, an evaluation after each epoch.
 */
export interface FinetuneOptions<T extends FinetuneTask = FinetuneTask>
  extends RunOptions,
    ReadExamplesOptions,
    Pick<HubOptions, "revision" | "token" | "cache_dir" | "local_files_only" | "assets" | "progress_callback"> {
  /** The model to begin with: a folder, or an id on the hub. Default: the small one that comes with the package. */
  readonly model?: string;
  /** What it is to learn, named as the pipeline that will use it. */
  readonly task: T;
  /** Examples, or a file that `readExamples` reads. */
  readonly trainDataset: string | readonly TaskExamples[T][];
  /** The examples to evaluate with, as `trainDataset` has those to train with. */
  readonly evalDataset?: string | readonly TaskExamples[T][];
  /** How many times all examples are read, unless `maxSteps` says how many updates. Default 3. */
  readonly numTrainEpochs?: number;
  /** Most tokens of a sequence. Default: what the model takes; for question answering 384. */
  readonly maxLength?: number;
  /** text-classification: what labels mean. Default: as the labels look, see `TextClassificationOptions`. */
  readonly problemType?: ProblemType;
  /** Labels in the order of their indices. Default: those of the examples, sorted. */
  readonly labels?: readonly string[];
  /** text-classification: a task of GLUE, for its files, labels and metrics. */
  readonly glueTask?: GlueTask;
  /** question-answering: tokens that neighbouring windows of a long context share. Default 128. */
  readonly docStride?: number;
  /** question-answering: most tokens of an answer in evaluation. Default 30. */
  readonly maxAnswerLength?: number;
  /** fill-mask: the share of tokens that are masked. Default 0.15. */
  readonly mlmProbability?: number;
  /** fill-mask: mask all tokens of a word together. Default false. */
  readonly doWholeWordMask?: boolean;
}

export const FINETUNE_OPTIONS: OptionNames<FinetuneOptions> = {
  ...RUN_OPTIONS,
  revision: true,
  token: true,
  cache_dir: true,
  local_files_only: true,
  assets: true,
  progress_callback: true,
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
};
