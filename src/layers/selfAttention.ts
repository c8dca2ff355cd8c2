import type { Backend } from "../tensor/backend.ts";
import { longest } from "../tensor/kernels/attention.ts";
import type { DropoutMask } from "../tensor/kernels/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { GradientsOf } from "./gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "./linear.ts";
import type { Tap } from "./tap.ts";

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
 * Q, K and V are linear maps of x; the equation itself is kernels/attention.ts. Each token attends to the tokens of its
 * own sequence and to nothing else.
 *
 * @param x        [R, H], the sequences end to end
 * @param offsets  [B + 1], sequence b is rows offsets[b] … offsets[b+1] − 1
 * @param headMask [A], what each head's output is multiplied by; 0 silences a head
 * @param tap      sees query, key, value [R, H] and probs [B, A, T, T] (T the longest sequence, zeros past the others' ends)
 * @param queries  the rows [M, H] that ask, and their offsets [B + 1]; those of x if left out
 * @returns        [R, H], or [M, H]
 */
export function selfAttention(
  k: Backend,
  p: SelfAttentionParams,
  x: Tensor,
  offsets: Int32Array,
  A: number,
  headMask: ArrayLike<number> | undefined,
  tap?: Tap,
  queries: Queries = { x, offsets },
): Tensor {
  const H = x.shape[1];
  const B = offsets.length - 1;
  const T = longest(offsets);

  const q = linear(k, p.query, queries.x); // [M, H]   Q = X W_Qᵀ + b_Q
  tap?.see("query", q);
  const key = linear(k, p.key, x); // [R, H]   K
  tap?.see("key", key);
  const v = linear(k, p.value, x); // [R, H]   V
  tap?.see("value", v);

  const probs = tap?.wants("probs") ? k.zeros([B, A, T, T]) : null;
  const out = k.empty(queries.x.shape);
  const [masks, probsData] = [headMask ?? null, probs?.data ?? null];
  k.attention(out.data, probsData, q.data, key.data, v.data, offsets, H, A, masks, queries.offsets);
  if (probs) tap?.see("probs", probs);
  return out;
}

/** The rows of x that ask, [M, H], and their offsets, [B + 1]. */
export interface Queries {
  readonly x: Tensor;
  readonly offsets: Int32Array;
}

/** What the backward of selfAttention needs beside its inputs: 12H bytes per token. */
export interface SelfAttentionRecord {
  /** [M, H] */
  readonly query: Tensor;
  /** [R, H] */
  readonly key: Tensor;
  /** [R, H] */
  readonly value: Tensor;
}

/**
 * `selfAttention` with what its backward needs, and with dropout on the probabilities.
 *
 * @param x       [R, H]
 * @param offsets [B + 1]
 * @returns       out [M, H]
 */
export function recordedSelfAttention(
  k: TrainingBackend,
  p: SelfAttentionParams,
  x: Tensor,
  offsets: Int32Array,
  queries: Queries,
  A: number,
  mask: DropoutMask | null,
): { out: Tensor; record: SelfAttentionRecord } {
  const H = x.shape[1];
  const record = { query: linear(k, p.query, queries.x), key: linear(k, p.key, x), value: linear(k, p.value, x) };
  const [q, key, v] = [record.query.data, record.key.data, record.value.data];
  const out = k.empty(queries.x.shape);
  if (mask) k.attentionWithDropout(out.data, q, key, v, offsets, H, A, mask, queries.offsets);
  else k.attention(out.data, null, q, key, v, offsets, H, A, null, queries.offsets);
  return { out, record };
}

/**
 * The gradients of `recordedSelfAttention`: those of the equation (kernels/attention.ts), then those of three linear maps.
 *
 * @param dout     [M, H]
 * @param dx       [R, H], added to; null if nobody wants it
 * @param dqueries [M, H], added to: dx itself where every token asks; null if nobody wants it
 */
export function selfAttentionBackward(
  k: TrainingBackend,
  p: SelfAttentionParams,
  gradients: GradientsOf<SelfAttentionParams>,
  { query, key, value }: SelfAttentionRecord,
  x: Tensor,
  offsets: Int32Array,
  queries: Queries,
  A: number,
  mask: DropoutMask | null,
  dout: Tensor,
  dx: Tensor | null,
  dqueries: Tensor | null,
): void {
  const [dq, dk, dv] = [query, key, value].map(({ shape }) => k.empty(shape));
  k.attentionBackward(
    dq.data,
    dk.data,
    dv.data,
    dout.data,
    query.data,
    key.data,
    value.data,
    offsets,
    x.shape[1],
    A,
    mask,
    queries.offsets,
  );
  linearBackward(k, p.query, gradients.query, queries.x, dq, dqueries);
  linearBackward(k, p.key, gradients.key, x, dk, dx);
  linearBackward(k, p.value, gradients.value, x, dv, dx);
}
