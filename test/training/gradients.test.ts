import { describe, expect, test } from "vitest";
import type { Safetensors } from "../../src/safetensors/index.ts";
import { createGradients } from "../../src/training/gradients.ts";
import { lossAndGradients } from "../../src/training/lossAndGradients.ts";
import { deviation } from "../support/close.ts";
import { referenceJson, referenceTensors } from "../support/reference.ts";
import { labelledBatch, loadTrained, TRAINING_BACKENDS } from "../support/training.ts";
import { TRAINING_TOLERANCE, type TrainingTolerance } from "../tolerances.ts";

/** Each model of test/reference/tiny: where its gradients are, and where its loss. */
const MODELS: readonly (readonly [folder: string, gradients: string, loss: string])[] = [
  ["tiny", "gradients", "gradients"],
  ["tiny/heads/sequence-classification", "gradients", "outputs"],
  ["tiny/heads/sequence-regression", "gradients", "outputs"],
  ["tiny/heads/sequence-multilabel", "gradients", "outputs"],
  ["tiny/heads/token-classification", "gradients", "outputs"],
  ["tiny/heads/question-answering", "unpadded_gradients", "unpadded_gradients"],
  ["tiny/heads/next-sentence-prediction", "gradients", "outputs"],
  ["tiny/heads/multiple-choice", "gradients", "outputs"],
];

/** True gradients that are zero come out of float64 as less than this; all others are far above. */
const ZERO = 1e-12;

/** Compares every gradient. @param want by the names of `got` */
function expectGradients(
  got: ReadonlyMap<string, { readonly data: Float32Array }>,
  want: (name: string) => Float64Array,
  tolerance: TrainingTolerance,
): void {
  const largestOf = (values: Float64Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const largest = Math.max(...Array.from(got.keys(), (name) => largestOf(want(name))));
  for (const [name, { data }] of got) {
    const truth = want(name);
    const own = largestOf(truth);
    const share = deviation(data, truth).max / (own > ZERO ? own : largest);
    expect(share, name).toBeLessThanOrEqual(own > ZERO ? tolerance.gradient : tolerance.zeroGradient);
  }
}

function lossIn({ metadata }: Safetensors): number {
  return Number(metadata.get("loss"));
}

/** How far PyTorch in float32 is from gradients.float64. */
const pytorch = referenceJson<{ readonly gradient_rms: Readonly<Record<string, number>> }>(
  "tiny/pytorch_float32_training_error.json",
).gradient_rms;

describe.each(TRAINING_BACKENDS)("$title", ({ name: backend, create }) => {
  const tolerance = TRAINING_TOLERANCE[backend];

  test.each(MODELS)("%s: loss and the gradient of every parameter equal the float64 truth", async (...files) => {
    const [folder, gradientsFile, lossFile] = files;
    const model = await loadTrained(folder, {}, create());
    const gradients = createGradients(model);
    const { batch, labels } = labelledBatch(folder);
    const { loss } = lossAndGradients(model, gradients, batch, labels, { dropout: null });

    const truth = referenceTensors(`${folder}/${gradientsFile}.float64.safetensors`);
    const wantLoss = lossIn(referenceTensors(`${folder}/${lossFile}.float64.safetensors`));
    expect(Math.abs(loss / wantLoss - 1)).toBeLessThanOrEqual(tolerance.loss);
    // A parameter without a gradient is a failure, not a pass.
    expect([...gradients.byName.keys()].sort()).toEqual([...truth.tensors.keys()].sort());
    expect([...gradients.byName.keys()].sort()).toEqual([...model.params.byName.keys()].sort());
    for (const [name, { shape }] of gradients.byName) expect(shape, name).toEqual(truth.tensors.get(name)?.shape);
    expectGradients(gradients.byName, (name) => truth.toFloat64(name), tolerance);
    if (folder !== "tiny") return;
    for (const [name, { data }] of gradients.byName) {
      const share = deviation(data, truth.toFloat64(name)).rms / pytorch[name];
      expect(share, `${name}: rms error beside PyTorch's`).toBeLessThanOrEqual(tolerance.gradientPytorchShare);
    }
  });

  const acts = referenceTensors("tiny/hidden_act.gradients.float64.safetensors");
  const losses = JSON.parse(acts.metadata.get("losses") as string) as Record<string, number>;
  test.each(["gelu_new", "relu", "silu"] as const)("hidden_act %s", async (hiddenAct) => {
    const model = await loadTrained("tiny", { hiddenAct }, create());
    const gradients = createGradients(model);
    const { batch, labels } = labelledBatch("tiny");
    const { loss } = lossAndGradients(model, gradients, batch, labels, { dropout: null });
    expect(Math.abs(loss / losses[hiddenAct] - 1)).toBeLessThanOrEqual(tolerance.loss);
    const vectors = new Map([...gradients.byName].filter(([, { shape }]) => shape.length === 1));
    expect(vectors.size).toBe(acts.tensors.size / 3);
    expectGradients(vectors, (name) => acts.toFloat64(`${hiddenAct}.${name}`), tolerance);
  });
});
