import { addAndNorm, addAndNormBackward, type LayerNormParams, layerNorm } from "../layers/addAndNorm.ts";
import { type FeedForwardParams, feedForward, feedForwardBackward } from "../layers/feedForward.ts";
import { gatherBackward } from "../layers/gather.ts";
import type { GradientsOf } from "../layers/gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "../layers/linear.ts";
import { keep, type LayerBackwardPass, type LayerPass, see } from "../layers/pass.ts";
import { type SelfAttentionParams, selfAttention, selfAttentionBackward } from "../layers/selfAttention.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** One Transformer block: bert.encoder.layer.N.*. */
export interface EncoderLayerParams extends FeedForwardParams {
  readonly attention: {
    readonly self: SelfAttentionParams;
    readonly output: { readonly dense: LinearParams; readonly LayerNorm: LayerNormParams };
  };
  readonly output: { readonly dense: LinearParams; readonly LayerNorm: LayerNormParams };
}

/**
 * One Transformer block, post-norm as in BERT; the dropouts are there while a model trains:
 *
 *     x′ = LayerNorm(x + dropout(Attention(x)))        y = LayerNorm(x′ + dropout(FFN(x′)))
 *
 * On one page: `encoder` in docs/reading/onePage.ts.
 *
 * @param x   [M, H], the rows that are computed
 * @param all [R, H], the rows that they attend to: x itself, but in a last layer that computes only the rows that are
 *   read
 * @returns   y [M, H]
 */
export function encoderLayer(pass: LayerPass, p: EncoderLayerParams, x: Tensor, all: Tensor = x): Tensor {
  keep(pass.training?.record, { x, all });
  const context = selfAttention(pass, p.attention.self, x, all);
  const projected = see(pass, "attention.output.dense", linear(pass.k, p.attention.output.dense, context));
  const attended = addAndNorm(pass, p.attention.output.LayerNorm, projected, x, "attentionOutput"); // x′
  see(pass, "attention.output.LayerNorm", attended);

  const transformed = feedForward(pass, p, attended); // FFN(x′)
  const y = addAndNorm(pass, p.output.LayerNorm, transformed, attended, "output");
  return see(pass, "output.LayerNorm", y);
}

/**
 * The gradients of `encoderLayer`, its lines from bottom to top. One array is in turn dy, dx′ and dx: each residual
 * connection hands it on, and what comes through the sub-layer is added to it.
 *
 * On one page: `encoderLayer` in docs/reading/onePageTraining.ts.
 *
 * @param dy      [M, H]; overwritten: it becomes dx, which is dall where all rows are computed
 * @param wantsDx whether something below is trained
 * @returns       dall [R, H], the gradient of the rows that were attended to; null if it is not wanted
 */
export function encoderLayerBackward(
  pass: LayerBackwardPass,
  p: EncoderLayerParams,
  gradients: GradientsOf<EncoderLayerParams>,
  dy: Tensor,
  wantsDx: boolean,
): Tensor | null {
  const k = pass.k.scope();
  const working = { ...pass, k };
  const { all, context, attentionOutputSum } = pass.record;
  const { dense, LayerNorm } = p.attention.output;
  const attended = layerNorm(k, LayerNorm, attentionOutputSum, pass.config.layerNormEps); // x′ again

  const dattended = dy; // what the residual connection hands on; the network's share is added
  const dtransformed = addAndNormBackward(working, p.output.LayerNorm, gradients.output.LayerNorm, dattended, "output");
  feedForwardBackward(working, p, gradients, attended, dtransformed, dattended);

  const dx = dattended; // the residual connection again
  const into = gradients.attention.output;
  const dprojected = addAndNormBackward(working, LayerNorm, into.LayerNorm, dx, "attentionOutput");
  const dcontext = k.zeros(context.shape);
  linearBackward(k, dense, into.dense, context, dprojected, dcontext);
  const dall = wantsDx ? (pass.read ? pass.k.zeros(all.shape) : dx) : null;
  selfAttentionBackward(working, p.attention.self, gradients.attention.self, dcontext, dall && dx, dall);
  if (dall && pass.read) gatherBackward(k, dall, pass.read.rows, dx);
  k.release();
  return dall;
}
