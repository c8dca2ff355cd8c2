import { addAndNorm } from "../layers/addAndNorm.ts";
import { feedForward } from "../layers/feedForward.ts";
import { linear } from "../layers/linear.ts";
import { selfAttention } from "../layers/selfAttention.ts";
import { scoped, type Tap } from "../layers/tap.ts";
import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BertConfig } from "./config.ts";
import type { EncoderLayerParams } from "./params.ts";

/**
 * One Transformer block, post-norm as in BERT:
 *
 *     x′ = LayerNorm(x + Attention(x))        y = LayerNorm(x′ + FFN(x′))
 *
 * @param x        [R, H]
 * @param offsets  [B + 1]
 * @param headMask [A]
 * @returns        [R, H]
 */
function encoderLayer(
  k: Backend,
  p: EncoderLayerParams,
  x: Tensor,
  offsets: Int32Array,
  c: BertConfig,
  headMask?: ArrayLike<number>,
  tap?: Tap,
): Tensor {
  const context = selfAttention(
    k,
    p.attention.self,
    x,
    offsets,
    c.numAttentionHeads,
    headMask,
    scoped(tap, "attention.self"),
  );
  tap?.see("attention.self", context);
  const projected = linear(k, p.attention.output.dense, context);
  tap?.see("attention.output.dense", projected);
  const attended = addAndNorm(k, p.attention.output.LayerNorm, projected, x, c.layerNormEps); // x′
  tap?.see("attention.output.LayerNorm", attended);
  tap?.see("attention.output", attended);
  tap?.see("attention", attended);

  const transformed = feedForward(k, p, attended, c.hiddenAct, tap); // FFN(x′)
  const y = addAndNorm(k, p.output.LayerNorm, transformed, attended, c.layerNormEps);
  tap?.see("output.LayerNorm", y);
  tap?.see("output", y);
  return y;
}

/**
 * The stack of L blocks. It pauses after each one: `forward` gives the event loop a turn there and looks at the
 * AbortSignal, `forwardSync` goes straight on.
 *
 * @param x        [R, H], the embeddings
 * @param offsets  [B + 1]
 * @param headMask [L, A]
 * @returns        [R, H]
 */
export function* encoder(
  k: Backend,
  layers: readonly EncoderLayerParams[],
  x: Tensor,
  offsets: Int32Array,
  c: BertConfig,
  headMask?: readonly ArrayLike<number>[],
  tap?: Tap,
): Generator<void, Tensor> {
  let kept = k.scope(); // what the layer before has returned
  for (const [n, p] of layers.entries()) {
    const next = k.scope();
    const working = next.scope();
    x = encoderLayer(working, p, x, offsets, c, headMask?.[n], scoped(tap, `layer.${n}`));
    working.release(x);
    kept.release();
    kept = next;
    tap?.see(`layer.${n}`, x);
    yield;
  }
  kept.release(x);
  return x;
}
