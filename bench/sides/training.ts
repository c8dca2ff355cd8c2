import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SentenceModules } from "../../src/load/sentenceModules.ts";
import { NO_SETTINGS } from "../../src/load/sentenceSettings.ts";
import { AS_THE_MODEL } from "../../src/load/transformerSettings.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import type { BackendName } from "../../src/tensor/chooseBackend.ts";
import { createTrainingBackend } from "../../src/tensor/createTrainingBackend.ts";
import { adamwStep, createMoments } from "../../src/training/adamwStep.ts";
import { createGradients, zeroGradients } from "../../src/training/gradients.ts";
import { initialWeights } from "../../src/training/initialWeights.ts";
import { lossAndGradients } from "../../src/training/lossAndGradients.ts";
import type { Labels } from "../../src/training/packLabels.ts";
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

/**
 * What is trained: a classifier of two classes, BERT's or DistilBERT's; or vectors of pairs of sequences, their mean, by
 * MultipleNegativesRankingLoss.
 */
export type Trained = "BERT" | "DistilBERT" | "pairs";

/** The config of what is trained: that of the base model, as the reference data has it; DistilBERT has six layers. */
export function trainedConfig(trained: Trained = "BERT"): BertConfig {
  const json = readFileSync(join(import.meta.dirname, "../../test/reference/base/config.json"), "utf8");
  const distilled = {
    model_type: "distilbert",
    architectures: ["DistilBertForSequenceClassification"],
    vocab_size: 28_996,
  };
  return {
    ...parseConfig(trained === "DistilBERT" ? JSON.stringify(distilled) : json),
    ...(trained === "BERT" && { architecture: "BertForSequenceClassification" }),
    ...(trained === "pairs" && { architecture: "BertModel" }),
    labels: ["0", "1"],
    hiddenDropoutProb: 0.1,
    attentionProbsDropoutProb: 0.1,
  };
}

/** The mean of the tokens' vectors. */
const MEAN: SentenceModules = {
  ...{ ...AS_THE_MODEL, ...NO_SETTINGS, texts: new Map() },
  modules: [{ type: "Pooling", modes: ["mean"], includePrompt: true }],
};

/** The labels of B sequences: two classes in turn, or pairs of neighbours. */
function labelsOf(trained: Trained, B: number): Labels {
  if (trained !== "pairs") return { labels: Array.from({ length: B }, (_, b) => b % 2) };
  const loss = { name: "MultipleNegativesRankingLoss", scale: 20, matryoshka: null } as const;
  return { vectors: { loss, groups: Array(B / 2).fill(2), scores: null, promptLengths: Array(B).fill(0) } };
}

/** plainbert, by the functions that `trainStep` is made of. */
export async function plainbertTrainer(
  backend: string,
  threads: number,
  gradientCheckpointing = false,
  trained: Trained = "BERT",
): Promise<Trainer> {
  const kernels = createTrainingBackend(backend as BackendName, { threads });
  const config = trainedConfig(trained);
  const encoder = await trainedModel(initialWeights(config, 1), config, kernels, 1);
  const model = trained === "pairs" ? { ...encoder, sentence: MEAN } : encoder;
  const gradients = createGradients(model);
  let moments: ReturnType<typeof createMoments> | null = null;
  let steps = 0;
  return {
    description: describeBackend(kernels.info),
    step(B, T) {
      const ids = (b: number) => Array.from({ length: T }, (_, t) => 5 + (((b * T + t) * 7919) % 28_000));
      const batch = Array.from({ length: B }, (_, b) => ({ inputIds: ids(b) }));
      zeroGradients(gradients);
      const start = performance.now();
      const labels = labelsOf(trained, B);
      const options = { dropout: { seed: 1, step: steps++ }, gradientCheckpointing };
      const { loss } = lossAndGradients(model, gradients, batch, labels, options);
      const spent = performance.now() - start;
      if (!(loss > 0.1 && loss < 6)) throw new Error(`the loss must be near ln 2, or ln B/2, got ${loss}`);
      return spent;
    },
    update() {
      moments ??= createMoments(model, gradients);
      const start = performance.now();
      adamwStep(model, gradients, moments, { step: ++steps, learningRate: 1e-6, norm: 1 }, {});
      return performance.now() - start;
    },
    dispose: () => kernels.dispose(),
  };
}
