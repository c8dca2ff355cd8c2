import { withOutputFolder } from "../disk/outputLock.ts";
import { BertError, shown } from "../errors.ts";
import type { Architecture } from "../model/architectures.ts";
import { type BertConfig, parseConfig } from "../model/config.ts";
import { expectKnownOptions } from "../options.ts";
import { createTrainingBackend } from "../tensor/createTrainingBackend.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { shuffledBatches } from "./data/batches.ts";
import { checkedExamples, checkedTexts } from "./data/checkExamples.ts";
import { expectTask, type FinetuneTask, readFileExamples } from "./data/readExamples.ts";
import { FINETUNE_OPTIONS, type FinetuneOptions, type FinetuneResult } from "./finetuneOptions.ts";
import { digestOf } from "./run/digest.ts";
import {
  expectLayers,
  expectWarmup,
  identityOf,
  type ResolvedRunOptions,
  resolveRunOptions,
} from "./run/resolvedOptions.ts";
import { type RunPlan, run } from "./run/run.ts";
import { type StartModel, trainedConfigText, withStartModel } from "./startModel.ts";
import { expectTaskOptions } from "./taskOptions.ts";
import { fillMask } from "./tasks/fillMask.ts";
import { multipleChoice } from "./tasks/multipleChoice.ts";
import { nextSentence } from "./tasks/nextSentence.ts";
import { questionAnswering } from "./tasks/questionAnswering.ts";
import type { PreparedTask } from "./tasks/task.ts";
import { textClassification } from "./tasks/textClassification.ts";
import { tokenClassification } from "./tasks/tokenClassification.ts";

/** Trains a model for a task; documented where it is exported, in index.ts. */
export async function finetune<T extends FinetuneTask>(given: FinetuneOptions<T>): Promise<FinetuneResult> {
  expectKnownOptions("finetune", given, FINETUNE_OPTIONS);
  expectTask("finetune", given.task);
  const kind = { learningRate: 5e-5, batchSize: 8, optimizer: "adamw", weightDecay: 0, warmupRatio: 0 } as const;
  const options = resolveRunOptions("finetune", given, kind);
  expectTaskOptions(given);
  return withOutputFolder(options.output, () => runFinetune(given, options));
}

async function runFinetune<T extends FinetuneTask>(
  given: FinetuneOptions<T>,
  options: ResolvedRunOptions,
): Promise<FinetuneResult> {
  const train = await datasetOf(given, "trainDataset", given.trainDataset);
  const evaluation = given.evalDataset === undefined ? null : await datasetOf(given, "evalDataset", given.evalDataset);
  return withStartModel(given.model, given, async (start) => {
    expectLayers("finetune", options.freezeLayers, start.config.numHiddenLayers);
    const task = prepare(start, train, evaluation?.examples ?? null, given, options.seed);
    const configText = trainedConfigText(start.configText, task);
    const config = parseConfig(configText);
    const kernels = createTrainingBackend(
      options.backend,
      { threads: options.threads, assets: given.assets },
      "finetune",
    );
    try {
      const plan = await planOf(task, options, given.numTrainEpochs ?? 3, config, configText, start.tokenizer);
      const result = await run({ ...plan, load: (k) => start.load(config, k, options.seed) }, options, kernels);
      return { ...result, skippedExamples: task.skippedExamples ?? 0 };
    } finally {
      await kernels.dispose();
    }
  });
}

/** Examples, and whether the file that has them writes their labels as floats. */
interface Dataset {
  readonly examples: readonly unknown[];
  readonly areFloats: boolean;
}

async function datasetOf(given: FinetuneOptions, name: string, dataset: unknown): Promise<Dataset> {
  if (typeof dataset === "string") return readFileExamples("finetune", given.task, dataset, given);
  if (Array.isArray(dataset) && dataset.length > 0) return { examples: dataset, areFloats: false };
  const got = Array.isArray(dataset) ? "none" : shown(dataset);
  throw new BertError("ERR_INPUT", `finetune: ${name} must be a file or at least one example, got ${got}`);
}

function prepare(
  { tokenizer, config }: StartModel,
  { examples: train, areFloats }: Dataset,
  evaluation: readonly unknown[] | null,
  given: FinetuneOptions,
  seed: number,
): PreparedTask {
  const limit = Math.min(config.maxPositionEmbeddings, tokenizer.modelMaxLength);
  const { task, maxLength = limit } = given;
  if (maxLength > limit) {
    throw new BertError(
      "ERR_INPUT",
      `finetune: maxLength must be at most ${limit}, the most that the model takes, got ${maxLength}`,
    );
  }
  const cut = { ...given, maxLength, areFloats };
  const examplesOf = <T extends Exclude<FinetuneTask, "fill-mask">>(name: T) =>
    [
      checkedExamples(name, "trainDataset", train),
      evaluation && checkedExamples(name, "evalDataset", evaluation),
    ] as const;
  const withLabels = (architecture: Architecture) => ({ ...cut, startLabels: ownLabels(config, architecture) });
  switch (task) {
    case "text-classification":
      return textClassification(tokenizer, ...examplesOf(task), withLabels("BertForSequenceClassification"));
    case "token-classification":
      return tokenClassification(tokenizer, ...examplesOf(task), withLabels("BertForTokenClassification"));
    case "question-answering":
      return questionAnswering(tokenizer, ...examplesOf(task), limit, given);
    case "multiple-choice":
      return multipleChoice(tokenizer, ...examplesOf(task), cut);
    case "next-sentence-prediction":
      return nextSentence(tokenizer, ...examplesOf(task), cut);
    case "fill-mask": {
      const texts = [
        checkedTexts("trainDataset", train),
        evaluation && checkedTexts("evalDataset", evaluation),
      ] as const;
      return fillMask(tokenizer, ...texts, limit, { ...cut, seed });
    }
  }
}

/** The labels of a classifier of this kind that somebody has named; null: it is none, or has LABEL_0, … alone. */
function ownLabels({ architecture, labels }: BertConfig, wanted: Architecture): readonly string[] | null {
  return architecture === wanted && !labels.every((label, i) => label === `LABEL_${i}`) ? labels : null;
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
  expectWarmup("finetune", warmupSteps, totalSteps);
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
