import { BertError } from "../errors.ts";
import type { HubOptions } from "../hub/options.ts";
import type { ProblemType } from "../model/config.ts";
import { parseConfig } from "../model/config.ts";
import { shuffledBatches } from "./data/batches.ts";
import type { GlueTask } from "./data/glue.ts";
import type { TextExample } from "./data/textExamples.ts";
import { trainedConfigText, withStartModel } from "./modelFolder.ts";
import { digestOf } from "./run/digest.ts";
import { identityOf, type RunOptions, resolveRunOptions } from "./run/options.ts";
import { type RunResult, run } from "./run/run.ts";
import { expectExamples, textClassification } from "./tasks/textClassification.ts";
import { trainingKernels } from "./trainingKernels.ts";

export interface FinetuneOptions extends RunOptions, Pick<HubOptions, "revision" | "token" | "cache_dir" | "local_files_only"> {
  readonly model?: string;
  readonly task: "text-classification";
  readonly trainDataset: readonly TextExample[];
  readonly evalDataset?: readonly TextExample[];
  readonly numTrainEpochs?: number;
  readonly maxLength?: number;
  readonly problemType?: ProblemType;
  readonly labels?: readonly string[];
  readonly glueTask?: GlueTask;
}

export async function finetune(given: FinetuneOptions): Promise<RunResult> {
  const options = resolveRunOptions("finetune", given, {
    learningRate: 5e-5,
    batchSize: 8,
    optimizer: "adamw",
    weightDecay: 0,
    warmupRatio: 0,
  });
  const { numTrainEpochs = 3 } = given;
  const kernels = trainingKernels(options.backend);
  return withStartModel(given.model, given, async (start) => {
    expectExamples("finetune", "trainDataset", given.trainDataset);
    const task = textClassification(start.tokenizer, given.trainDataset, given.evalDataset ?? null, given);
    const configText = trainedConfigText(start.configText, task);
    const config = parseConfig(configText);
    const { batchSize, gradientAccumulationSteps, seed } = options;
    const stepsPerEpoch = Math.ceil(Math.ceil(task.lengths.length / batchSize) / gradientAccumulationSteps);
    const totalSteps = options.maxSteps ?? Math.ceil(numTrainEpochs * stepsPerEpoch);
    let known = { epoch: -1, batches: [] as number[][] };
    const batchesAt = (step: number) => {
      const epoch = Math.floor(step / stepsPerEpoch);
      if (epoch !== known.epoch) known = { epoch, batches: shuffledBatches(task.lengths, { batchSize, seed, epoch }) };
      const first = (step % stepsPerEpoch) * gradientAccumulationSteps;
      return known.batches.slice(first, first + gradientAccumulationSteps).map((indices) => task.batch(indices, epoch));
    };
    if (options.loadBestModelAtEnd && !task.evaluate) throw new BertError("ERR_INPUT", "finetune: loadBestModelAtEnd needs evalDataset");
    return run(
      {
        where: "finetune",
        config,
        configText,
        tokenizer: start.tokenizer,
        identity: {
          ...identityOf(options),
          totalSteps,
          "data and labels": await digestOf(task.contents()),
        },
        totalSteps,
        warmupSteps: options.warmupSteps ?? Math.ceil(totalSteps * options.warmupRatio),
        evalSteps: options.evalSteps ?? stepsPerEpoch,
        load: (k) => start.load(config, k, seed),
        epochAt: (step) => step / stepsPerEpoch,
        batchesAt,
        evaluate: task.evaluate,
      },
      options,
      kernels,
    );
  });
}
