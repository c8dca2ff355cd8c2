import { BertError, listed } from "../errors.ts";
import { type BertConfig, parseConfig } from "../model/config.ts";
import { expectKnownOptions } from "../options.ts";
import { createTrainingBackend } from "../tensor/createTrainingBackend.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { shuffledBatches } from "./data/batches.ts";
import { datasetOf } from "./data/dataset.ts";
import type { FinetuneTask, TaskExamples } from "./data/readExamples.ts";
import { FINETUNE_OPTIONS, type FinetuneOptions } from "./finetuneOptions.ts";
import { examplesText, modelText } from "./report/about.ts";
import { digestOf } from "./run/digest.ts";
import { identityOf, type ResolvedRunOptions, resolveRunOptions } from "./run/resolvedOptions.ts";
import type { RunResult } from "./run/result.ts";
import { type RunPlan, run } from "./run/run.ts";
import { trainedConfigText, withStartModel } from "./startModel.ts";
import { prepare } from "./tasks/prepare.ts";
import type { PreparedTask } from "./tasks/task.ts";

/** Trains a model for a task; documented where it is exported, in index.ts. */
export async function finetune<T extends FinetuneTask>(given: FinetuneOptions<T>): Promise<RunResult> {
  expectKnownOptions("finetune", given, FINETUNE_OPTIONS);
  const kind = { learningRate: 5e-5, batchSize: 8, optimizer: "adamw", weightDecay: 0, warmupRatio: 0 } as const;
  const options = resolveRunOptions("finetune", given, kind);
  const examplesOf = (name: string, dataset: string | readonly TaskExamples[T][]) =>
    datasetOf(`finetune: ${name}`, given.task, dataset, given);
  const train = await examplesOf("trainDataset", given.trainDataset);
  const evaluation = given.evalDataset === undefined ? null : await examplesOf("evalDataset", given.evalDataset);
  if (!evaluation && (options.loadBestModelAtEnd || options.earlyStoppingPatience !== undefined)) {
    const name = options.loadBestModelAtEnd ? "loadBestModelAtEnd" : "earlyStoppingPatience";
    throw new BertError("ERR_INPUT", `finetune: evalDataset must be given with ${name}, is left out`);
  }
  return withStartModel(given.model, given, async (start) => {
    const limit = Math.min(start.config.maxPositionEmbeddings, start.tokenizer.modelMaxLength);
    const datasets = { trainDataset: train, evalDataset: evaluation };
    const task = prepare("finetune", start.tokenizer, limit, datasets, { ...given, seed: options.seed });
    const configText = trainedConfigText(start.configText, task);
    const config = parseConfig(configText);
    const kernels = createTrainingBackend(
      options.backend,
      { threads: options.threads, assets: given.assets },
      "finetune",
    );
    try {
      const plan = await planOf(task, options, given.numTrainEpochs ?? 3, config, configText, start.tokenizer);
      const about = {
        ...{ task: given.task, "start model": modelText(given.model) },
        "training data": examplesText(given.trainDataset, train.length),
        ...(evaluation && { "evaluation data": examplesText(given.evalDataset, evaluation.length) }),
        ...(task.labels && { classes: `${task.labels.length}: ${listed(task.labels)}` }),
      };
      return await run({ ...plan, about, load: (k) => start.load(config, k, options.seed) }, options, kernels);
    } finally {
      await kernels.dispose();
    }
  });
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
): Promise<Omit<RunPlan, "load" | "about">> {
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
