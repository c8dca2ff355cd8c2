import type { OptionNames } from "../options.ts";
import { MODEL_SOURCE_OPTIONS, type ModelSourceOptions } from "./modelSource.ts";
import { RUN_OPTIONS, type RunOptions } from "./run/runOptions.ts";

/** A part of a pretraining: examples of one length. */
export interface PretrainPhase {
  /** A folder that `plainbert make-examples` has made. */
  readonly examples: string;
  /** Updates. */
  readonly steps: number;
  /** Default: that of the run. */
  readonly batchSize?: number;
  /** Default: that of the run. */
  readonly gradientAccumulationSteps?: number;
}

/**
 * Options of `pretrain`. Defaults beside those of every run, from the paper's §A.2 but for the batch size, which is
 * Google's run_pretraining.py's: `learningRate` 1e-4, `batchSize` 32, `optimizer` "bert", `weightDecay` 0.01,
 * `warmupRatio` 0.01.
 */
export interface PretrainOptions extends Omit<RunOptions, "maxSteps">, ModelSourceOptions {
  /**
   * One after another, under one schedule of the learning rate. The paper trains 90 % of the steps on length 128, the
   * rest on 512.
   */
  readonly phases: readonly PretrainPhase[];
  /**
   * A new model's sizes, named as in config.json. Default: BERT-base's; `vocab_size` is the vocabulary's. Not with
   * `model`.
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /** A model to go on from: a folder, or an id on the hub. Its vocabulary must be that of the examples. */
  readonly model?: string;
  /** A folder of examples to evaluate with. */
  readonly evalExamples?: string;
  /** How many of them are read. Default 1000. */
  readonly maxEvalExamples?: number;
}

const { maxSteps: _, ...OF_ANY_RUN } = RUN_OPTIONS;

export const PRETRAIN_OPTIONS: OptionNames<PretrainOptions> = {
  ...OF_ANY_RUN,
  ...MODEL_SOURCE_OPTIONS,
  phases: true,
  config: true,
  model: true,
  evalExamples: true,
  maxEvalExamples: true,
};

export const PHASE_OPTIONS: OptionNames<PretrainPhase> = {
  examples: true,
  steps: true,
  batchSize: true,
  gradientAccumulationSteps: true,
};
