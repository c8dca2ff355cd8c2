import { addAndNorm } from "../layers/addAndNorm.ts";
import { feedForward } from "../layers/feedForward.ts";
import { gather } from "../layers/gather.ts";
import { linear } from "../layers/linear.ts";
import { selfAttention } from "../layers/selfAttention.ts";
import { scoped, type Tap } from "../layers/tap.ts";
import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BertConfig } from "./config.ts";
import type { EncoderLayerParams } from "./params.ts";
import type { ReadRows } from "./readRows.ts";

/**
 * One Transformer block, post-norm as in BERT:
 *
 *     x′ = LayerNorm(x + Attention(x))        y = LayerNorm(x′ + FFN(x′))
 *
 * @param x        [R, H]
 * @param offsets  [B + 1]
 * @param headMask [A]
 * @param read     the rows of y that are wanted; all if left out
 * @returns        [R, H], or [M, H] of M wanted rows
 */
function encoderLayer(
  k: Backend,
  p: EncoderLayerParams,
  x: Tensor,
  offsets: Int32Array,
  c: BertConfig,
  headMask?: ArrayLike<number>,
  tap?: Tap,
  read?: ReadRows,
): Tensor {
  const queries = read ? { x: gather(k, x, read.rows), offsets: read.offsets } : { x, offsets };
  const context = selfAttention(
    k,
    p.attention.self,
    x,
    offsets,
    c.numAttentionHeads,
    headMask,
    scoped(tap, "attention.self"),
    queries,
  );
  tap?.see("attention.self", context);
  const projected = linear(k, p.attention.output.dense, context);
  tap?.see("attention.output.dense", projected);
  const attended = addAndNorm(k, p.attention.output.LayerNorm, projected, queries.x, c.layerNormEps); // x′
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
 * @param read     the rows that are wanted of the last block; null if all
 * @param headMask [L, A]
 * @returns        [R, H], or [M, H] of M wanted rows
 */
export function* encoder(
  k: Backend,
  layers: readonly EncoderLayerParams[],
  x: Tensor,
  offsets: Int32Array,
  c: BertConfig,
  read: ReadRows | null,
  headMask?: readonly ArrayLike<number>[],
  tap?: Tap,
): Generator<void, Tensor> {
  let kept = k.scope(); // what the layer before has returned
  for (const [n, p] of layers.entries()) {
    const next = k.scope();
    const working = next.scope();
    const wanted = n === layers.length - 1 ? read : null;
    x = encoderLayer(working, p, x, offsets, c, headMask?.[n], scoped(tap, `layer.${n}`), wanted ?? undefined);
    working.release(x);
    kept.release();
    kept = next;
    tap?.see(`layer.${n}`, x);
    yield;
  }
  kept.release(x);
  return x;
}
