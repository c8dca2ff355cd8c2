import type { Backend } from "../tensor/backend.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { GradientsOf } from "./gradientsOf.ts";
import { drop, keep, type LayerBackwardPass, type LayerPass } from "./pass.ts";

/** Checkpoint names: …LayerNorm.weight (γ) and …LayerNorm.bias (β), both [H]; `gamma` and `beta` in files of 2018. */
export interface LayerNormParams {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/**
 * LayerNorm(x), see kernels/layerNorm.ts.
 *
 * On one page: `normalize` in docs/reading/onePage.ts.
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
 * The gradients of `layerNorm`, see kernels/layerNorm.ts. dy becomes dx, in place.
 *
 * On one page: `normalize` in docs/reading/onePageTraining.ts.
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
 * The residual connection around each sub-layer (Vaswani et al. 2017, §3.1 and §5.4), with dropout while a model
 * trains:
 *
 *     y = LayerNorm(x + dropout(Sublayer(x)))
 *
 * On one page: `encoder` in docs/reading/onePage.ts.
 *
 * @param sublayer [M, H], what the sub-layer returned; becomes the sum while a model trains
 * @param x        [M, H], what it was given
 * @param site     which of the block's two it is
 * @returns        [M, H]
 * @throws BertError ERR_SHAPE
 */
export function addAndNorm(
  { k, config, training }: LayerPass,
  p: LayerNormParams,
  sublayer: Tensor,
  x: Tensor,
  site: "attentionOutput" | "output",
): Tensor {
  expectShape("addAndNorm", "x", x, { R: sublayer.shape[0], H: sublayer.shape[1] });
  // In inference the sum is part of the kernel, which then reads and writes the rows once.
  if (!training) return layerNorm(k, p, sublayer, config.layerNormEps, x);
  drop(training, training.dropout[site], sublayer);
  k.add(sublayer.data, sublayer.data, x.data);
  keep(training.record, { [`${site}Sum`]: sublayer });
  return layerNorm(k, p, sublayer, config.layerNormEps);
}

/**
 * The gradients of `addAndNorm`. x and the sub-layer get the same, the latter through its dropout:
 *
 *     dsum = layerNormBackward(dy)        dx = dsum        dsublayer = dropout(dsum)
 *
 * On one page: `addAndNorm` in docs/reading/onePageTraining.ts.
 *
 * @param dy [M, H] in, dx out
 * @returns  [M, H], dsublayer; without dropout dx itself
 */
export function addAndNormBackward(
  { k, config, dropout, record }: LayerBackwardPass,
  p: LayerNormParams,
  gradients: GradientsOf<LayerNormParams>,
  dy: Tensor,
  site: "attentionOutput" | "output",
): Tensor {
  layerNormBackward(k, p, gradients, record[`${site}Sum`], dy, config.layerNormEps);
  const mask = dropout[site];
  if (!mask) return dy;
  const dsublayer = k.empty(dy.shape);
  k.dropout(dsublayer.data, dy.data, mask);
  return dsublayer;
}
