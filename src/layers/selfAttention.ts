import { longest } from "../tensor/kernels/attention.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GradientsOf } from "./gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "./linear.ts";
import { keep, type LayerBackwardPass, type LayerPass, readOffsets, see } from "./pass.ts";

/** Checkpoint names: bert.encoder.layer.N.attention.self.{query,key,value}.{weight,bias}. */
export interface SelfAttentionParams {
  readonly query: LinearParams;
  readonly key: LinearParams;
  readonly value: LinearParams;
}

/**
 * Multi-head self-attention (Vaswani et al. 2017, §3.2), before the output projection:
 *
 *     head_a = softmax(Q_a K_aᵀ / √D) V_a        out = [head_1; …; head_A]
 *
 * Q, K and V are linear maps; the equation itself is kernels/attention.ts. Each token attends to the tokens of its own
 * sequence and to nothing else. While a model trains, the probabilities are dropped out; there is no head mask then.
 *
 * On one page: `attention` in docs/reading/onePage.ts.
 *
 * @param pass its tap sees query [M, H], key, value [R, H] and probs [B, A, T, T] (T the longest sequence, zeros past
 *   the others' ends) below the name attention.self
 * @param x    [M, H], the rows that are computed
 * @param all  [R, H], the rows that they attend to, the sequences end to end
 * @returns    [M, H]
 */
export function selfAttention(pass: LayerPass, p: SelfAttentionParams, x: Tensor, all: Tensor): Tensor {
  const { k, offsets, headMask, training } = pass;
  const A = pass.config.numAttentionHeads;
  const H = x.shape[1];

  const query = see(pass, "attention.self.query", linear(k, p.query, x)); // [M, H]   Q = X W_Qᵀ + b_Q
  const key = see(pass, "attention.self.key", linear(k, p.key, all)); // [R, H]   K
  const value = see(pass, "attention.self.value", linear(k, p.value, all)); // [R, H]   V

  const context = k.empty(x.shape);
  const [out, Q, K, V] = [context.data, query.data, key.data, value.data];
  if (training?.dropout.probs) {
    training.kernels.attentionWithDropout(out, Q, K, V, offsets, H, A, training.dropout.probs, readOffsets(pass));
  } else {
    const probs = pass.tap?.wants("attention.self.probs") ? probabilitiesOf(pass) : null;
    k.attention(out, probs?.data ?? null, Q, K, V, offsets, H, A, headMask, readOffsets(pass));
    if (probs) see(pass, "attention.self.probs", probs);
  }
  keep(training?.record, { query, key, value, context });
  return see(pass, "attention.self", context);
}

/** Room for the probabilities, [B, A, T, T], zeros where a sequence is shorter. */
function probabilitiesOf({ k, offsets, config: { numAttentionHeads: A } }: LayerPass): Tensor {
  const T = longest(offsets);
  return k.zeros([offsets.length - 1, A, T, T]);
}

/**
 * The gradients of `selfAttention`: those of the equation (kernels/attention.ts), then those of three linear maps.
 *
 * On one page: `attention` in docs/reading/onePageTraining.ts.
 *
 * @param dcontext [M, H]
 * @param dx       [M, H], added to; null where it is not computed
 * @param dall     [R, H], added to: dx itself where all rows are computed; null where it is not computed
 */
export function selfAttentionBackward(
  { k, config, offsets, read, dropout, record }: LayerBackwardPass,
  p: SelfAttentionParams,
  gradients: GradientsOf<SelfAttentionParams>,
  dcontext: Tensor,
  dx: Tensor | null,
  dall: Tensor | null,
): void {
  const { x, all, query, key, value } = record;
  const [dquery, dkey, dvalue] = [query, key, value].map(({ shape }) => k.empty(shape));
  k.attentionBackward(
    dquery.data,
    dkey.data,
    dvalue.data,
    dcontext.data,
    query.data,
    key.data,
    value.data,
    offsets,
    x.shape[1],
    config.numAttentionHeads,
    dropout.probs,
    readOffsets({ read, offsets }),
  );
  linearBackward(k, p.query, gradients.query, x, dquery, dx);
  linearBackward(k, p.key, gradients.key, all, dkey, dall);
  linearBackward(k, p.value, gradients.value, all, dvalue, dall);
}
