import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadParams } from "../../../src/checkpoint/loadParams.ts";
import type { SentenceModule, SentenceModules } from "../../../src/load/sentenceModules.ts";
import { NO_SETTINGS } from "../../../src/load/sentenceSettings.ts";
import { AS_THE_MODEL } from "../../../src/load/transformerSettings.ts";
import { parseConfig } from "../../../src/model/config.ts";
import { BertModel } from "../../../src/runtime/bertModel.ts";
import { readSafetensors } from "../../../src/safetensors/index.ts";
import { torchActivation, type VectorActivation } from "../../../src/tensor/kernels/torchActivations.ts";
import { plainTraining } from "../../../src/tensor/kernels/training.ts";
import type { TrainingBackend } from "../../../src/tensor/trainingBackend.ts";
import { initialProjection, withProjection } from "../../../src/training/distillation/projection.ts";
import { createGradients, type TrainedModel } from "../../../src/training/gradients.ts";
import { lossAndGradients } from "../../../src/training/lossAndGradients.ts";
import { textVectors } from "../../../src/training/sentence/textVectors.ts";
import { withModuleTensors } from "../../../src/training/sentence/trainedModules.ts";
import { createTrainingState, type LabelledBatch, trainStep } from "../../../src/training/trainStep.ts";
import { deviation } from "../../support/close.ts";
import { TRAINING_BACKENDS } from "../../support/training.ts";
import { DISTILLATION_TOLERANCE } from "../../tolerances.ts";

/** What sentence-transformers and torch make of a tiny student and a larger teacher in float64: make_distillation.py. */
const golden = readSafetensors(
  readFileSync(join(import.meta.dirname, "../reference/distillation.float64.safetensors")),
);
const said = <T>(name: string): T => JSON.parse(golden.metadata.get(name) as string);

interface Case {
  readonly case: string;
  readonly variant: "projection" | "kept" | "same";
  readonly vectorWeight: number;
  readonly similarityWeight: number;
  /** The loss of the last step, computed in float32. */
  readonly final32: number;
  readonly matryoshka: readonly { readonly dim: number; readonly weight: number }[] | null;
}
const CASES = said<readonly Case[]>("cases");
const DATA = said<readonly (readonly number[])[]>("data");
const TRAINING = said<{ steps: number; batch: number; learningRate: number; weightDecay: number }>("training");
const [student, teacher] = ["config", "teacher"].map((name) =>
  parseConfig(JSON.stringify({ ...said<object>(name), architectures: ["BertModel"] })),
);
const E = teacher.hiddenSize;
const WANTED = DATA.map((_, i) => Float32Array.from(golden.toFloat64("teacher.vectors").subarray(i * E, (i + 1) * E)));

const tensor = (name: string) => ({
  shape: golden.tensors.get(name)?.shape as readonly number[],
  data: Float32Array.from(golden.toFloat64(name)),
});

function paramsOf(kind: "student" | "teacher", kernels: TrainingBackend) {
  const names = [...golden.tensors.keys()].filter((name) => name.startsWith(`${kind}.bert.`));
  const source = {
    tensors: new Map(names.map((name) => [name.slice(kind.length + 1), tensor(name)])),
    readInto: async (name: string, target: Float32Array) => target.set(tensor(`${kind}.${name}`).data),
  };
  return loadParams(source, kind === "student" ? student : teacher, kernels);
}

const MEAN: SentenceModule = { type: "Pooling", modes: ["mean"], includePrompt: true };

function sentenceOf(variant: Case["variant"]): SentenceModules {
  const path = variant === "kept" ? "torch.nn.modules.linear.Identity" : "torch.nn.modules.activation.Tanh";
  const dense: SentenceModule = {
    ...({ type: "Dense", inFeatures: 8, outFeatures: 12, size: 12, activationFunction: path } as const),
    weight: tensor("start.2_Dense.linear.weight").data,
    bias: tensor("start.2_Dense.linear.bias").data,
    activation: torchActivation(path) as VectorActivation,
    ...{ activationWeight: null, residual: null },
  };
  const modules = variant === "projection" ? [MEAN] : [MEAN, dense];
  return { ...AS_THE_MODEL, ...NO_SETTINGS, modules, texts: new Map() };
}

async function startModel({ variant, vectorWeight }: Case, kernels: TrainingBackend): Promise<TrainedModel> {
  const sentence = sentenceOf(variant);
  const params = withModuleTensors(await paramsOf("student", kernels), sentence, kernels);
  if (variant !== "projection" || vectorWeight === 0) return { config: student, params, kernels, sentence };
  const [weight, bias] = ["weight", "bias"].map((name) => tensor(`start.projection.linear.${name}`).data);
  const projection = { ...initialProjection(8, 12, 1), weight, bias };
  return { config: student, params: withProjection(params, projection, kernels), kernels, sentence };
}

function batchOf({ vectorWeight, similarityWeight, matryoshka }: Case, step: number): LabelledBatch {
  const chosen = Array.from({ length: TRAINING.batch }, (_, i) => (step * TRAINING.batch + i) % DATA.length);
  const loss = { vectorWeight, similarityWeight, matryoshka, teacher: chosen.map((i) => WANTED[i]) };
  const ones = chosen.map(() => 1);
  const vectors = { loss, groups: ones, scores: null, promptLengths: chosen.map(() => 0) };
  return { input: chosen.map((i) => ({ inputIds: DATA[i] })), labels: { vectors } };
}

