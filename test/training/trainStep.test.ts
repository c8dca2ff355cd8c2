import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { createGradients, type TrainedModel } from "../../src/training/gradients.ts";
import {
  createTrainingState,
  stateTensors,
  type TrainingState,
  type TrainStepOptions,
  trainStep,
} from "../../src/training/trainStep.ts";
import { labelledBatch, loadTrained } from "../support/training.ts";

const { batch: input, labels } = labelledBatch("tiny");
const BATCH = { input, labels };
const OPTIONS: TrainStepOptions = { learningRate: 1e-3, warmupSteps: 2, totalSteps: 50 };
const DROPOUT = { hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1 };

async function begin(frozen?: (name: string) => boolean) {
  const model = await loadTrained("tiny", DROPOUT);
  const gradients = createGradients(model, frozen);
  return { model, gradients, state: createTrainingState(model, gradients, 42) };
}

const weightsOf = ({ params }: TrainedModel) => Array.from(params.byName, ([name, { data }]) => [name, data.slice()]);
const momentsOf = (state: TrainingState) => Array.from(stateTensors(state), ([name, { data }]) => [name, data.slice()]);

test("a run that goes on from saved weights and state has the bits of an unbroken one", async () => {
  const unbroken = await begin();
  for (let i = 0; i < 6; i++) trainStep(unbroken.model, unbroken.gradients, unbroken.state, [BATCH, BATCH], OPTIONS);

  const first = await begin();
  for (let i = 0; i < 3; i++) trainStep(first.model, first.gradients, first.state, [BATCH, BATCH], OPTIONS);
  const second = await begin();
  for (const [name, { data }] of first.model.params.byName) second.model.params.byName.get(name)?.data.set(data);
  const { seed, step, batches } = first.state;
  const state = { ...second.state, seed, step, batches };
  for (const [name, { data }] of stateTensors(state)) data.set(stateTensors(first.state).get(name)?.data ?? []);
  for (let i = 0; i < 3; i++) trainStep(second.model, second.gradients, state, [BATCH, BATCH], OPTIONS);

  expect(weightsOf(second.model)).toEqual(weightsOf(unbroken.model));
  expect(momentsOf(state)).toEqual(momentsOf(unbroken.state));
  expect([state.step, state.batches]).toEqual([6, 12]);
});

test("without a saved seed or number of batches the bits are others", async () => {
  const runs = await Promise.all([begin(), begin(), begin()]);
  Object.assign(runs[1].state, { seed: 43 });
  runs[2].state.batches = 1;
  const losses = runs.map(({ model, gradients, state }) => trainStep(model, gradients, state, [BATCH], OPTIONS).loss);
  expect(new Set(losses).size).toBe(3);
});

