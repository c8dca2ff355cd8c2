import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import { openWeights } from "../../src/load/weightFiles.ts";
import type { Architecture } from "../../src/model/architectures.ts";
import type { SequenceInput } from "../../src/model/batch.ts";
import { parseConfig } from "../../src/model/config.ts";
import { readSafetensors } from "../../src/safetensors/index.ts";
import type { TrainingBackend } from "../../src/tensor/trainingBackend.ts";
import { createGradients, type TrainedModel } from "../../src/training/gradients.ts";
import { lossAndGradients } from "../../src/training/lossAndGradients.ts";
import type { Labels } from "../../src/training/packLabels.ts";
import { createTrainingState, type LabelledBatch, trainStep } from "../../src/training/trainStep.ts";
import { deviation } from "../support/close.ts";
import { TRAINING_BACKENDS } from "../support/training.ts";
import { WEIGHTED_TOLERANCE } from "../tolerances.ts";

/** Losses that weigh, against the truth in float64 of reference/weighted. */
const folder = join(import.meta.dirname, "reference", "weighted");
interface Case {
  readonly task: "pairs" | "classes" | "tokens" | "masked";
  readonly posWeight: number | null;
  readonly classWeights: readonly number[] | null;
  readonly labelSmoothing: number;
  readonly labels: readonly (readonly number[] | readonly (readonly number[])[])[];
  readonly steps: readonly number[];
  readonly after: number;
}
const json: { readonly batches: readonly SequenceInput[][]; readonly cases: Readonly<Record<string, Case>> } =
  JSON.parse(readFileSync(join(folder, "weighted.json"), "utf8"));
const ARCHITECTURES: Readonly<Record<Case["task"], Architecture>> = {
  pairs: "BertForSequenceClassification",
  classes: "BertForSequenceClassification",
  tokens: "BertForTokenClassification",
  masked: "BertForMaskedLM",
};

/** The model that all cases begin with; that of pairs has the first row of the classifier. */
async function start(task: Case["task"], kernels: TrainingBackend): Promise<TrainedModel> {
  const read = parseConfig(readFileSync(join(folder, "model", "config.json"), "utf8"));
  const labels = task === "pairs" ? ["LABEL_0"] : read.labels;
  const config = { ...read, labels, architecture: ARCHITECTURES[task], hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 }; // biome-ignore format: one line
  const weights = await openWeights(join(folder, "model", "model.safetensors"));
  const shapeOf = (name: string, shape: readonly number[]) =>
    name.startsWith("classifier.") ? [labels.length, ...shape.slice(1)] : shape;
  const names = [...weights.tensors].filter(([name]) => !(["tokens", "masked"].includes(task) && name.includes("pooler")) && !(task === "masked" ? name.startsWith("classifier.") : name.startsWith("cls."))); // biome-ignore format: one line
  const source = {
    tensors: new Map(names.map(([name, { shape }]) => [name, { shape: shapeOf(name, shape) }])),
    async readInto(name: string, target: Float32Array) {
      const whole = new Float32Array((weights.tensors.get(name)?.shape ?? []).reduce((a, b) => a * b, 1));
      await weights.readInto(name, whole);
      target.set(whole.subarray(0, target.length));
    },
  };
  try {
    return { config, params: await loadParams(source, config, kernels), kernels };
  } finally {
    await weights.close();
  }
}

function batchesOf({ task, labels, posWeight, classWeights, labelSmoothing }: Case): LabelledBatch[] {
  return json.batches.map((input, b) => ({
    input,
    labels: {
      labels: labels[b] as Labels["labels"],
      ...(task === "pairs" && { problemType: "multi_label_classification", posWeight: posWeight ?? 1 }),
      ...(task !== "pairs" && { labelSmoothing, ...(classWeights && { classWeights }) }),
    } as Labels,
  }));
}

const largest = (values: Float64Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

test("there is a case of each kind", () => {
  expect(Object.keys(json.cases)).toEqual([
    ...["pairs", "pairs-positives", "classes-weights", "classes-smoothing", "classes-both"],
    ...["tokens-weights", "tokens-smoothing", "tokens-both", "masked-smoothing"],
  ]);
});

describe.each(TRAINING_BACKENDS)("$title", ({ create }) => {
  describe.each(Object.entries(json.cases))("%s", (name, one) => {
    test("the loss and the gradient of every parameter", async () => {
      const model = await start(one.task, create());
      const gradients = createGradients(model);
      const [{ input, labels }] = batchesOf(one);
      const { loss } = lossAndGradients(model, gradients, input, labels, { dropout: null });
      const truth = readSafetensors(new Uint8Array(readFileSync(join(folder, `${name}.float64.safetensors`))));
      expect(Math.abs(loss / Number(truth.metadata.get("loss")) - 1)).toBeLessThanOrEqual(WEIGHTED_TOLERANCE.loss);
      expect([...gradients.byName.keys()].sort()).toEqual([...truth.tensors.keys()].sort());
      const all = Math.max(...Array.from(truth.tensors.keys(), (key) => largest(truth.toFloat64(key))));
      for (const [key, { data, shape }] of gradients.byName) {
        expect(shape, key).toEqual(truth.tensors.get(key)?.shape);
        const want = truth.toFloat64(key);
        // That of a key's bias is zero but for rounding.
        const share = deviation(data, want).max / (largest(want) > 1e-12 ? largest(want) : all);
        expect(share, key).toBeLessThanOrEqual(WEIGHTED_TOLERANCE.gradient);
      }
    });

    test("the loss of each of 100 updates", async () => {
      const model = await start(one.task, create());
      const gradients = createGradients(model);
      const state = createTrainingState(model, gradients, 1);
      const batches = batchesOf(one);
      const options = { learningRate: 0.01, totalSteps: one.steps.length, weightDecay: 0 };
      const losses = one.steps.map((_, i) => trainStep(model, gradients, state, [batches[i % batches.length]], options).loss); // biome-ignore format: one line
      const [{ input, labels }] = batches;
      losses.push(lossAndGradients(model, createGradients(model), input, labels, { dropout: null }).loss);
      expect(losses.length).toBe(101);
      for (const [i, want] of [...one.steps, one.after].entries())
        expect(Math.abs(losses[i] / want - 1), `update ${i}`).toBeLessThanOrEqual(WEIGHTED_TOLERANCE.trajectory);
    });
  });
});
