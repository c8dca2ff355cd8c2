import { withOutputFolder } from "../disk/outputLock.ts";
import { listed } from "../errors.ts";
import type { SentenceModules } from "../load/sentenceModules.ts";
import { inFamily } from "../model/architectures.ts";
import { type BertConfig, parseConfig } from "../model/config.ts";
import { expectKnownOptions } from "../options.ts";
import { createTrainingBackend } from "../tensor/createTrainingBackend.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { shuffledBatches } from "./data/batches.ts";
import { type Dataset, datasetOf } from "./data/dataset.ts";
import { expectTask, type FinetuneTask, TASK_MODELS } from "./data/taskModels.ts";
import { expectTeacherOptions } from "./distillation/distillationOptions.ts";
import { withProjection } from "./distillation/projection.ts";
import { openTeacher, type Teacher, type TeachingOptions } from "./distillation/teacherVectors.ts";
import { FINETUNE_OPTIONS, type FinetuneOptions, type FinetuneResult } from "./finetuneOptions.ts";
import { MODEL_SOURCE_OPTIONS } from "./modelSource.ts";
import { examplesText, modelText } from "./report/about.ts";
import { digestOf } from "./run/digest.ts";
import { expectFree } from "./run/freeOutput.ts";
import {
  expectLayers,
  expectMetric,
  expectWarmup,
  identityOf,
  type ResolvedRunOptions,
  resolveRunOptions,
} from "./run/resolvedOptions.ts";
import { type RunPlan, run } from "./run/run.ts";
import { modulesToTrain, withModuleTensors } from "./sentence/trainedModules.ts";
import { type StartModel, trainedConfigText, withStartModel } from "./startModel.ts";
import { expectEvaluation, expectTaskOptions } from "./taskOptions.ts";
import { type DistillationTask, distillation } from "./tasks/distillation.ts";
import { expectMaxLength, limitOf, prepare } from "./tasks/prepare.ts";
import type { PreparedTask, TaskModel } from "./tasks/task.ts";

/** Trains a model for a task; documented where it is exported, in index.ts. */
export async function finetune<T extends FinetuneTask>(given: FinetuneOptions<T>): Promise<FinetuneResult> {
  expectKnownOptions("finetune", given, FINETUNE_OPTIONS);
  expectTask("finetune", given.task);
  const kind = { learningRate: 5e-5, batchSize: 8, optimizer: "adamw", weightDecay: 0, warmupRatio: 0 } as const;
  const options = resolveRunOptions("finetune", given, kind);
  expectEvaluation("finetune", "evalDataset", given);
  expectTaskOptions("finetune", given.task, given);
  expectTeacherOptions("finetune", given);
  return withOutputFolder(options.output, () => runFinetune(given, options));
}

async function runFinetune<T extends FinetuneTask>(
  given: FinetuneOptions<T>,
  options: ResolvedRunOptions,
): Promise<FinetuneResult> {
  await expectFree("finetune", options);
  const { trainDataset, evalDataset } = given;
  const train = await datasetOf("finetune", "trainDataset", trainDataset, given);
  const evaluation = evalDataset === undefined ? null : await datasetOf("finetune", "evalDataset", evalDataset, given);
  return withStartModel(given.model, given, async (start) => {
    const opened: { teacher?: Teacher } = {};
    try {
      return await runFrom(start, given, options, { train, evaluation }, opened);
    } finally {
      await opened.teacher?.dispose();
    }
  });
}

/** The examples to train with, and those to evaluate with. */
interface Datasets {
  readonly train: Dataset;
  readonly evaluation: Dataset | null;
}

