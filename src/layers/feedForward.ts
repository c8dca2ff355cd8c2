import type { Backend } from "../tensor/backend.ts";
import type { Activation } from "../tensor/kernels/activations.ts";
import type { OtherActivation } from "../tensor/kernels/otherActivations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { GradientsOf } from "./gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "./linear.ts";
import { type HiddenAct, keep, type LayerBackwardPass, type LayerPass, see } from "./pass.ts";

/** The activation functions that are kernels of their own. */
const KERNELS: Readonly<Record<Exclude<HiddenAct, OtherActivation>, Activation>> = {
  gelu: "gelu",
  gelu_new: "geluNew",
  relu: "relu",
  silu: "silu",
  tanh: "tanh",
};

function hasKernel(act: HiddenAct): act is keyof typeof KERNELS {
  return Object.hasOwn(KERNELS, act);
}

/**
 * act(x Wᵀ + b). It is one kernel, unless act is none of its own, a tap wants to see what comes before it, or backward
 * needs that.
 *
 * On one page: `feedForward` in docs/reading/onePage.ts.
 *
 * @param x      [R, I]
 * @param before the tap's name for x Wᵀ + b
 * @returns      [R, O]
 */
export function activated(
  pass: Pick<LayerPass, "k" | "config" | "tap"> & {
    readonly training: { readonly record: Partial<BeforeRecord> | null } | null;
  },
  p: LinearParams,
  x: Tensor,
  before: string,
): Tensor {
  const { k, config, tap, training } = pass;
  const act = config.hiddenAct;
  if (hasKernel(act) && !training && !tap?.wants(before)) return linear(k, p, x, KERNELS[act]);
  const z = see(pass, before, linear(k, p, x));
  const y = activation(k, z, act, training ? k.empty(z.shape) : z);
  keep(training?.record, { before: z });
  return y;
}

/** Where `activated` leaves x Wᵀ + b, [R, O]. */
interface BeforeRecord {
  readonly before: Tensor;
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
 * On one page: `feedForward` in docs/reading/onePage.ts.
 *
 * @param x [M, H]
 * @returns [M, H]
 */
export function feedForward(pass: LayerPass, p: FeedForwardParams, x: Tensor): Tensor {
  const hidden = activated(pass, p.intermediate.dense, x, "intermediate.dense"); // [M, I]
  see(pass, "intermediate.intermediate_act_fn", hidden);
  return see(pass, "output.dense", linear(pass.k, p.output.dense, hidden)); // [M, H]
}

/** y = act(x). @param y may be x itself @returns y */
function activation(k: Backend, x: Tensor, act: HiddenAct, y: Tensor): Tensor {
  if (hasKernel(act)) k[KERNELS[act]](y.data, x.data);
  else k.activate(y.data, x.data, act);
  return y;
}

/**
 * The gradient of `activated` by x Wᵀ + b.
 *
 * On one page: `each` in docs/reading/onePageTraining.ts.
 *
 * @param dy [R, O] in, dx out
 * @param x  [R, O], what act was given
 * @param y  [R, O], what it returned
 */
export function activationBackward(k: TrainingBackend, dy: Tensor, x: Tensor, y: Tensor, act: HiddenAct): void {
  if (!hasKernel(act)) k.activateBackward(dy.data, dy.data, x.data, act);
  else k[`${KERNELS[act]}Backward`](dy.data, dy.data, act === "tanh" ? y.data : x.data); // tanh′ is read from y
}

/**
 * The gradients of `feedForward`, from the output to x:
 *
 *     h = act(z)        dh = dy W₂        dz = dh ⊙ act′(z)        dx += dz W₁
 *
 * z = x W₁ᵀ + b₁ is all that is kept, 4I bytes per token instead of 8I: h is computed again from it.
 *
 * On one page: `encoderLayer` in docs/reading/onePageTraining.ts.
 *
 * @param x  [M, H]
 * @param dy [M, H]
 * @param dx [M, H], added to
 */
export function feedForwardBackward(
  { k, config, record: { before } }: LayerBackwardPass,
  p: FeedForwardParams,
  gradients: GradientsOf<FeedForwardParams>,
  x: Tensor,
  dy: Tensor,
  dx: Tensor,
): void {
  const hidden = activation(k, before, config.hiddenAct, k.empty(before.shape)); // [M, I]
  const dhidden = k.zeros(hidden.shape);
  linearBackward(k, p.output.dense, gradients.output.dense, hidden, dy, dhidden);
  activationBackward(k, dhidden, before, hidden, config.hiddenAct);
  linearBackward(k, p.intermediate.dense, gradients.intermediate.dense, x, dhidden, dx);
}
