import { describe, expect, test } from "vitest";
import { adamw, sumOfSquares } from "../../src/tensor/kernels/adamw.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { adamwStep, createMoments, layerwiseRate } from "../../src/training/adamwStep.ts";
import { createGradients } from "../../src/training/gradients.ts";
import { linearSchedule } from "../../src/training/schedule.ts";
import { createTrainingState, trainStep } from "../../src/training/trainStep.ts";
import { deviation } from "../support/close.ts";
import { referenceJson, referenceTensors } from "../support/reference.ts";
import { labelledBatch, loadTrained, TRAINING_BACKENDS } from "../support/training.ts";
import { numbers } from "../tensor/kernels/cases.ts";
import { TRAINING_TOLERANCE } from "../tolerances.ts";

interface Trajectory {
  readonly lr: number;
  readonly warmup_steps: number;
  readonly total_steps: number;
  readonly steps: readonly { readonly loss: number; readonly lr: number; readonly grad_norm: number }[];
}

/** How far PyTorch in float32 is from the same truth. */
const pytorch = referenceJson<{ readonly weights_max: Readonly<Record<string, number>> }>(
  "tiny/pytorch_float32_training_error.json",
);

describe.each(TRAINING_BACKENDS)("20 steps of PyTorch's AdamW in float64: $title", ({ name, create }) => {
  const tolerance = TRAINING_TOLERANCE[name];
  const { lr, warmup_steps, total_steps, steps } = referenceJson<Trajectory>("tiny/adamw.json");

  test("loss, learning rate and gradient norm of each step, and the weights at the end", async () => {
    const model = await loadTrained("tiny", {}, create());
    const gradients = createGradients(model);
    const state = createTrainingState(model, gradients, 0);
    const { batch: input, labels } = labelledBatch("tiny");
    const options = { learningRate: lr, warmupSteps: warmup_steps, totalSteps: total_steps };
    expect(steps.length).toBe(20);
    for (const [step, want] of steps.entries()) {
      const got = trainStep(model, gradients, state, [{ input, labels }], options);
      expect(Math.abs(got.learningRate - want.lr), `step ${step}`).toBeLessThanOrEqual(1e-17);
      expect(Math.abs(got.loss / want.loss - 1), `step ${step}`).toBeLessThanOrEqual(tolerance.trajectoryLoss);
      expect(Math.abs(got.gradientNorm / want.grad_norm - 1), `step ${step}`).toBeLessThanOrEqual(
        tolerance.trajectoryNorm,
      );
    }
    const final = referenceTensors("tiny/adamw.final.safetensors");
    expect([...model.params.byName.keys()].sort()).toEqual([...final.tensors.keys()].sort());
    for (const [name, { data }] of model.params.byName) {
      const { max } = deviation(data, final.toFloat64(name));
      // The true gradient of a key's bias is zero, as softmax takes no notice of it. Adam makes the same steps of what rounding
      // leaves there as of any other gradient; so it wanders, without an effect on anything.
      const limit = name.endsWith("key.bias") ? tolerance.trajectoryKeyBias : tolerance.trajectoryWeights;
      expect(max, name).toBeLessThanOrEqual(limit);
      const theirs = pytorch.weights_max[name];
      expect(max / theirs, `${name}: beside PyTorch's`).toBeLessThanOrEqual(tolerance.trajectoryPytorchShare);
    }
  });
});

/** Loshchilov & Hutter 2019, algorithm 2, and Google's optimization.py, each in the order in which it is written. */
function reference(w: number, gradients: readonly number[], rate: number, decay: number, google: boolean): number {
  const [beta1, beta2, epsilon] = [0.9, 0.999, google ? 1e-6 : 1e-8];
  let [m, v] = [0, 0];
  gradients.forEach((g, i) => {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    if (google) {
      w -= rate * (m / (Math.sqrt(v) + epsilon) + decay * w);
      return;
    }
    const [mHat, vHat] = [m / (1 - beta1 ** (i + 1)), v / (1 - beta2 ** (i + 1))];
    w = w - rate * decay * w - (rate * mHat) / (Math.sqrt(vHat) + epsilon);
  });
  return w;
}

