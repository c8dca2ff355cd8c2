import type { Backend } from "../tensor/backend.ts";
import type { Activation } from "../tensor/kernels/activations.ts";
import { expectShape, type Tensor, type Weight } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { GradientsOf } from "./gradientsOf.ts";

/** As PyTorch's nn.Linear stores them: weight [O, I], stored in any way, bias [O]. */
export interface LinearParams {
  readonly weight: Weight;
  readonly bias: Tensor;
}

/**
 * y = act(x Wᵀ + b)
 *
 * On one page: `dense` in docs/reading/onePage.ts.
 *
 * @param x          [R, I]
 * @param activation which act; none if left out
 * @returns          [R, O]
 * @throws BertError ERR_SHAPE
 */
export function linear(k: Backend, p: LinearParams, x: Tensor, activation?: Activation): Tensor {
  const { weight, bias } = p;
  const [O, I] = weight.shape;
  const R = x.shape[0];
  expectShape("linear", "x", x, { R, I });
  const y = k.empty([R, O]);
  if (weight.dtype) k.linearStored(y.data, x.data, weight, bias.data, R, activation ?? null);
  else k.linear(y.data, x.data, weight.data, bias.data, R, I, O, activation ?? null);
  return y;
}

/**
 * The gradients of `linear` without activation; all are added to what is there:
 *
 *     dW += dyᵀ x        db += Σ_r dy_r        dx += dy W
 *
 * On one page: `linearMap` in docs/reading/onePageTraining.ts.
 *
 * @param p  its weight must be a `Tensor`
 * @param x  [R, I], what linear was given
 * @param dy [R, O]
 * @param dx [R, I], null where it is not computed
 * @throws BertError ERR_SHAPE
 */
export function linearBackward(
  k: TrainingBackend,
  p: LinearParams,
  gradients: GradientsOf<LinearParams>,
  x: Tensor,
  dy: Tensor,
  dx: Tensor | null,
): void {
  const [O, I] = p.weight.shape;
  const R = x.shape[0];
  expectShape("linearBackward", "x", x, { R, I });
  expectShape("linearBackward", "dy", dy, { R, O });
  const { weight, bias } = gradients;
  if (weight || bias) k.linearBackwardWeight(weight?.data ?? null, bias?.data ?? null, dy.data, x.data, R, I, O);
  if (dx) k.linearBackwardInput(dx.data, dy.data, (p.weight as Tensor).data, R, I, O);
}