test("each part alone and both together, with and without projection, kept and not, plain and Matryoshka", () => {
  const told = CASES.map(({ variant, vectorWeight, similarityWeight, matryoshka }) => `${variant} ${vectorWeight > 0} ${similarityWeight > 0} ${matryoshka !== null}`); // biome-ignore format: one line
  expect(new Set(told).size).toBe(8);
  for (const parts of ["projection true false", "projection false true", "projection true true", "kept true true"])
    expect(told.join("\n")).toContain(parts);
});

test("the teacher's vectors, as a cache has them", async () => {
  const bert = new BertModel(teacher, await paramsOf("teacher", plainTraining), plainTraining);
  const texts = DATA.map((ids) => ({ sequence: { inputIds: Int32Array.from(ids), tokenTypeIds: new Uint8Array(ids.length) }, promptLength: 0 })); // biome-ignore format: one line
  const vectors = await textVectors(bert, texts, { sentence: sentenceOf("projection"), batchSize: 4 });
  expect(vectors.length).toBe(DATA.length);
  const truth = golden.toFloat64("teacher.vectors");
  for (const [i, vector] of vectors.entries())
    expect(deviation(vector, truth.subarray(i * E, (i + 1) * E)).max).toBeLessThanOrEqual(
      DISTILLATION_TOLERANCE.vectors,
    );
  await bert.dispose();
});

describe.each(TRAINING_BACKENDS)("$title", ({ name: backend, create }) => {
  const tolerance = DISTILLATION_TOLERANCE[backend];
  const worst = { loss: 0, gradient: 0, zeroGradient: 0, trajectory: 0 };

  test.each(CASES.map((one) => [one.case, one] as const))(
    "%s: loss and gradient of every parameter",
    async (_, one) => {
      const model = await startModel(one, create());
      const gradients = createGradients(model);
      const { input, labels } = batchOf(one, 0);
      const { loss } = lossAndGradients(model, gradients, input, labels, { dropout: null });
      const [first] = golden.toFloat64(`${one.case}/losses`);
      const off = Math.abs(loss / first - 1);
      worst.loss = Math.max(worst.loss, off);
      expect(off).toBeLessThanOrEqual(tolerance.loss);

      // Every parameter but the pooler's, which nothing reads, has a gradient, in Python and here.
      const under = (name: string) => name.startsWith(`${one.case}/`) && !name.startsWith(`${one.case}/matryoshka/`) && !name.endsWith("/losses"); // biome-ignore format: one line
      const wanted = [...golden.tensors.keys()].filter(under).map((name) => name.slice(one.case.length + 1)).sort(); // biome-ignore format: one line
      expect([...gradients.byName.keys()].sort()).toEqual(wanted);
      expect(wanted.some((name) => name.startsWith("projection."))).toBe(one.variant === "projection" && one.vectorWeight > 0); // biome-ignore format: one line
      const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const all = Math.max(...wanted.map((name) => largest(golden.toFloat64(`${one.case}/${name}`))));
      for (const [name, { data, shape }] of gradients.byName) {
        const truth = golden.toFloat64(`${one.case}/${name}`);
        expect(shape, name).toEqual(golden.tensors.get(`${one.case}/${name}`)?.shape);
        const own = largest(truth);
        const isZero = own <= 1e-12; // the gradient of a key's bias
        const share = deviation(data, truth).max / (isZero ? all : own);
        const kind = isZero ? "zeroGradient" : "gradient";
        worst[kind] = Math.max(worst[kind], share);
        expect(share, name).toBeLessThanOrEqual(tolerance[kind]);
      }
    },
  );

  test("100 steps of AdamW from the same start: the losses of all, and of the last in a table", async () => {
    const rows: string[] = [];
    for (const one of CASES) {
      const model = await startModel(one, create());
      const gradients = createGradients(model);
      const state = createTrainingState(model, gradients, 1);
      const { steps: totalSteps, learningRate, weightDecay } = TRAINING;
      const truth = golden.toFloat64(`${one.case}/losses`);
      const losses = Array.from({ length: totalSteps }, (_, step) => {
        const options = { learningRate, weightDecay, totalSteps };
        return trainStep(model, gradients, state, [batchOf(one, step)], options).loss;
      });
      expect(losses.length).toBe(truth.length);
      const off = deviation(losses, truth).max;
      worst.trajectory = Math.max(worst.trajectory, off);
      expect(off, one.case).toBeLessThanOrEqual(tolerance.trajectory);
      const [ours, theirs] = [losses[totalSteps - 1], truth[totalSteps - 1]];
      rows.push([one.case, ours.toFixed(8), theirs.toFixed(8), (ours - theirs).toExponential(1), (one.final32 - theirs).toExponential(1)].join(" | ")); // biome-ignore format: one line
    }
    expect(rows.length).toBe(CASES.length);
    if (process.env.SHOW) {
      console.log(["case | ours | theirs, float64 | difference | theirs in float32", ...rows].join("\n"));
      console.log(backend, worst);
    }
  });
});
