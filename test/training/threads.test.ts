import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import { createTrainingBackend } from "../../src/tensor/createTrainingBackend.ts";
import { createGradients } from "../../src/training/gradients.ts";
import { initialWeights } from "../../src/training/initialWeights.ts";
import { createTrainingState, stateTensors, trainStep } from "../../src/training/trainStep.ts";
import { reference } from "../support/reference.ts";
import { trainedModel } from "../support/trainedModel.ts";
import { recordWorkers } from "../support/workers.ts";

const workers = recordWorkers();

/** BERT-tiny with dropout and an MLM head: large enough that every kernel is shared among threads. */
const config: BertConfig = {
  ...parseConfig(readFileSync(reference("base/config.json"), "utf8")),
  ...{ vocabSize: 900, hiddenSize: 128, numAttentionHeads: 2, intermediateSize: 512, numHiddenLayers: 2 },
  ...{ hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1, architecture: "BertForMaskedLM" },
};
const input = [150, 61, 90].map((T) => ({ inputIds: Array.from({ length: T }, (_, t) => (t * 37) % 900) }));
const labels = { labels: input.map(({ inputIds }) => inputIds.map((id, t) => (t % 3 === 0 ? (id * 7) % 900 : -100))) };

/** The same encoder as a DistilBERT with a classifier, whose pooler has ReLU. */
const distilbert: BertConfig = {
  ...{ ...config, modelType: "distilbert", architecture: "DistilBertForSequenceClassification", poolerAct: "relu" },
  ...{ typeVocabSize: 0, qaDropout: 0.1, classifierDropout: 0.2 },
};

const weighing = { labels: [0, 1, 0], classWeights: [1, 2], labelSmoothing: 0.1 };
test.each([
  ["BERT", config, labels, {}],
  ["BERT, with checkpointing", config, { ...labels, labelSmoothing: 0.1 }, { gradientCheckpointing: true }],
  ["DistilBERT", distilbert, { labels: [0, 1, 0] }, {}],
  ["DistilBERT, with checkpointing", distilbert, weighing, { gradientCheckpointing: true }],
] as const)("%s: two steps of training have the same bits on 1, 2 and 3 threads", async (_, config, labels, more) => {
  const runs = [];
  for (const threads of [1, 2, 3]) {
    const kernels = createTrainingBackend("simd", { threads });
    const model = await trainedModel(initialWeights(config, 5), config, kernels, 5);
    const gradients = createGradients(model);
    const state = createTrainingState(model, gradients, 6);
    const options = { learningRate: 1e-3, totalSteps: 10, ...more };
    const first = trainStep(model, gradients, state, [{ input, labels }], options);
    expect(workers.length).toBe(threads - 1);
    await Promise.all(workers.splice(0).map((worker) => once(worker, "message"))); // from now on they help
    const second = trainStep(model, gradients, state, [{ input, labels }], options);
    const tensors = [...model.params.byName, ...stateTensors(state), ...gradients.byName];
    runs.push({ first, second, tensors: tensors.map(([name, { data }]) => [name, Float32Array.from(data)]) });
    await kernels.dispose();
  }
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
  expect(runs[0].tensors.length).toBeGreaterThan(100);
  expect(runs[0].tensors.every(([, data]) => (data as Float32Array).every(Number.isFinite))).toBe(true);
});
