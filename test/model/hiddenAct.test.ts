import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/model/config.ts";
import { createGradients } from "../../src/training/gradients.ts";
import { lossAndGradients } from "../../src/training/lossAndGradients.ts";
import { BACKENDS } from "../support/backends.ts";
import { expectClose } from "../support/close.ts";
import { loadModel, realTokens, reference, referenceInputs, referenceTensors } from "../support/reference.ts";
import { labelledBatch, loadTrained, TRAINING_BACKENDS } from "../support/training.ts";

/** A model of H = 8, L = 2, I = 19 under every name that `hidden_act` may have (make_hidden_act.py). */
const truth = referenceTensors("hidden_act/outputs.float64.safetensors");
const losses = JSON.parse(truth.metadata.get("losses") as string) as Record<string, number>;
const names = Object.keys(losses);
const text = readFileSync(reference("hidden_act/config.json"), "utf8");
const withAct = (act: string) => JSON.stringify({ ...JSON.parse(text), hidden_act: act });

/** Largest errors: absolute, that of the loss as a share of it. */
const TOLERANCE = {
  plain: {
    states: 1.21e-6, // measured 1.207e-6 (tanh)
    logits: 2.34e-6, // measured 2.331e-6 (sigmoid)
    loss: 5.9e-8, // measured 5.875e-8 (tanh)
    gradient: 1.61e-5, // measured 1.601e-5 (tanh, a LayerNorm's weight), whose largest element is 5.9
  },
  simd: {
    states: 2.35e-6, // measured 2.349e-6 (laplace)
    logits: 2.62e-5, // measured 2.619e-5 (laplace, whose values are nearly all 0 or 1: the head's LayerNorm divides by little)
    loss: 2.77e-7, // measured 2.765e-7 (sigmoid)
    gradient: 5.22e-5, // measured 5.214e-5 (laplace, a LayerNorm's weight), whose largest element is 4.9
  },
};

test("there is a truth for 22 names", () => {
  expect(names.length).toBe(22);
  expect(new Set([...truth.tensors.keys()].map((name) => name.slice(0, name.indexOf("."))))).toEqual(new Set(names));
});

describe.each(BACKENDS)("$title", ({ name: backend, create }) => {
  const tolerance = TOLERANCE[backend];

  test.each(names)("%s: hidden states and logits equal the float64 truth", async (act) => {
    const inputs = referenceInputs("hidden_act/inputs.json");
    const model = await loadModel(reference("hidden_act/model.safetensors"), withAct(act), {}, create());
    const { hiddenStates, predictionLogits } = model.forwardSync(inputs, { hiddenStates: true });
    expect(hiddenStates).toHaveLength(3);
    hiddenStates?.forEach(({ data, shape }, n) => {
      const name = `${act}.hidden_states.${n}`;
      expectClose(name, data, truth.toFloat64(name), tolerance.states, realTokens(shape, inputs.attentionMask));
    });
    const { data, shape } = predictionLogits!;
    const want = truth.toFloat64(`${act}.prediction_logits`);
    expectClose(act, data, want, tolerance.logits, realTokens(shape, inputs.attentionMask));

    const seen = model.forwardSync(inputs, { tap: () => {} }); // then the layers take another way, to the same bits
    expect(seen.predictionLogits!.data).toEqual(data);
  });
});

describe.each(TRAINING_BACKENDS)("training on $title", ({ name: backend, create }) => {
  const tolerance = TOLERANCE[backend === "plain" ? "plain" : "simd"];

  test.each(names)("%s: loss and gradients equal the float64 truth", async (act) => {
    const { hiddenAct } = parseConfig(withAct(act));
    const model = await loadTrained("hidden_act", { hiddenAct }, create());
    const gradients = createGradients(model);
    const { batch, labels } = labelledBatch("hidden_act");
    const { loss } = lossAndGradients(model, gradients, batch, labels, { dropout: null });
    expect(Math.abs(loss / losses[act] - 1)).toBeLessThanOrEqual(tolerance.loss);
    const vectors = [...gradients.byName].filter(([, { shape }]) => shape.length === 1);
    expect(vectors.length).toBe(
      [...truth.tensors.keys()].filter((name) => name.startsWith(`${act}.gradients.`)).length,
    );
    for (const [name, { data }] of vectors) {
      expectClose(name, data, truth.toFloat64(`${act}.gradients.${name}`), tolerance.gradient);
    }
  });
});