test("plain has the same bits everywhere", async () => {
  const { model, gradients, state } = await begin();
  for (let i = 0; i < 3; i++) trainStep(model, gradients, state, [BATCH], OPTIONS);
  const hash = createHash("sha256");
  for (const [, { data }] of [...model.params.byName, ...stateTensors(state)]) {
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  expect(hash.digest("hex")).toBe("d3c8519142f02c6a57bb07f2a93994d1bee7e9295897a09164e9eb34945e47c8");
});

test("each batch of a step has masks of its own", async () => {
  const { model, gradients, state } = await begin();
  const { parts, loss } = trainStep(model, gradients, state, [BATCH, BATCH], OPTIONS);
  const each = parts.map(({ maskedLm, nextSentence }) => (maskedLm?.loss ?? 0) + (nextSentence?.loss ?? 0));
  expect(each[0]).not.toBe(each[1]);
  expect(loss).toBe((each[0] + each[1]) / 2);
});

test("the moments are named as PyTorch names them", async () => {
  const { state, gradients } = await begin((name) => name.startsWith("bert."));
  expect([...stateTensors(state).keys()].slice(0, 2)).toEqual([
    "exp_avg.cls.predictions.transform.dense.weight",
    "exp_avg_sq.cls.predictions.transform.dense.weight",
  ]);
  expect(stateTensors(state).size).toBe(2 * gradients.byName.size);
});

test("frozen parameters keep their bits, all others change, the loss falls", async () => {
  const frozen = (name: string) => name.startsWith("bert.encoder.layer.0.") || name.endsWith("LayerNorm.bias");
  const { model, gradients, state } = await begin(frozen);
  const before = new Map(weightsOf(model) as [string, Float32Array][]);
  const options = { ...OPTIONS, learningRate: 5e-3 };
  const losses = Array.from({ length: 8 }, () => trainStep(model, gradients, state, [BATCH], options).loss);
  for (const [name, { data }] of model.params.byName) {
    if (frozen(name)) expect(data, name).toEqual(before.get(name));
    else expect(data, name).not.toEqual(before.get(name));
  }
  expect(losses[7]).toBeLessThan(losses[0] / 2);
});

test("a loss that is not finite stops before anything is changed, and says where", async () => {
  const { model, gradients, state } = await begin();
  trainStep(model, gradients, state, [BATCH], OPTIONS);
  const broken = model.params.byName.get("bert.encoder.layer.1.output.dense.weight")!.data;
  broken[7] = Number.NaN;
  const [weights, moments] = [weightsOf(model), momentsOf(state)];
  expect(() => trainStep(model, gradients, state, [BATCH], OPTIONS)).toThrow(
    expect.objectContaining({
      code: "ERR_TRAINING",
      message:
        "trainStep: step 1, batch 1 of 1: loss and gradients must be finite, the loss is NaN and the gradient of bert.embeddings.word_embeddings.weight is not finite",
    }),
  );
  expect(weightsOf(model)).toEqual(weights);
  expect(momentsOf(state)).toEqual(moments);
  expect([state.step, state.batches]).toEqual([1, 1]);
});

test.each([
  [{ learningRate: Number.NaN }, "learningRate must be a finite number, 0 or more, got NaN"],
  [{ learningRate: -1 }, "learningRate must be a finite number, 0 or more, got -1"],
  [{ warmupSteps: 0.5 }, "warmupSteps must be a whole number, 0 or more, got 0.5"],
  [{ totalSteps: 0 }, "totalSteps must be a whole number above 0, got 0"],
])("options that are no rate or no number of steps: %o", async (change, message) => {
  const { model, gradients, state } = await begin();
  expect(() => trainStep(model, gradients, state, [BATCH], { ...OPTIONS, ...change })).toThrow(
    expect.objectContaining({ code: "ERR_INPUT", message: `trainStep: ${message}` }),
  );
});

test.each([-1, 0.5, 2 ** 32, Number.NaN])("a seed of %f", async (seed) => {
  const { model, gradients } = await begin();
  expect(() => createTrainingState(model, gradients, seed)).toThrow(
    `createTrainingState: seed must be a whole number from 0 to 4294967295, got ${seed}`,
  );
});

test("no batch", async () => {
  const { model, gradients, state } = await begin();
  expect(() => trainStep(model, gradients, state, [], OPTIONS)).toThrow(
    "trainStep: batches must be one or more, got none",
  );
});

test("weights in another type than float32", async () => {
  const { model } = await begin();
  expect(() => createGradients({ ...model, params: { ...model.params, dtype: "bfloat16" } })).toThrow(
    "createGradients: the model's weights must be held in float32, are in bfloat16",
  );
});

test("of several batches, the one that spoils the sum is named, with its name", async () => {
  const { model, gradients, state } = await begin();
  const of = (T: number) => ({
    input: [{ inputIds: Array.from({ length: T }, (_, t) => t + 5) }],
    labels: { labels: [Array.from({ length: T }, (_, t) => (t === 1 ? 7 : -100))], nextSentenceLabel: [0] },
    name: `${T} tokens`,
  });
  const positions = model.params.byName.get("bert.embeddings.position_embeddings.weight")?.data as Float32Array;
  positions[9 * model.config.hiddenSize] = Number.NaN; // that only the longer one reads
  expect(() => trainStep(model, gradients, state, [of(4), of(12)], OPTIONS)).toThrow(
    expect.objectContaining({
      code: "ERR_TRAINING",
      message: expect.stringMatching(
        /^trainStep: step 0, batch 2 of 2 \(12 tokens\): .*the loss is NaN and the gradient of bert\.\S+ is not finite$/,
      ),
    }),
  );
  expect(state.step).toBe(0);
});
