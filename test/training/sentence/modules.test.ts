import { describe, expect, test } from "vitest";
import type { SentenceModule } from "../../../src/load/sentenceModules.ts";
import { SENTENCE_POOLINGS } from "../../../src/load/sentenceModules.ts";
import { torchActivation, type VectorActivation } from "../../../src/tensor/kernels/torchActivations.ts";
import { TRAINED_ACTIVATIONS, torchSlope } from "../../../src/training/sentence/moduleSlopes.ts";
import { sentenceVectors, sentenceVectorsBackward } from "../../../src/training/sentence/sentenceVectors.ts";
import { seeded } from "../../support/seeded.ts";

/** Gradients of poolings and modules against differences of the function itself, in float64 but for what is float32. */
const H = 4;
/** Of the differences; all numbers are multiples of it, so that float32 holds them exactly. */
const STEP = 2 ** -10;
/** What STEP² times a third derivative may be. */
const TOLERANCE = 2e-5;

const random = seeded(7);
const numbers = (n: number) => Float32Array.from({ length: n }, () => (random(2 / STEP + 1) - 1 / STEP) * STEP);

const pooling = (...modes: (typeof SENTENCE_POOLINGS)[number][]): SentenceModule => ({
  type: "Pooling",
  modes,
  includePrompt: false,
});

function dense(
  name: string,
  O: number,
  residual: "none" | "input" | "matrix" = "none",
  hasBias = true,
): SentenceModule {
  const activationFunction = `torch.nn.modules.activation.${name}`;
  return {
    ...{ type: "Dense", inFeatures: H, outFeatures: O, size: O, activationFunction, activationWeight: null },
    weight: numbers(O * H),
    bias: hasBias ? numbers(O) : null,
    activation: torchActivation(activationFunction) as VectorActivation,
    residual: residual === "none" ? null : residual === "input" ? "input" : numbers(O * H),
  };
}

/** The weights of a module that are trained, by their names in its file. */
function weightsOf(module: SentenceModule): [string, Float32Array][] {
  if (module.type === "LayerNorm") return [["norm.weight", module.weight], ["norm.bias", module.bias]]; // biome-ignore format: one line
  if (module.type !== "Dense") return [];
  const all: [string, unknown][] = [["linear.weight", module.weight], ["linear.bias", module.bias], ["residual.weight", module.residual]]; // biome-ignore format: one line
  return all.filter((one): one is [string, Float32Array] => one[1] instanceof Float32Array);
}

const CASES: [string, SentenceModule[]][] = [
  ...SENTENCE_POOLINGS.map((mode): [string, SentenceModule[]] => [mode, [pooling(mode)]]),
  ["several modes", [pooling("max", "mean", "cls")]],
  ...TRAINED_ACTIVATIONS.map((name): [string, SentenceModule[]] => [name, [pooling("mean"), dense(name, 3)]]),
  ["a Dense without bias", [pooling("mean"), dense("Tanh", 3, "none", false)]],
  ["a Dense of the same size with a residual connection", [pooling("mean"), dense("Tanh", H, "input")]],
  ["a Dense with a residual matrix", [pooling("cls"), dense("GELU", 3, "matrix")]],
  ["LayerNorm", [pooling("mean"), { type: "LayerNorm", weight: numbers(H), bias: numbers(H) }]],
  ["Normalize", [pooling("mean"), { type: "Normalize" }]],
  ["all of them", [pooling("weightedmean"), dense("Tanh", H), { type: "LayerNorm", weight: numbers(H), bias: numbers(H) }, { type: "Normalize" }]], // biome-ignore format: one line
];

test.each(CASES)("%s", (_, modules) => {
  const offsets = [0, 4, 5, 11];
  const data = numbers(11 * H);
  const rows = { data, H, offsets, promptLengths: [2, 1, 0] }; // of the second text no token is left
  if (modules[0].type === "Pooling" && modules[0].modes.includes("max")) rows.promptLengths[1] = 0;
  const D = sentenceVectors(modules, rows).at(-1)?.[0].length as number;
  const dvectors = offsets.slice(1).map(() => Float64Array.from(numbers(D)));
  const value = () => {
    const vectors = sentenceVectors(modules, rows).at(-1) as readonly Float64Array[];
    return vectors.reduce((sum, vector, n) => sum + vector.reduce((s, x, d) => s + x * dvectors[n][d], 0), 0);
  };
  const slopeAt = (array: Float32Array, i: number) => {
    const own = array[i];
    array[i] = own + STEP;
    const above = value();
    array[i] = own - STEP;
    const below = value();
    array[i] = own;
    return (above - below) / (2 * STEP);
  };

  const gradients = modules.map((module) => new Map(weightsOf(module).map(([name, { length }]) => [name, new Float32Array(length)]))); // biome-ignore format: one line
  const dtokens = new Float32Array(data.length);
  const takers = gradients.map((byName) => (name: string) => byName.get(name) ?? null);
  sentenceVectorsBackward(modules, takers, rows, sentenceVectors(modules, rows), dvectors, dtokens);
  for (const i of data.keys()) expect(Math.abs(dtokens[i] - slopeAt(data, i)), `token ${i}`).toBeLessThan(TOLERANCE);
  for (const [m, module] of modules.entries()) {
    for (const [name, array] of weightsOf(module)) {
      const found = gradients[m].get(name) as Float32Array;
      for (const i of array.keys())
        expect(Math.abs(found[i] - slopeAt(array, i)), `${name} ${i}`).toBeLessThan(TOLERANCE);
    }
  }
});

describe("what has no gradient", () => {
  test("a frozen module: its parameters are asked for and left out", () => {
    const modules = [pooling("mean"), dense("Tanh", 3, "matrix")];
    const rows = { data: numbers(2 * H), H, offsets: [0, 2], promptLengths: [0] };
    const dtokens = new Float32Array(2 * H);
    const frozen = modules.map(() => () => null);
    sentenceVectorsBackward(modules, frozen, rows, sentenceVectors(modules, rows), [Float64Array.of(1, 2, 3)], dtokens);
    expect(dtokens.every((d) => d !== 0)).toBe(true);
  });

  test("an activation function that models are not trained with; one that is not PyTorch's is Tanh", () => {
    expect(torchSlope("torch.nn.modules.activation.Softmax")).toBeNull();
    expect(torchSlope("their.Own")?.(0)).toBe(1);
  });
});
