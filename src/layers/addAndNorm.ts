import type { Backend } from "../tensor/backend.ts";
import type { DropoutMask } from "../tensor/kernels/dropout.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { GradientsOf } from "./gradientsOf.ts";

/** Checkpoint names: …LayerNorm.weight (γ) and …LayerNorm.bias (β), both [H]; `gamma` and `beta` in files of 2018. */
export interface LayerNormParams {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/**
 * LayerNorm(x), see kernels/layerNorm.ts.
 *
 * @param x        [R, H]
 * @param residual [R, H], added to x first
 * @returns        [R, H]
 * @throws BertError ERR_SHAPE
 */
export function layerNorm(k: Backend, p: LayerNormParams, x: Tensor, eps: number, residual?: Tensor): Tensor {
  const R = x.shape[0];
  const H = p.weight.shape[0];
  expectShape("layerNorm", "x", x, { R, H });
  const y = k.empty([R, H]);
  k.layerNorm(y.data, x.data, p.weight.data, p.bias.data, R, H, eps, residual?.data ?? null);
  return y;
}

/**
 * The residual connection around each sub-layer (Vaswani et al. 2017, §3.1): LayerNorm(x + Sublayer(x)).
 *
 * @param sublayer [R, H], what the sub-layer returned
 * @param x        [R, H], what it was given
 * @returns        [R, H]
 * @throws BertError ERR_SHAPE
 */
export function addAndNorm(k: Backend, p: LayerNormParams, sublayer: Tensor, x: Tensor, eps: number): Tensor {
  expectShape("addAndNorm", "x", x, { R: sublayer.shape[0], H: sublayer.shape[1] });
  return layerNorm(k, p, sublayer, eps, x);
}

/**
 * The gradients of `layerNorm`, see kernels/layerNorm.ts. dy becomes dx, in place.
 *
 * @param x  [R, H], what was normalised, with the residual in it
 * @param dy [R, H] in, dx out
 * @throws BertError ERR_SHAPE
 */
export function layerNormBackward(
  k: TrainingBackend,
  p: LayerNormParams,
  gradients: GradientsOf<LayerNormParams>,
  x: Tensor,
  dy: Tensor,
  eps: number,
): void {
  const R = x.shape[0];
  const H = p.weight.shape[0];
  expectShape("layerNormBackward", "x", x, { R, H });
  expectShape("layerNormBackward", "dy", dy, { R, H });
  const [dgamma, dbeta] = [gradients.weight?.data ?? null, gradients.bias?.data ?? null];
  k.layerNormBackward(dy.data, dgamma, dbeta, dy.data, x.data, p.weight.data, R, H, eps);
}

/**
 * What `addAndNorm` normalises while training, x + dropout(Sublayer(x)): all that its backward needs, 4H bytes per token.
 *
 * @param sublayer [R, H], becomes the sum
 * @param x        [R, H]
 * @throws BertError ERR_SHAPE
 */
export function residualSum(k: TrainingBackend, sublayer: Tensor, x: Tensor, mask: DropoutMask | null): void {
  expectShape("residualSum", "x", x, { R: sublayer.shape[0], H: sublayer.shape[1] });
  if (mask) k.dropout(sublayer.data, sublayer.data, mask);
  k.add(sublayer.data, sublayer.data, x.data);
}

/**
 * The gradients of `addAndNorm` with `residualSum`. x and the sub-layer get the same, the latter through its dropout:
 *
 *     dsum = layerNormBackward(dy)        dx = dsum        dsublayer = dropout(dsum)
 *
 * @param sum [R, H], what residualSum made
 * @param dy  [R, H] in, dx out
 * @returns   [R, H], dsublayer; without a mask dx itself
 */
export function addAndNormBackward(
  k: TrainingBackend,
  p: LayerNormParams,
  gradients: GradientsOf<LayerNormParams>,
  sum: Tensor,
  dy: Tensor,
  eps: number,
  mask: DropoutMask | null,
): Tensor {
  layerNormBackward(k, p, gradients, sum, dy, eps);
  if (!mask) return dy;
  const dsublayer = k.empty(dy.shape);
  k.dropout(dsublayer.data, dy.data, mask);
  return dsublayer;
}