test.each([
  ["PyTorch's", false],
  ["Google's", true],
])("three steps of %s AdamW, with and without decay, by the layer", async (_, google) => {
  const model = await loadTrained("tiny");
  const gradients = createGradients(model);
  const moments = createMoments(model, gradients);
  const before = new Map(Array.from(model.params.byName, ([name, { data }]) => [name, data.slice()]));
  const history: Map<string, Float32Array>[] = [];
  const [rate, layerwiseDecay] = [0.01, 0.5];
  const options = google ? { biasCorrection: false, epsilon: 1e-6, layerwiseDecay } : { layerwiseDecay };
  for (let step = 1; step <= 3; step++) {
    for (const { data } of gradients.byName.values()) data.set(numbers(data.length, step));
    history.push(new Map(Array.from(gradients.byName, ([name, { data }]) => [name, data.slice()])));
    adamwStep(model, gradients, moments, { step, learningRate: rate, norm: 0.5 }, options);
  }
  const expected: readonly (readonly [name: string, decay: number, depth: number])[] = [
    ["cls.predictions.transform.dense.weight", 0.01, 0],
    ["cls.predictions.bias", 0, 0],
    ["bert.pooler.dense.weight", 0.01, 0],
    ["bert.encoder.layer.1.output.LayerNorm.weight", 0, 1],
    ["bert.encoder.layer.0.attention.self.query.weight", 0.01, 2],
    ["bert.encoder.layer.0.attention.self.query.bias", 0, 2],
    ["bert.embeddings.word_embeddings.weight", 0.01, 3],
    ["bert.embeddings.LayerNorm.bias", 0, 3],
  ];
  for (const [name, decay, depth] of expected) {
    const { data } = model.params.byName.get(name) as Tensor;
    const start = before.get(name) as Float32Array;
    data.forEach((got, i) => {
      const series = history.map((step) => step.get(name)?.[i] as number);
      const want = reference(start[i], series, rate * layerwiseDecay ** depth, decay, google);
      expect(Math.abs(got - want), `${name}[${i}]`).toBeLessThanOrEqual(4e-7); // three roundings of weights up to 4
    });
  }
});

test("gradients beyond the norm are scaled down by PyTorch's formula, others are left", () => {
  const update = { beta1: 0, beta2: 0, epsilon: 0, stepSize: 1, correction: 1, decay: 0 };
  const [w, m, v] = [0, 0, 0].map(() => new Float32Array(2));
  adamw(w, m, v, Float32Array.of(3, -4), { ...update, gradientScale: 0.5 });
  expect([...m, ...v, ...w]).toEqual([1.5, -2, 2.25, 4, -1, 1]);
});

test("clipping is by the norm that is handed in", async () => {
  const model = await loadTrained("tiny");
  const gradients = createGradients(model);
  const firstMoment = (norm: number, maxGradNorm: number) => {
    const moments = createMoments(model, gradients);
    for (const { data } of gradients.byName.values()) data.fill(1);
    adamwStep(model, gradients, moments, { step: 1, learningRate: 0, norm }, { maxGradNorm });
    return moments.get("cls.predictions.bias")?.first.data[0] as number;
  };
  expect(firstMoment(0.9, 1)).toBe(Math.fround(0.1));
  expect(firstMoment(4, 2)).toBeCloseTo(0.1 * (2 / 4.000001), 8);
  expect(firstMoment(4, Number.POSITIVE_INFINITY)).toBe(Math.fround(0.1));
});

test("sumOfSquares", () => {
  expect(sumOfSquares(Float32Array.of(3, -4, 12))).toBe(169);
  expect(sumOfSquares(new Float32Array(0))).toBe(0);
  expect(sumOfSquares(Float32Array.of(Number.NaN))).toBeNaN();
});

test("linear warm-up and decay", () => {
  const schedule = { warmupSteps: 4, totalSteps: 12 };
  expect([0, 1, 4, 8, 11, 12, 99].map((step) => linearSchedule(step, schedule))).toEqual([
    0, 0.25, 1, 0.5, 0.125, 0, 0,
  ]);
  expect([0, 1, 2].map((step) => linearSchedule(step, { totalSteps: 2 }))).toEqual([1, 0.5, 0]);
});

test("layer-wise rates fall from the heads to the embeddings", () => {
  const names = ["classifier.weight", "bert.pooler.dense.bias", "bert.encoder.layer.11.x", "bert.encoder.layer.0.x"];
  expect([...names, "bert.embeddings.x"].map((name) => layerwiseRate(name, 12, 0.5))).toEqual(
    [0, 0, 1, 12, 13].map((n) => 0.5 ** n),
  );
});
