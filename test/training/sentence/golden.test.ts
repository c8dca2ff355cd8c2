import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadParams } from "../../../src/checkpoint/loadParams.ts";
import type { SentenceModule, SentenceModules } from "../../../src/load/sentenceModules.ts";
import { NO_SETTINGS } from "../../../src/load/sentenceSettings.ts";
import { AS_THE_MODEL } from "../../../src/load/transformerSettings.ts";
import { parseConfig } from "../../../src/model/config.ts";
import { readSafetensors } from "../../../src/safetensors/index.ts";
import { torchActivation, type VectorActivation } from "../../../src/tensor/kernels/torchActivations.ts";
import type { TrainingBackend } from "../../../src/tensor/trainingBackend.ts";
import { createGradients, type TrainedModel } from "../../../src/training/gradients.ts";
import { lossAndGradients } from "../../../src/training/lossAndGradients.ts";
import { withModuleTensors } from "../../../src/training/sentence/trainedModules.ts";
import type { VectorLossSettings } from "../../../src/training/sentence/vectorLosses.ts";
import { createTrainingState, type LabelledBatch, trainStep } from "../../../src/training/trainStep.ts";
import { deviation } from "../../support/close.ts";
import { TRAINING_BACKENDS } from "../../support/training.ts";
import { EMBEDDING_TOLERANCE } from "../../tolerances.ts";

/** What sentence-transformers makes of a tiny model in float64: make_embedding_losses.py. */
const golden = readSafetensors(
  readFileSync(join(import.meta.dirname, "../reference/embeddingLosses.float64.safetensors")),
);
const said = <T>(name: string): T => JSON.parse(golden.metadata.get(name) as string);

interface Case {
  readonly case: string;
  readonly variant: "mean" | "cls" | "max_normalize" | "dense_normalize";
  readonly loss: "ranking_pairs" | "ranking_negatives" | "cosent" | "cosine";
  /** The loss of the last step, computed in float32. */
  readonly final32: number;
  readonly matryoshka: { readonly dims: readonly number[]; readonly weights: readonly number[] } | null;
}
const CASES = said<readonly Case[]>("cases");
const DATA = said<Readonly<Record<Case["loss"], readonly (readonly (readonly number[])[])[]>>>("data");
const SCORES = said<readonly number[]>("scores");
const TRAINING = said<{ steps: number; batch: number; learningRate: number; weightDecay: number }>("training");
const config = parseConfig(JSON.stringify({ ...said<object>("config"), architectures: ["BertModel"] }));

const tensor = (name: string) => ({
  shape: golden.tensors.get(name)?.shape as readonly number[],
  data: Float32Array.from(golden.toFloat64(name)),
});

function modulesOf(variant: Case["variant"]): SentenceModule[] {
  const mode = variant === "cls" ? "cls" : variant === "max_normalize" ? "max" : "mean";
  const tanh = "torch.nn.modules.activation.Tanh";
  const dense = {
    ...({ type: "Dense", inFeatures: 8, outFeatures: 6, size: 6, activationFunction: tanh } as const),
    weight: tensor("start.2_Dense.linear.weight").data,
    bias: tensor("start.2_Dense.linear.bias").data,
    activation: torchActivation(tanh) as VectorActivation,
    ...{ activationWeight: null, residual: null },
  };
  return [
    { type: "Pooling", modes: [mode], includePrompt: true },
    ...(variant === "dense_normalize" ? [dense] : []),
    ...(variant.endsWith("normalize") ? [{ type: "Normalize" } as const] : []),
  ];
}

async function startModel(variant: Case["variant"], kernels: TrainingBackend): Promise<TrainedModel> {
  const names = [...golden.tensors.keys()].filter((name) => name.startsWith("start.bert."));
  const source = {
    tensors: new Map(names.map((name) => [name.slice(6), tensor(name)])),
    readInto: async (name: string, target: Float32Array) => target.set(tensor(`start.${name}`).data),
  };
  const modules = modulesOf(variant);
  const sentence: SentenceModules = { ...AS_THE_MODEL, ...NO_SETTINGS, modules, texts: new Map() };
  const params = withModuleTensors(await loadParams(source, config, kernels), sentence, kernels);
  return { config, params, kernels, sentence };
}

const NAMES = {
  ranking_pairs: "MultipleNegativesRankingLoss",
  ranking_negatives: "MultipleNegativesRankingLoss",
  cosent: "CoSENTLoss",
  cosine: "CosineSimilarityLoss",
} as const;