/** @param opened gets the teacher, where there is one */
async function runFrom(
  start: StartModel,
  given: FinetuneOptions,
  options: ResolvedRunOptions,
  { train, evaluation }: Datasets,
  opened: { teacher?: Teacher },
): Promise<FinetuneResult> {
  inFamily("finetune", TASK_MODELS[given.task], start.config.modelType);
  expectLayers("finetune", options.freezeLayers, start.config.numHiddenLayers);
  const sentence =
    given.task === "sentence-embedding"
      ? modulesToTrain(await start.readSentence(), start.config.hiddenSize, given.maxLength ?? limitOf(start))
      : undefined;
  const { batchSize, seed } = options;
  const model = { ...start, ...(sentence && { sentence }) };
  const openOnce = async () => (opened.teacher = await openTeacher(teachingOf(given, options)));
  const distilled =
    sentence && given.teacher !== undefined
      ? await distilledFrom({ ...start, sentence }, given, options, { train, evaluation }, openOnce)
      : undefined;
  const task = distilled ?? prepare("finetune", model, train, evaluation, { ...given, batchSize, seed });
  const trained = distilled?.sentence ?? sentence;
  const configText = trainedConfigText(start.configText, { ...task, architecture: TASK_MODELS[given.task] });
  const config = parseConfig(configText);
  const kernels = createTrainingBackend(
    options.backend,
    { threads: options.threads, assets: given.assets },
    "finetune",
  );
  try {
    const plan = await planOf(task, options, given.numTrainEpochs ?? 3, config, configText, start.tokenizer);
    const load = async (k: TrainingBackend) => {
      const params = await start.load(config, k, seed);
      const all = trained ? withModuleTensors(params, trained, k) : params;
      return distilled?.projection ? withProjection(all, distilled.projection, k) : all;
    };
    const about = {
      ...{ task: given.task, "start model": modelText(given.model) },
      ...(given.teacher !== undefined && { teacher: given.teacher }),
      "training data": examplesText(given.trainDataset, train.examples.length),
      ...(evaluation && { "evaluation data": examplesText(given.evalDataset, evaluation.examples.length) }),
      ...(task.labels && { classes: `${task.labels.length}: ${listed(task.labels)}` }),
    };
    const identity = {
      ...{ task: given.task, teacher: null },
      ...{ trainDataset: train.examples.length, evalDataset: evaluation?.examples.length ?? null },
      ...(sentence && evaluation && { evalBatchSize: options.evalBatchSize }), // the losses of vectors are of batches
      ...plan.identity,
    };
    for (const note of task.notes ?? []) given.onNote?.(note);
    const result = await run({ ...plan, identity, about, sentence: trained, load }, options, kernels);
    return { ...result, skippedExamples: task.skippedExamples ?? 0 };
  } finally {
    await kernels.dispose();
  }
}

/** How a teacher is loaded, and computes. */
function teachingOf(given: FinetuneOptions, options: ResolvedRunOptions): TeachingOptions {
  const { teacher, onTeacher, revision: _, ...rest } = given; // a revision is that of the model that is trained
  const { output, evalBatchSize: batchSize, backend, threads, signal } = options;
  const hub = Object.fromEntries(Object.keys(MODEL_SOURCE_OPTIONS).flatMap((name) => (name in rest ? [[name, rest[name as keyof typeof rest]]] : []))); // biome-ignore format: one line
  const loading = { ...hub, backend, ...(threads !== undefined && { threads }), ...(signal && { signal }) };
  return { where: "finetune", teacher: teacher as string, output, loading, batchSize, signal, onTeacher };
}

/** Distillation, where there is a teacher. */
function distilledFrom(
  model: TaskModel & { readonly sentence: SentenceModules },
  given: FinetuneOptions,
  { batchSize, seed }: ResolvedRunOptions,
  { train, evaluation }: Datasets,
  openTeacher: () => Promise<Teacher>,
): Promise<DistillationTask> {
  if (given.maxLength !== undefined) expectMaxLength("finetune", model, given.maxLength);
  return distillation("finetune", model, train, evaluation, { ...given, batchSize, seed, openTeacher });
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
  const batchCount = task.batchCount?.(batchSize) ?? Math.ceil(task.lengths.length / batchSize);
  const stepsPerEpoch = Math.ceil(batchCount / accumulation);
  const totalSteps = options.maxSteps ?? Math.ceil(epochs * stepsPerEpoch);
  const warmupSteps = options.warmupSteps ?? Math.ceil(totalSteps * options.warmupRatio);
  expectWarmup("finetune", warmupSteps, totalSteps);
  expectMetric("finetune", options, task.metricNames);
  const evalSteps = options.evalSteps ?? stepsPerEpoch;
  const batchesOf = (epoch: number) =>
    task.batches?.({ batchSize, seed, epoch }) ?? shuffledBatches(task.lengths, { batchSize, seed, epoch });
  let known = { epoch: -1, batches: [] as number[][] };
  return {
    where: "finetune",
    tellsErrors: task.tellsErrors ?? config.problemType === "regression",
    config,
    configText,
    tokenizer,
    identity: {
      ...identityOf(options),
      ...task.settings,
      ...task.identity,
      "model's config": await digestOf([new TextEncoder().encode(configText)]),
      examples: await digestOf(task.contents()),
      ...{ totalSteps, warmupSteps, evalSteps: task.evaluate ? evalSteps : null },
    },
    totalSteps,
    warmupSteps,
    evalSteps,
    epochAt: (step) => step / stepsPerEpoch,
    batchesAt(step) {
      const epoch = Math.floor(step / stepsPerEpoch);
      if (epoch !== known.epoch) known = { epoch, batches: batchesOf(epoch) };
      const first = (step % stepsPerEpoch) * accumulation;
      return known.batches.slice(first, first + accumulation).map((indices) => task.batch(indices, epoch));
    },
    evaluate: task.evaluate,
    ...(task.teach && { teach: () => task.teach!() }),
  };
}
