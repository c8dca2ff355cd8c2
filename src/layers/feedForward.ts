import type { Backend } from "../tensor/backend.ts";
import type { Activation } from "../tensor/kernels/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { GradientsOf } from "./gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "./linear.ts";
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

/** act(x), what `activated` makes of x Wᵀ + b. @returns a new tensor */
export function activation(k: Backend, x: Tensor, act: HiddenAct): Tensor {
  const y = k.empty(x.shape);
  k[KERNELS[act]](y.data, x.data);
  return y;
}

/** The gradient of `activation`. @param dy [R, I] in, dx out @param x [R, I], what act was given */
export function activationBackward(k: TrainingBackend, dy: Tensor, x: Tensor, act: HiddenAct): void {
  k[`${KERNELS[act]}Backward`](dy.data, dy.data, x.data);
}

/**
 * The gradients of `feedForward`, from the output to x:
 *
 *     h = act(z)        dh = dy W₂        dz = dh ⊙ act′(z)        dx += dz W₁
 *
 * h is computed again from z = x W₁ᵀ + b₁, which is all that is kept beside x: 4I bytes per token instead of 8I.
 *
 * @param x      [R, H]
 * @param before [R, I], z
 * @param dy     [R, H]
 * @param dx     [R, H], added to
 */
export function feedForwardBackward(
  k: TrainingBackend,
  p: FeedForwardParams,
  gradients: GradientsOf<FeedForwardParams>,
  x: Tensor,
  before: Tensor,
  dy: Tensor,
  dx: Tensor,
  act: HiddenAct,
): void {
  const hidden = activation(k, before, act); // [R, I]
  const dhidden = k.zeros(hidden.shape);
  linearBackward(k, p.output.dense, gradients.output.dense, hidden, dy, dhidden);
  activationBackward(k, dhidden, before, act);
  linearBackward(k, p.intermediate.dense, gradients.intermediate.dense, x, dhidden, dx);
}
