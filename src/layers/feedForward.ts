import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type LinearParams, linear } from "./linear.ts";
import type { Tap } from "./tap.ts";

/** The activation functions that a checkpoint's `hidden_act` may name. */
export type HiddenAct = "gelu" | "gelu_new" | "relu" | "silu";

/** Applies the activation function that config.json names, in place. */
export function activate(k: Backend, act: HiddenAct, x: Tensor): Tensor {
  if (act === "gelu") k.gelu(x.data, x.data);
  else if (act === "gelu_new") k.geluNew(x.data, x.data);
  else if (act === "relu") k.relu(x.data, x.data);
  else k.silu(x.data, x.data);
  return x;
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
  const hidden = linear(k, p.intermediate.dense, x); // [R, I]
  tap?.see("intermediate.dense", hidden);
  activate(k, act, hidden);
  tap?.see("intermediate.intermediate_act_fn", hidden);
  tap?.see("intermediate", hidden);
  const projected = linear(k, p.output.dense, hidden); // [R, H]
  tap?.see("output.dense", projected);
  return projected;
}
