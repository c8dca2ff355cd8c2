import { BertError, quote } from "../errors.ts";
import type { HubOptions } from "../hub/options.ts";
import { type BertConfig, type ProblemType, parseConfig } from "../model/config.ts";
import { createTrainingBackend } from "../tensor/createTrainingBackend.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { shuffledBatches } from "./data/batches.ts";
import type { GlueTask } from "./data/glue.ts";
import { type FinetuneTask, type ReadExamplesOptions, readExamples, type TaskExamples } from "./data/readExamples.ts";
import { trainedConfigText, withStartModel } from "./modelFolder.ts";
import { digestOf } from "./run/digest.ts";
import { identityOf, type ResolvedRunOptions, type RunOptions, resolveRunOptions } from "./run/options.ts";
import { type RunPlan, type RunResult, run } from "./run/run.ts";
import { fillMask } from "./tasks/fillMask.ts";
import { multipleChoice } from "./tasks/multipleChoice.ts";
import { nextSentence } from "./tasks/nextSentence.ts";
import { questionAnswering } from "./tasks/questionAnswering.ts";
import type { PreparedTask } from "./tasks/task.ts";
import { textClassification } from "./tasks/textClassification.ts";
import { tokenClassification } from "./tasks/tokenClassification.ts";

/**
 * Options of `finetune`. Defaults beside those of every run: `learningRate` 5e-5, `batchSize` 8, `optimizer` "adamw", `weightDecay` 0,
 * `warmupRatio` 0, an evaluation after each epoch.
 */
