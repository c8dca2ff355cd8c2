import type { Backend } from "../tensor/backend.ts";
import type { Matrix, Tensor } from "../tensor/tensor.ts";
import { type LinearParams, linear } from "./linear.ts";
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
 * Each token attends to the tokens of its own sequence and to nothing else.
 *
 * @param x        [R, H], the sequences end to end
 * @param offsets  [B + 1], sequence b is rows offsets[b] … offsets[b+1] − 1
 * @param headMask [A], what each head's output is multiplied by; 0 silences a head
 * @param tap      sees query, key, value [R, H] and probs [B, A, T, T] (T the longest sequence, zeros past the others' ends)
 * @returns        [R, H]
 */
export function selfAttention(
  k: Backend,
  p: SelfAttentionParams,
  x: Tensor,
  offsets: Int32Array,
  A: number,
  headMask: ArrayLike<number> | undefined,
  tap?: Tap,
): Tensor {
  const [R, H] = x.shape;
  const D = H / A;
  const B = offsets.length - 1;
  const T = longest(offsets);

  const q = linear(k, p.query, x); // [R, H]   Q = X W_Qᵀ + b_Q
  tap?.see("query", q);
  const key = linear(k, p.key, x); // [R, H]   K
  tap?.see("key", key);
  const v = linear(k, p.value, x); // [R, H]   V
  tap?.see("value", v);

  const keep = tap?.wants("probs") === true; // otherwise one head's probabilities are overwritten by the next one's
  const probs = k.zeros(keep ? [B, A, T, T] : [T, T]);
  const out = k.zeros([R, H]);
  for (let b = 0; b < B; b++) {
    const length = offsets[b + 1] - offsets[b];
    for (let a = 0; a < A; a++) {
      // Head a of sequence b is columns [aD, (a+1)D) of its rows: a window, so nothing is transposed or copied.
      const head = (t: Tensor): Matrix => ({
        data: t.data,
        offset: offsets[b] * H + a * D,
        rows: length,
        cols: D,
        stride: H,
      });
      const offset = keep ? (b * A + a) * T * T : 0;
      const P: Matrix = { data: probs.data, offset, rows: length, cols: length, stride: T };
      k.matmulTransposed(P, head(q), head(key), 1 / Math.sqrt(D)); // Q_a K_aᵀ / √D
      k.softmaxRows(P);
      k.matmul(head(out), P, head(v), headMask?.[a] ?? 1); //         · V_a
    }
  }
  if (keep) tap?.see("probs", probs);
  return out;
}

function longest(offsets: Int32Array): number {
  let T = 0;
  for (let b = 1; b < offsets.length; b++) T = Math.max(T, offsets[b] - offsets[b - 1]);
  return T;
}
