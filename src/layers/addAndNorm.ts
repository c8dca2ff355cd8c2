import type { Backend } from "../tensor/backend.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";

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