export interface FinetuneOptions<T extends FinetuneTask = FinetuneTask>
  extends RunOptions,
    ReadExamplesOptions,
    Pick<HubOptions, "revision" | "token" | "cache_dir" | "local_files_only" | "progress_callback"> {
  /** The model to begin with: a folder, or an id on the hub. Default: the small one that comes with the package. */
  readonly model?: string;
  /** What it is to learn, named as the pipeline that will use it. */
  readonly task: T;
  /** Examples, or a file that `readExamples` reads. */
  readonly trainDataset: string | readonly TaskExamples[T][];
  /** The same, to evaluate with. */
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

/** Trains a model for a task; documented where it is exported, in index.ts. */
export async function finetune<T extends FinetuneTask>(given: FinetuneOptions<T>): Promise<RunResult> {
  const kind = { learningRate: 5e-5, batchSize: 8, optimizer: "adamw", weightDecay: 0, warmupRatio: 0 } as const;
  const options = resolveRunOptions("finetune", given, kind);
  const train = await datasetOf(given, "trainDataset", given.trainDataset);
  const evaluation = given.evalDataset === undefined ? null : await datasetOf(given, "evalDataset", given.evalDataset);
  if (!evaluation && (options.loadBestModelAtEnd || options.earlyStoppingPatience !== undefined)) {
    const name = options.loadBestModelAtEnd ? "loadBestModelAtEnd" : "earlyStoppingPatience";
    throw new BertError("ERR_INPUT", `finetune: evalDataset must be given with ${name}, is left out`);
  }
  return withStartModel(given.model, given, async (start) => {
    const limit = Math.min(start.config.maxPositionEmbeddings, start.tokenizer.modelMaxLength);
    const task = prepare(start.tokenizer, train, evaluation, limit, given, options.seed);
    const configText = trainedConfigText(start.configText, task);
    const config = parseConfig(configText);
    const threads = options.threads === undefined ? {} : { threads: options.threads };
    const kernels = createTrainingBackend(options.backend, threads);
    try {
      const plan = await planOf(task, options, given.numTrainEpochs ?? 3, config, configText, start.tokenizer);
      return await run({ ...plan, load: (k) => start.load(config, k, options.seed) }, options, kernels);
    } finally {
      await kernels.dispose();
    }
  });
}

async function datasetOf<T extends FinetuneTask>(
  given: FinetuneOptions<T>,
  name: string,
  dataset: string | readonly TaskExamples[T][],
): Promise<readonly TaskExamples[T][]> {
  if (typeof dataset === "string") return readExamples(given.task, dataset, given);
  if (Array.isArray(dataset) && dataset.length > 0) return dataset;
  const got = Array.isArray(dataset) ? "none" : String(dataset);
  throw new BertError("ERR_INPUT", `finetune: ${name} must be a file or at least one example, got ${got}`);
}

function prepare(
  tokenizer: BertTokenizer,
  train: readonly unknown[],
  evaluation: readonly unknown[] | null,
  limit: number,
  given: FinetuneOptions,
  seed: number,
): PreparedTask {
  const { task, maxLength = limit } = given;
  if (maxLength > limit) {
    throw new BertError(
      "ERR_INPUT",
      `finetune: maxLength must be at most ${limit}, the most that the model takes, got ${maxLength}`,
    );
  }
  const cut = { ...given, maxLength };
  const examplesOf = <T extends FinetuneTask>() =>
    [train as readonly TaskExamples[T][], evaluation as readonly TaskExamples[T][] | null] as const;
  switch (task) {
    case "text-classification":
      return textClassification(tokenizer, ...examplesOf<"text-classification">(), cut);
    case "token-classification":
      return tokenClassification(tokenizer, ...examplesOf<"token-classification">(), cut);
    case "question-answering":
      return questionAnswering(tokenizer, ...examplesOf<"question-answering">(), limit, given);
    case "multiple-choice":
      return multipleChoice(tokenizer, ...examplesOf<"multiple-choice">(), cut);
    case "next-sentence-prediction":
      return nextSentence(tokenizer, ...examplesOf<"next-sentence-prediction">(), cut);
    case "fill-mask":
      return fillMask(tokenizer, ...examplesOf<"fill-mask">(), limit, { ...cut, seed });
    default: {
      const tasks =
        "text-classification, token-classification, question-answering, multiple-choice, next-sentence-prediction, fill-mask";
      throw new BertError("ERR_INPUT", `finetune: task must be one of ${tasks}, got ${quote(String(task))}`);
    }
  }
}

/**
 * Which examples each update reads: those of an epoch in its own order, see `shuffledBatches`. The last update of an epoch reads what
 * is left of it, as with Hugging Face's Trainer.
 */
export async function planOf(
  task: PreparedTask,
  options: ResolvedRunOptions,
  epochs: number,
  config: BertConfig,
  configText: string,
  tokenizer: BertTokenizer,
): Promise<Omit<RunPlan, "load">> {
  const { batchSize, gradientAccumulationSteps: accumulation, seed } = options;
  const stepsPerEpoch = Math.ceil(Math.ceil(task.lengths.length / batchSize) / accumulation);
  const totalSteps = options.maxSteps ?? Math.ceil(epochs * stepsPerEpoch);
  const warmupSteps = options.warmupSteps ?? Math.ceil(totalSteps * options.warmupRatio);
  const evalSteps = options.evalSteps ?? stepsPerEpoch;
  let known = { epoch: -1, batches: [] as number[][] };
  return {
    where: "finetune",
    config,
    configText,
    tokenizer,
    identity: {
      ...identityOf(options),
      ...{ totalSteps, warmupSteps, evalSteps: task.evaluate ? evalSteps : null },
      "model's config": await digestOf([new TextEncoder().encode(configText)]),
      examples: await digestOf(task.contents()),
    },
    totalSteps,
    warmupSteps,
    evalSteps,
    epochAt: (step) => step / stepsPerEpoch,
    batchesAt(step) {
      const epoch = Math.floor(step / stepsPerEpoch);
      if (epoch !== known.epoch) known = { epoch, batches: shuffledBatches(task.lengths, { batchSize, seed, epoch }) };
      const first = (step % stepsPerEpoch) * accumulation;
      return known.batches.slice(first, first + accumulation).map((indices) => task.batch(indices, epoch));
    },
    evaluate: task.evaluate,
  };
}
