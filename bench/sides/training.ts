import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import type { BackendName } from "../../src/tensor/chooseBackend.ts";
import { createTrainingBackend } from "../../src/tensor/createTrainingBackend.ts";
import { adamwStep, createMoments } from "../../src/training/adamwStep.ts";
import { createGradients, zeroGradients } from "../../src/training/gradients.ts";
import { initialWeights } from "../../src/training/initialWeights.ts";
import { lossAndGradients } from "../../src/training/lossAndGradients.ts";
import { trainedModel } from "../../test/support/trainedModel.ts";
import { describeBackend } from "./plainbert.ts";

/** A library that trains bert-base-cased's architecture with a classifier of two classes, dropout 0.1. */
export interface Trainer {
  /** What it computes with. */
  readonly description: string;
  /** Forward and backward of B sequences of T tokens, in milliseconds. */
  step(B: number, T: number): number;
  /** An update of every weight by AdamW, in milliseconds; the norm of the gradients is not counted. */
  update(): number;
  dispose(): Promise<void>;
}

/** The classifier's config: that of the base model, as the reference data has it. */
export function trainedConfig(): BertConfig {
  const json = readFileSync(join(import.meta.dirname, "../../test/reference/base/config.json"), "utf8");
  return {
    ...parseConfig(json),
    architecture: "BertForSequenceClassification",
    labels: ["0", "1"],
    hiddenDropoutProb: 0.1,
    attentionProbsDropoutProb: 0.1,
  };
}

/** plainbert, by the functions that `trainStep` is made of. */
export async function plainbertTrainer(
  backend: string,
  threads: number,
  gradientCheckpointing = false,
): Promise<Trainer> {
  const kernels = createTrainingBackend(backend as BackendName, { threads });
  const config = trainedConfig();
  const model = await trainedModel(initialWeights(config, 1), config, kernels, 1);
  const gradients = createGradients(model);
  const moments = createMoments(model, gradients);
  let steps = 0;
  return {
    description: describeBackend(kernels.info),
    step(B, T) {
      const ids = (b: number) => Array.from({ length: T }, (_, t) => 5 + (((b * T + t) * 7919) % 28_000));
      const batch = Array.from({ length: B }, (_, b) => ({ inputIds: ids(b) }));
      zeroGradients(gradients);
      const start = performance.now();
      const labels = { labels: batch.map((_, b) => b % 2) };
      const options = { dropout: { seed: 1, step: steps++ }, gradientCheckpointing };
      const { loss } = lossAndGradients(model, gradients, batch, labels, options);
      const spent = performance.now() - start;
      if (!(loss > 0.1 && loss < 3)) throw new Error(`the loss must be near ln 2, got ${loss}`);
      return spent;
    },
    update() {
      const start = performance.now();
      adamwStep(model, gradients, moments, { step: ++steps, learningRate: 1e-6, norm: 1 }, {});
      return performance.now() - start;
    },
    dispose: () => kernels.dispose(),
  };
}
