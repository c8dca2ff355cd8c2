import type { Backend } from "../tensor/backend.ts";
import type { Activation } from "../tensor/kernels/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type LinearParams, linear } from "./linear.ts";
import type { Tap } from "./tap.ts";

/** The activation functions that a checkpoint's `hidden_act` may name. */
export type HiddenAct = "gelu" | "gelu_new" | "relu" | "silu";

const KERNELS: Readonly<Record<HiddenAct, Activation>> = {
  gelu: "gelu",
  gelu_new: "geluNew",
  relu: "relu",
  silu: "silu",
};

/**
 * act(x Wᵀ + b). It is one kernel, unless a tap wants to see what comes before the activation function.
 *
 * @param x      [R, I]
 * @param before the tap's name for x Wᵀ + b
 * @returns      [R, O]
 */
export function activated(
  k: Backend,
  p: LinearParams,
  x: Tensor,
  act: HiddenAct,
  tap: Tap | undefined,
  before: string,
): Tensor {
  const kernel = KERNELS[act];
  if (!tap?.wants(before)) return linear(k, p, x, kernel);
  const y = linear(k, p, x);
  tap.see(before, y);
  k[kernel](y.data, y.data);
  return y;
}

/** Checkpoint names: bert.encoder.layer.N.{intermediate,output}.dense.{weight,bias}. */
export interface FeedForwardParams {
  /** weight [I, H] */
  readonly intermediate: { readonly dense: LinearParams };
  /** weight [H, I] */
  readonly output: { readonly dense: LinearParams };
}

/**
 * The position-wise feed-forward network (Vaswani et al. 2017, §3.3; GELU for ReLU: Devlin et al. 2019, §A.2):
 *
 *     FFN(x) = act(x W₁ᵀ + b₁) W₂ᵀ + b₂
 *
 * @param x [R, H]
 * @returns [R, H]
 */
export function feedForward(k: Backend, p: FeedForwardParams, x: Tensor, act: HiddenAct, tap?: Tap): Tensor {
  const hidden = activated(k, p.intermediate.dense, x, act, tap, "intermediate.dense"); // [R, I]
  tap?.see("intermediate.intermediate_act_fn", hidden);
  tap?.see("intermediate", hidden);
  const projected = linear(k, p.output.dense, hidden); // [R, H]
  tap?.see("output.dense", projected);
  return projected;
}
