import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Architecture } from "../../src/model/architectures.ts";
import { packBatch } from "../../src/model/batch.ts";
import { bert, emptyRecord, finish } from "../../src/model/bert.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import { dropoutSites } from "../../src/model/dropoutSites.ts";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import type { TrainingBackend } from "../../src/tensor/trainingBackend.ts";
import { createGradients } from "../../src/training/gradients.ts";
import { initialWeights } from "../../src/training/initialWeights.ts";
import type { Labels } from "../../src/training/packLabels.ts";
import { createTrainingState, stateTensors, trainStep } from "../../src/training/trainStep.ts";
import { reference } from "../support/reference.ts";
import { trainedModel } from "../support/trainedModel.ts";
import { TRAINING_BACKENDS } from "../support/training.ts";

/** Gradient checkpointing changes no bit: of weights, moments and losses after three updates of two batches with dropout. */
const base: BertConfig = {
  ...parseConfig(readFileSync(reference("base/config.json"), "utf8")),
  ...{ vocabSize: 60, hiddenSize: 24, numAttentionHeads: 3, intermediateSize: 48, numHiddenLayers: 4 },
  ...{ hiddenDropoutProb: 0.2, attentionProbsDropoutProb: 0.3, labels: ["a", "b", "c"] },
};
/** DistilBERT has no token types, other dropout, and ReLU in its pooler. */
const distilbert: BertConfig = {
  ...{ ...base, modelType: "distilbert", poolerAct: "relu", typeVocabSize: 0, qaDropout: 0.1, classifierDropout: 0.2 },
};
const batchOf = (lengths: readonly number[]) => lengths.map((T) => ({ inputIds: Array.from({ length: T }, (_, t) => (t * 37 + T) % 60) })); // biome-ignore format: one line
const BATCHES = [batchOf([13, 5, 9]), batchOf([7, 17])];

type Input = (typeof BATCHES)[number];
const LABELS: readonly (readonly [Architecture, (input: Input) => Labels])[] = [
  ["BertForMaskedLM", (input) => ({ labels: input.map(({ inputIds }) => inputIds.map((id, t) => (t % 4 === 0 ? id : -100))) })], // biome-ignore format: one line
  ["BertForSequenceClassification", (input) => ({ labels: input.map((_, b) => b) })],
  ["DistilBertForSequenceClassification", (input) => ({ labels: input.map((_, b) => b), classWeights: [1, 2, 0.5] })],
  ["BertForQuestionAnswering", (input) => ({ startPositions: input.map(() => 1), endPositions: input.map(() => 3) })],
];

const FROZEN: readonly (readonly [string, (name: string) => boolean])[] = [
  ["nothing", () => false],
  ["the embeddings", (name) => name.includes("embeddings.")],
  ["two layers and the embeddings", (name) => /embeddings|layer\.[01]\./.test(name)],
  ["a layer in the middle", (name) => name.includes("layer.2.")],
  ["all but the upper layer", (name) => /^(distil)?bert\./.test(name) && !name.includes("layer.3.")],
  ["all but the heads", (name) => /^(distil)?bert\./.test(name)],
];

async function trained(
  kernels: TrainingBackend,
  [architecture, labelsOf]: (typeof LABELS)[number],
  isFrozen: (name: string) => boolean,
  gradientCheckpointing: boolean,
) {
  const config = { ...(architecture.startsWith("Distil") ? distilbert : base), architecture };
  const model = await trainedModel(initialWeights(config, 5), config, kernels, 5);
  const gradients = createGradients(model, isFrozen);
  const state = createTrainingState(model, gradients, 6);
  const batches = BATCHES.map((input) => ({ input, labels: labelsOf(input) }));
  const options = { learningRate: 1e-2, totalSteps: 10, gradientCheckpointing };
  const losses = [0, 1, 2].map(() => trainStep(model, gradients, state, batches, options));
  const tensors = [...model.params.byName, ...stateTensors(state), ...gradients.byName];
  return { losses, tensors: tensors.map(([name, { data }]) => [name, Float32Array.from(data)] as const) };
}

test("of all layers but the last only the input is kept", async () => {
  const config = { ...base, architecture: "BertForMaskedLM" } as const;
  const model = await trainedModel(initialWeights(config, 5), config, plainTraining, 5);
  const { tree } = createGradients(model);
  const batch = packBatch(BATCHES[0], config);
  const keptBy = (checkpointing: boolean) => {
    const record = emptyRecord(tree.bert);
    const training = { kernels: plainTraining, dropout: dropoutSites(config, null), record, checkpointing };
    const pass = { k: plainTraining, config, offsets: batch.offsets, read: null, tap: null, headMask: null, training };
    finish(bert(pass, model.params.tree.bert, batch));
    return record.layers.map((layer) => Object.keys(layer ?? {}).length);
  };
  expect(keptBy(false)).toEqual([9, 9, 9, 9]);
  expect(keptBy(true)).toEqual([1, 1, 1, 9]);
});

describe.each(TRAINING_BACKENDS)("$title", ({ create }) => {
  describe.each(LABELS)("%s", (...head) => {
    test.each(FROZEN)("with %s frozen", async (_, isFrozen) => {
      const kept = await trained(create(), head, isFrozen, false);
      const again = await trained(create(), head, isFrozen, true);
      expect(again).toEqual(kept);
      expect(kept.losses.every(({ loss }) => Number.isFinite(loss))).toBe(true);
      expect(kept.losses[2].loss).not.toBe(kept.losses[0].loss);
    });
  });
});
