import type { LayerNormParams } from "../layers/addAndNorm.ts";
import type { LinearParams } from "../layers/linear.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";

/** Takes a tensor by its name in the checkpoint; a vector must be a `Tensor`. */
export type TakeTensor = (name: string, shape: readonly number[]) => Weight;

/** Takes the tensors of the layers that models are made of. */
export interface ParamsBuilder {
  /** @returns [length] */
  vector(name: string, length: number): Tensor;
  /** @returns weight [rows, columns] */
  matrix(name: string, rows: number, columns: number): { readonly weight: Weight };
  /** @returns weight [O, I], bias [O] */
  linear(name: string, O: number, I: number): LinearParams;
  /** @returns weight [H], bias [H] */
  layerNorm(name: string, H: number): LayerNormParams;
}

/** @param take called once for each tensor */
export function paramsBuilder(take: TakeTensor): ParamsBuilder {
  const vector = (name: string, length: number) => take(name, [length]) as Tensor;
  const matrix = (name: string, rows: number, columns: number) => ({ weight: take(`${name}.weight`, [rows, columns]) });
  return {
    vector,
    matrix,
    linear: (name, O, I) => ({ ...matrix(name, O, I), bias: vector(`${name}.bias`, O) }),
    layerNorm: (name, H) => ({ weight: vector(`${name}.weight`, H), bias: vector(`${name}.bias`, H) }),
  };
}
