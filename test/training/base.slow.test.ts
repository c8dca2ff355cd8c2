import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import { parseConfig } from "../../src/model/config.ts";
import { createGradients, type TrainedModel } from "../../src/training/gradients.ts";
import { lossAndGradients } from "../../src/training/lossAndGradients.ts";
import { reference } from "../support/reference.ts";
import { preTrainingShapes, type SyntheticConfig, syntheticWeights } from "../support/synthetic.ts";
import { TRAINING_BACKENDS } from "../support/training.ts";
import { TRAINING_TOLERANCE } from "../tolerances.ts";

const BATCH = [
  { inputIds: [101, 4000, 5001, 103, 6002, 102, 7003, 102], tokenTypeIds: [0, 0, 0, 0, 0, 0, 1, 1] },
  { inputIds: [101, 103, 20_000, 102] },
];
const LABELS = {
  labels: [
    [-100, -100, 9000, 12_345, -100, -100, -100, -100],
    [-100, 777, -100, -100],
  ],
  nextSentenceLabel: [0, 1],
};
/**
 * Of each weight, up or down. 108 million of them together bend the loss: the error falls with the square of the step, from 1.8e-2
 * at 2⁻¹⁶ over 4.5e-3, 1.7e-3 to 2.6e-4 at 2⁻¹⁹.
 */
const STEP = 2 ** -19;

test.each(TRAINING_BACKENDS)("BERT-base: the gradient along a random direction: $title", async (backend) => {
  const json = readFileSync(reference("base/config.json"), "utf8");
  const config = parseConfig(json);
  const kernels = backend.create();
  const shapes = preTrainingShapes(JSON.parse(json) as SyntheticConfig);
  const weights = {
    tensors: new Map(Array.from(shapes, ([name, shape]) => [name, { shape }])),
    readInto: async (name: string, target: Float32Array) => target.set(syntheticWeights(name, target.length)),
  };
  const model: TrainedModel = { config, params: await loadParams(weights, config, kernels), kernels };
  const gradients = createGradients(model);
  const options = { dropout: { seed: 3, step: 4 } };
  lossAndGradients(model, gradients, BATCH, LABELS, options);

  /** Moves every weight from where it began by ± STEP; the sign is bit 0 of a synthetic number of its own. */
  let slope = 0;
  const frozen = createGradients(model, () => true);
  const lossAt = (side: 1 | -1) => {
    for (const [name, { data }] of model.params.byName) {
      const start = syntheticWeights(name, data.length);
      const signs = syntheticWeights(`sign of ${name}`, data.length);
      const gradient = gradients.byName.get(name)!.data;
      for (let i = 0; i < data.length; i++) {
        data[i] = start[i] + (signs[i] > 0 ? side : -side) * STEP;
        slope += side * gradient[i] * (data[i] - start[i]); // by what was stored
      }
    }
    return lossAndGradients(model, frozen, BATCH, LABELS, options).loss;
  };
  const change = lossAt(1) - lossAt(-1);
  expect(Math.abs(change / slope - 1)).toBeLessThanOrEqual(TRAINING_TOLERANCE[backend.name].baseSlope);
});
