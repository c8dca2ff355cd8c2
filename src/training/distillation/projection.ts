import type { LoadedParams } from "../../checkpoint/loadParams.ts";
import { moduleTensors } from "../../load/sentenceToSave.ts";
import { moduleOf, type SentenceModuleOf } from "../../load/sentenceVector.ts";
import type { Backend } from "../../tensor/backend.ts";
import { torchActivation, type VectorActivation } from "../../tensor/kernels/torchActivations.ts";
import type { Tensor, Weight } from "../../tensor/tensor.ts";
import { fillNormal } from "../initialWeights.ts";

/** P u = W u + b, a Dense without an activation function. */
export type Projection = SentenceModuleOf<"Dense">;

const IDENTITY = "torch.nn.modules.linear.Identity";
/** What the parameters of a projection that is thrown away begin with; `2_Dense` those of one that is kept. */
const PREFIX = "projection.";

/**
 * A linear map from a student's vectors to a teacher's that was never trained: W from a normal distribution with
 * deviation 1/√E_s, so that lengths stay about the same, cut off at twice that; b = 0. A function of the seed.
 *
 * @param seed a whole number below 2³²
 */
export function initialProjection(inFeatures: number, outFeatures: number, seed: number): Projection {
  const weight = new Float32Array(outFeatures * inFeatures);
  fillNormal(weight, 1 / Math.sqrt(inFeatures), seed, `${PREFIX}linear.weight`);
  return projectionOf(weight, new Float32Array(outFeatures), inFeatures);
}

/** @param weight [E_t, E_s] @param bias [E_t] */
function projectionOf(weight: Float32Array, bias: Float32Array, inFeatures: number): Projection {
  const activation = torchActivation(IDENTITY) as VectorActivation;
  const [outFeatures, rest] = [bias.length, { activationWeight: null, residual: null }];
  return { type: "Dense", weight, bias, inFeatures, outFeatures, size: outFeatures, activation, activationFunction: IDENTITY, ...rest }; // biome-ignore format: one line
}

/** The parameters of a model with those of a projection, in the memory of a backend. */
export function withProjection(params: LoadedParams, projection: Projection, k: Backend): LoadedParams {
  const byName = new Map<string, Weight>(params.byName);
  for (const [name, { shape, data }] of moduleTensors(projection)) {
    const tensor = k.empty(shape);
    tensor.data.set(data);
    byName.set(`${PREFIX}${name}`, tensor);
  }
  return { ...params, byName };
}

/** The name of a projection's parameter within it; null: it is none. */
export function nameInProjection(name: string): string | null {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : null;
}

/** The projection with the weights that it has now; null: the model has none. */
export function currentProjection(byName: ReadonlyMap<string, Weight>): Projection | null {
  const [weight, bias] = ["weight", "bias"].map((name) => byName.get(`${PREFIX}linear.${name}`) as Tensor | undefined);
  return weight && bias ? projectionOf(weight.data, bias.data, weight.shape[1]) : null;
}

/** The gradient of a parameter of the projection, by its name within it. */
export function gradientsOfProjection(byName: ReadonlyMap<string, Tensor>): (name: string) => Float32Array | null {
  return (name) => byName.get(`${PREFIX}${name}`)?.data ?? null;
}

/** [n][E_s] → [n][E_t]; without a projection the vectors themselves. */
export function projectedBy(projection: Projection | null, vectors: readonly Float64Array[]): readonly Float64Array[] {
  return projection ? vectors.map((vector) => moduleOf(projection, vector)) : vectors;
}
