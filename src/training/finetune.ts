import { BertError, quote } from "../errors.ts";
import { type BertConfig, parseConfig } from "../model/config.ts";
import { expectKnownOptions } from "../options.ts";
import { createTrainingBackend } from "../tensor/createTrainingBackend.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { shuffledBatches } from "./data/batches.ts";
import { located } from "./data/located.ts";
import { type FinetuneTask, readExamples, type TaskExamples } from "./data/readExamples.ts";
import { FINETUNE_OPTIONS, type FinetuneOptions } from "./finetuneOptions.ts";
import { digestOf } from "./run/digest.ts";
import { identityOf, type ResolvedRunOptions, resolveRunOptions } from "./run/resolvedOptions.ts";
import type { RunResult } from "./run/result.ts";
import { type RunPlan, run } from "./run/run.ts";
import { trainedConfigText, withStartModel } from "./startModel.ts";
import { fillMask } from "./tasks/fillMask.ts";
import { multipleChoice } from "./tasks/multipleChoice.ts";
import { nextSentence } from "./tasks/nextSentence.ts";
import { questionAnswering } from "./tasks/questionAnswering.ts";
import type { PreparedTask } from "./tasks/task.ts";
import { textClassification } from "./tasks/textClassification.ts";
import { tokenClassification } from "./tasks/tokenClassification.ts";

/** Trains a model for a task; documented where it is exported, in index.ts. */
export async function finetune<T extends FinetuneTask>(given: FinetuneOptions<T>): Promise<RunResult> {
  expectKnownOptions("finetune", given, FINETUNE_OPTIONS);
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
    const kernels = createTrainingBackend(
      options.backend,
      { threads: options.threads, assets: given.assets },
      "finetune",
    );
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
  const examplesOf = <T extends Exclude<FinetuneTask, "fill-mask">>() =>
    [
      located("trainDataset", train as readonly TaskExamples[T][]),
      evaluation && located("evalDataset", evaluation as readonly TaskExamples[T][]),
    ] as const;
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
      return fillMask(tokenizer, train as readonly string[], evaluation as readonly string[] | null, limit, {
        ...cut,
        seed,
      });
    default: {
      const tasks =
        "text-classification, token-classification, question-answering, multiple-choice, next-sentence-prediction, fill-mask";
      throw new BertError("ERR_INPUT", `finetune: task must be one of ${tasks}, got ${quote(String(task))}`);
    }
  }
}

/**
 * Which examples each update reads: those of an epoch in its own order, see `shuffledBatches`. The last update of an
 * epoch reads what is left of it, as with Hugging Face's Trainer.
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
