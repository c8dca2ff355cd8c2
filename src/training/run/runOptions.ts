import type { OptionNames } from "../../options.ts";
import type { BackendName } from "../../tensor/chooseBackend.ts";
import type { LogEntry, RunProgress } from "./log.ts";

/**
 * What every run has: options are named, and unless stated otherwise have the defaults, of Hugging Face's
 * TrainingArguments.
 */
export interface RunOptions {
  /** The folder of the run: it gets the model, `checkpoint-STEP` folders, metrics.jsonl and curves.svg. */
  readonly output: string;
  /**
   * Go on from the last checkpoint in `output`, if there is one, to the same bits as a run that was never interrupted.
   * A checkpoint that was damaged or changed, or of plainbert 0.2, is refused. Default false: `output` must be empty or
   * not there.
   */
  readonly resume?: boolean;
  /** The largest learning rate. */
  readonly learningRate?: number;
  /** Updates; each reads `gradientAccumulationSteps` batches. */
  readonly maxSteps?: number;
  /** Sequences in a batch; of sentence-embedding examples (`per_device_train_batch_size`). */
  readonly batchSize?: number;
  /** Batches of an update. Default 1. */
  readonly gradientAccumulationSteps?: number;
  /** Updates in which the learning rate rises. Default: `warmupRatio` of all. */
  readonly warmupSteps?: number;
  /** The share of updates in which the learning rate rises. */
  readonly warmupRatio?: number;
  /**
   * "adamw": PyTorch's AdamW, ε = 1e-8. "bert": the same without bias correction and with ε = 1e-6, as Google's BERT
   * was trained.
   */
  readonly optimizer?: "adamw" | "bert";
  readonly weightDecay?: number;
  /** β₁. Default 0.9. */
  readonly adamBeta1?: number;
  /** β₂. Default 0.999. */
  readonly adamBeta2?: number;
  /** ε. Default: that of `optimizer`. */
  readonly adamEpsilon?: number;
  /** The global norm that gradients are clipped to. Default 1. */
  readonly maxGradNorm?: number;
  /** Each layer's learning rate is so many times that of the layer above. Default 1. */
  readonly layerwiseDecay?: number;
  /** The embeddings keep their values. Default false. */
  readonly freezeEmbeddings?: boolean;
  /** So many of the lowest layers, and the embeddings, keep their values. Default 0. */
  readonly freezeLayers?: number;
  /**
   * Keep of each layer only its input, and compute the rest again on the way back (`gradient_checkpointing`). It
   * changes no bit, so that a run may be gone on with and without. For a third more time BERT-base peaks at 2.5 GB in
   * place of 3.7 on 32 × 128 tokens, at 2.0 in place of 2.3 on 8 × 128. Default false.
   */
  readonly gradientCheckpointing?: boolean;
  /**
   * The seed of initial weights, order of examples, masks and dropout: a whole number from 0 to 2³² − 1. Default 42.
   */
  readonly seed?: number;
  /** Updates between two lines of metrics.jsonl. Default 10 (500 in Python, where lines go to the terminal). */
  readonly loggingSteps?: number;
  /** Updates between two evaluations. There is one at the end too. */
  readonly evalSteps?: number;
  /** Sequences in a batch of evaluation. Default: `batchSize`. */
  readonly evalBatchSize?: number;
  /**
   * Updates between two checkpoints. There is one at the end, and one at each evaluation that is the best so far.
   * Default 500.
   */
  readonly saveSteps?: number;
  /** How many checkpoints are kept, the last ones; the best is kept beside them. Default 2 (all in Python). */
  readonly saveTotalLimit?: number;
  /** Whether the model of the best evaluation, not of the last step, is the result. Default false. */
  readonly loadBestModelAtEnd?: boolean;
  /** The metric that says which evaluation is the best, with or without "eval_". Default "loss". */
  readonly metricForBestModel?: string;
  /** Whether more of it is better. Default: unless its name ends with "loss" or is "perplexity". */
  readonly greaterIsBetter?: boolean;
  /** Stop after so many evaluations without a better one. Default: never. */
  readonly earlyStoppingPatience?: number;
  /** Write report.html at the end: one page with options, machine, curves, metrics and predictions. Default false. */
  readonly report?: boolean;
  /** What computes. `plain` gives the same bits on every machine. Default "auto". */
  readonly backend?: BackendName;
  /** How many threads compute; the number changes no bit. */
  readonly threads?: number;
  /** Called with each entry of metrics.jsonl. */
  readonly onLog?: (entry: LogEntry) => void;
  /** Called after each update, and before each evaluation. */
  readonly onProgress?: (progress: RunProgress) => void;
  /** Stops the run after the update that is under way, with a checkpoint. */
  readonly signal?: AbortSignal;
}

export const RUN_OPTIONS: OptionNames<RunOptions> = {
  output: true,
  resume: true,
  learningRate: true,
  maxSteps: true,
  batchSize: true,
  gradientAccumulationSteps: true,
  warmupSteps: true,
  warmupRatio: true,
  optimizer: true,
  weightDecay: true,
  adamBeta1: true,
  adamBeta2: true,
  adamEpsilon: true,
  maxGradNorm: true,
  layerwiseDecay: true,
  freezeEmbeddings: true,
  freezeLayers: true,
  gradientCheckpointing: true,
  seed: true,
  loggingSteps: true,
  evalSteps: true,
  evalBatchSize: true,
  saveSteps: true,
  saveTotalLimit: true,
  loadBestModelAtEnd: true,
  metricForBestModel: true,
  greaterIsBetter: true,
  earlyStoppingPatience: true,
  report: true,
  backend: true,
  threads: true,
  onLog: true,
  onProgress: true,
  signal: true,
};
