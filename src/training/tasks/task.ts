import type { ScoreActivation } from "../../load/crossEncoder.ts";
import type { SentenceModule, SentenceModules } from "../../load/sentenceModules.ts";
import type { BertConfig } from "../../model/config.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import type { BatchOptions } from "../data/batches.ts";
import type { Projection } from "../distillation/projection.ts";
import type { ClassScores, ConfusionMatrix } from "../metrics/confusionMatrix.ts";
import type { Identity } from "../run/resolvedOptions.ts";
import type { Mistake, PredictionExample } from "../run/result.ts";
import type { TaskConfig } from "../startModel.ts";
import type { LabelledBatch } from "../trainStep.ts";

/** A model whose weights need not be read yet. */
export interface TaskModel {
  readonly config: BertConfig;
  readonly tokenizer: BertTokenizer;
  /** What makes vectors of its hidden states; there for sentence-embedding. */
  readonly sentence?: SentenceModules;
}

/** What a model is worth on examples that it was not trained with. */
export interface Evaluation {
  /** The metrics by name, without "eval_"; `loss` is always there. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The first few examples, with what the model made of them. */
  readonly examples: readonly PredictionExample[];
  /** How well each class, or type of entity, was recognized; null where a task has none. */
  readonly classes: readonly ClassScores[] | null;
  /** null where an example is not of one class. */
  readonly confusionMatrix: ConfusionMatrix | null;
  /** How many examples the model got wrong; of a regression all that are not met exactly. */
  readonly mistakeCount: number;
  /** The worst of them, those with the largest losses first. */
  readonly mistakes: readonly Mistake[];
  /** What the `loss` of a mistake is, where an example has none: "rank error". Left out: its loss. */
  readonly errorName?: string;
}

/** How evaluation is done. */
export interface EvaluationOptions {
  /** Sequences in a forward pass. */
  readonly batchSize: number;
  readonly signal?: AbortSignal | undefined;
  /** text-ranking: how a logit becomes a score. Default: the sigmoid. */
  readonly scoreActivation?: ScoreActivation | undefined;
  /** Most mistakes that are told. Default 20. */
  readonly worst?: number | undefined;
  /** Called after each pass: so many sequences, or examples, of so many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** sentence-embedding: the modules with the weights that they have now. Default: those of the folder. */
  readonly modules?: readonly SentenceModule[] | undefined;
  /** With a teacher: the map to its vectors with the weights that it has now; null: there is none. */
  readonly projection?: Projection | null | undefined;
}

/** Which epoch, and how large its batches are. */
export type EpochOptions = Required<Pick<BatchOptions, "batchSize" | "seed" | "epoch">>;

/** A task's examples as its model takes them. */
export interface PreparedTask extends Omit<TaskConfig, "architecture"> {
  /** [N], the tokens of each training example. */
  readonly lengths: ArrayLike<number>;
  /** The batches of an epoch, `batchCount` of them. Default: those of `shuffledBatches`. */
  batches?(options: EpochOptions): number[][];
  /** How many batches an epoch has. Default: one for each `batchSize` examples. */
  batchCount?(batchSize: number): number;
  /** Whether evaluation tells errors, of which hardly one is 0, and no mistakes. Default: where it is a regression. */
  readonly tellsErrors?: boolean;
  /** What the result depends on beside the run's options and examples. */
  readonly identity?: Identity;
  /** What the examples have decided, in sentences for the log. */
  readonly notes?: readonly string[];
  /**
   * A batch of training examples.
   *
   * @param epoch where examples differ from epoch to epoch, as masks do
   */
  batch(indices: readonly number[], epoch: number): LabelledBatch;
  /** The metrics of an evaluation by name, without "eval_"; none without examples to evaluate with. */
  readonly metricNames: readonly string[];
  /** null without examples to evaluate with. */
  readonly evaluate: ((model: BertModel, options: EvaluationOptions) => Promise<Evaluation>) | null;
  /** Training examples that could not be used and were left out. Default 0. */
  readonly skippedExamples?: number;
  /** Options of the task's own that the result depends on, beside the examples. Default: none. */
  readonly settings?: Identity;
  /**
   * What takes long and must be done before the first update: a teacher's vectors. It comes after all checks.
   * Default: nothing.
   */
  teach?(): Promise<void>;
  /** Everything that training and evaluation read, as numbers: what a run that goes on must have again. */
  contents(): Iterable<ArrayLike<number>>;
}

/** How many predictions are shown. */
export const SHOWN_EXAMPLES = 20;
