import { describe, expect, test } from "vitest";
import { dropoutSites } from "../../src/model/dropoutSites.ts";
import { depthOf } from "../../src/model/family.ts";
import { layerwiseRate } from "../../src/training/adamwStep.ts";
import { createGradients } from "../../src/training/gradients.ts";
import { initialWeights } from "../../src/training/initialWeights.ts";
import { lossAndGradients } from "../../src/training/lossAndGradients.ts";
import { createTrainingState, trainStep } from "../../src/training/trainStep.ts";
import { deviation } from "../support/close.ts";
import { DISTILBERT_FOLDERS, distilbertBatch, distilbertReference, trainedDistilbert } from "../support/distilbert.ts";
import { TRAINING_BACKENDS } from "../support/training.ts";
import { DISTILBERT_TRAINING_TOLERANCE } from "../tolerances.ts";

/** True gradients that are zero come out of float64 as less than this; all others are far above. */
const ZERO = 1e-12;
const largestOf = (values: Float64Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

describe.each(TRAINING_BACKENDS)("$title", ({ name: backend, create }) => {
  const tolerance = DISTILBERT_TRAINING_TOLERANCE[backend];

  test.each(DISTILBERT_FOLDERS.filter((folder) => folder !== "base"))(
    "%s: loss and the gradient of every parameter equal the float64 truth",
    async (folder) => {
      const { loss: want, tensors } = distilbertReference(folder);
      const { batch, labels } = distilbertBatch(folder);
      const model = await trainedDistilbert(folder, create());
      const gradients = createGradients(model);
      const { loss } = lossAndGradients(model, gradients, batch, labels, { dropout: null });
      expect(Math.abs(loss / want - 1)).toBeLessThanOrEqual(tolerance.loss);
      // A parameter without a gradient is a failure, not a pass.
      const names = [...tensors.tensors.keys()].flatMap((name) => /^gradients\.(.+)/.exec(name)?.[1] ?? []);
      expect([...gradients.byName.keys()].sort()).toEqual(names.sort());
      expect([...model.params.byName.keys()].sort()).toEqual(names.sort());
      const truths = new Map(names.map((name) => [name, tensors.toFloat64(`gradients.${name}`)]));
      const largest = Math.max(...Array.from(truths.values(), largestOf));
      for (const [name, { data, shape }] of gradients.byName) {
        expect(shape, name).toEqual(tensors.tensors.get(`gradients.${name}`)?.shape);
        const truth = truths.get(name) as Float64Array;
        const own = largestOf(truth);
        const share = deviation(data, truth).max / (own > ZERO ? own : largest);
        expect(share, name).toBeLessThanOrEqual(own > ZERO ? tolerance.gradient : tolerance.zeroGradient);
      }
    },
  );

  test.each(["mlm", "sequence-classification"] as const)(
    "%s: 20 steps of PyTorch's AdamW in float64: each step's loss, rate and norm, and the weights at the end",
    async (folder) => {
      const { adamw, tensors, pytorch_float32_weights_max: pytorch } = distilbertReference(folder);
      const { batch: input, labels } = distilbertBatch(folder);
      const model = await trainedDistilbert(folder, create());
      const gradients = createGradients(model);
      const state = createTrainingState(model, gradients, 0);
      const options = { learningRate: 0.005, warmupSteps: 3, totalSteps: 20 };
      expect(adamw.length).toBe(20);
      const dropouts = { hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, classifierDropout: 0, qaDropout: 0 };
      const undropped = { ...model, config: { ...model.config, ...dropouts } };
      for (const [step, want] of adamw.entries()) {
        const got = trainStep(undropped, gradients, state, [{ input, labels }], options);
        expect(Math.abs(got.learningRate - want.lr), `step ${step}`).toBeLessThanOrEqual(1e-17);
        expect(Math.abs(got.loss / want.loss - 1), `step ${step}`).toBeLessThanOrEqual(tolerance.trajectoryLoss);
        const norm = Math.abs(got.gradientNorm / want.grad_norm - 1);
        expect(norm, `step ${step}`).toBeLessThanOrEqual(tolerance.trajectoryNorm);
      }
      const names = [...tensors.tensors.keys()].flatMap((name) => /^final\.(.+)/.exec(name)?.[1] ?? []);
      expect([...model.params.byName.keys()].sort()).toEqual(names.sort());
      for (const [name, { data }] of model.params.byName) {
        const { max } = deviation(data, tensors.toFloat64(`final.${name}`));
        // The true gradient of a key's bias is zero: Adam makes steps of what rounding leaves there.
        const limit = name.endsWith("k_lin.bias") ? tolerance.trajectoryKeyBias : tolerance.trajectoryWeights;
        expect(max, `${name}, PyTorch ${pytorch[name]}`).toBeLessThanOrEqual(limit);
      }
    },
  );
});

test("each head drops with the probability that transformers gives it", async () => {
  const of = async (folder: (typeof DISTILBERT_FOLDERS)[number]) => {
    const { config } = await trainedDistilbert(folder, TRAINING_BACKENDS[0].create());
    const sites = dropoutSites(config, { seed: 1, step: 2 });
    expect(sites.embeddings?.probability).toBe(0.11);
    for (const { probs, attentionOutput, output } of sites.layers) {
      // In an attention block transformers drops probabilities alone, after the feed-forward network by `dropout`
      expect([probs?.probability, output?.probability]).toEqual([0.12, 0.11]);
      expect(attentionOutput).toBeNull();
    }
    return sites.classifier?.probability;
  };
  expect(await of("sequence-classification")).toBe(0.23);
  expect(await of("multiple-choice")).toBe(0.23);
  expect(await of("token-classification")).toBe(0.11);
  expect(await of("question-answering")).toBe(0.14);
  expect(await of("mlm")).toBeUndefined();
});

test("layer by layer: rates, depths, initial weights", async () => {
  const { config } = await trainedDistilbert("sequence-classification", TRAINING_BACKENDS[0].create());
  const depths = {
    ...{ "distilbert.embeddings.word_embeddings.weight": -1, "distilbert.transformer.layer.0.ffn.lin1.bias": 0 },
    ...{ "distilbert.transformer.layer.11.sa_layer_norm.weight": 11, "pre_classifier.weight": null },
  };
  expect(Object.keys(depths).map(depthOf)).toEqual(Object.values(depths));
  expect(Object.keys(depths).map((name) => layerwiseRate(name, 12, 0.5))).toEqual([0.5 ** 13, 0.5 ** 12, 0.5, 1]);
  const initial = initialWeights(config, 1);
  for (const [name, { shape }] of initial.tensors) {
    const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
    await initial.readInto(name, data);
    const expected = /ayer_?[nN]orm\.weight$/.test(name) ? 1 : name.endsWith("bias") ? 0 : null;
    if (expected !== null) expect([...new Set(data)], name).toEqual([expected]);
    else expect(new Set(data).size, name).toBeGreaterThan(10);
  }
});