function settingsOf({ loss, matryoshka }: Case): VectorLossSettings {
  return {
    name: NAMES[loss],
    scale: loss === "ranking_negatives" ? 12 : 20,
    matryoshka: matryoshka?.dims.map((dim, i) => ({ dim, weight: matryoshka.weights[i] })) ?? null,
  };
}

function batchOf(one: Case, step: number): LabelledBatch {
  const data = DATA[one.loss];
  const chosen = Array.from({ length: TRAINING.batch }, (_, i) => (step * TRAINING.batch + i) % data.length);
  const texts = chosen.flatMap((i) => data[i]);
  const vectors = {
    loss: settingsOf(one),
    groups: chosen.map((i) => data[i].length),
    scores: one.loss.startsWith("ranking") ? null : chosen.map((i) => SCORES[i]),
    promptLengths: texts.map(() => 0),
  };
  return { input: texts.map((inputIds) => ({ inputIds })), labels: { vectors } };
}

test("every loss, plain and Matryoshka, and every kind of module is among the cases", () => {
  const pairs = new Set(CASES.map(({ loss, matryoshka }) => `${loss} ${matryoshka !== null}`));
  expect(pairs.size).toBe(2 * Object.keys(NAMES).length);
  expect(new Set(CASES.map(({ variant }) => variant)).size).toBe(4);
  expect(CASES.length).toBe(24);
});

describe.each(TRAINING_BACKENDS)("$title", ({ name: backend, create }) => {
  const tolerance = EMBEDDING_TOLERANCE[backend];

  test.each(CASES.map((one) => [one.case, one] as const))(
    "%s: loss and gradient of every parameter",
    async (_, one) => {
      const model = await startModel(one.variant, create());
      const gradients = createGradients(model);
      const { input, labels } = batchOf(one, 0);
      const { loss } = lossAndGradients(model, gradients, input, labels, { dropout: null });
      const [first] = golden.toFloat64(`${one.case}/losses`);
      expect(Math.abs(loss / first - 1)).toBeLessThanOrEqual(tolerance.loss);

      // Every parameter but the pooler's, which nothing reads, has a gradient, in Python and here.
      const wanted = [...golden.tensors.keys()].filter((name) => name.startsWith(`${one.case}/`)).map((name) => name.slice(one.case.length + 1)).filter((name) => !name.startsWith("matryoshka/") && name !== "losses"); // biome-ignore format: one line
      const trained = [...model.params.byName.keys()].filter((name) => !name.startsWith("bert.pooler."));
      expect([...gradients.byName.keys()].sort()).toEqual(wanted.sort());
      expect(trained.sort()).toEqual(wanted);
      const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const all = Math.max(...wanted.map((name) => largest(golden.toFloat64(`${one.case}/${name}`))));
      for (const [name, { data, shape }] of gradients.byName) {
        const truth = golden.toFloat64(`${one.case}/${name}`);
        expect(shape, name).toEqual(golden.tensors.get(`${one.case}/${name}`)?.shape);
        const own = largest(truth);
        const share = deviation(data, truth).max / (own > 1e-12 ? own : all); // the gradient of a key's bias is 0
        expect(share, name).toBeLessThanOrEqual(own > 1e-12 ? tolerance.gradient : tolerance.zeroGradient);
      }
    },
  );

  test("100 steps of AdamW from the same start: the losses of all, and of the last in a table", async () => {
    const rows: string[] = [];
    for (const one of CASES) {
      const model = await startModel(one.variant, create());
      const gradients = createGradients(model);
      const state = createTrainingState(model, gradients, 1);
      const { steps: totalSteps, learningRate, weightDecay } = TRAINING;
      const truth = golden.toFloat64(`${one.case}/losses`);
      const losses = Array.from({ length: totalSteps }, (_, step) => {
        const options = { learningRate, weightDecay, totalSteps };
        return trainStep(model, gradients, state, [batchOf(one, step)], options).loss;
      });
      const worst = losses.reduce((most, loss, i) => Math.max(most, Math.abs(loss - truth[i])), 0);
      expect(losses.length).toBe(truth.length);
      expect(worst, one.case).toBeLessThanOrEqual(tolerance.trajectory);
      const [ours, theirs] = [losses[totalSteps - 1], truth[totalSteps - 1]];
      rows.push([one.case, ours.toFixed(8), theirs.toFixed(8), (ours - theirs).toExponential(1), (one.final32 - theirs).toExponential(1)].join(" | ")); // biome-ignore format: one line
    }
    expect(rows.length).toBe(CASES.length);
    if (process.env.SHOW)
      console.log(["case | ours | theirs, float64 | difference | theirs in float32", ...rows].join("\n"));
  });
});
