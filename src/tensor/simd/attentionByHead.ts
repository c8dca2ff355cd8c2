import type { Backend } from "../backend.ts";
import { headOf, longest } from "../kernels/attention.ts";

/**
 * `attention` of kernels/attention.ts, which says the shapes, as three kernels for each head: where the probabilities
 * are kept, or heads are not whole panels wide.
 *
 * @param k      the backend with the three kernels
 * @param scores [T, T], room for the probabilities of one head; not read where `probs` is given
 */
export function attentionByHead(
  k: Pick<Backend, "matmul" | "matmulTransposed" | "softmaxRows">,
  scores: Float32Array,
  out: Float32Array,
  probs: Float32Array | null,
  query: Float32Array,
  key: Float32Array,
  value: Float32Array,
  offsets: Int32Array,
  H: number,
  A: number,
  headMask: ArrayLike<number> | null,
  readOffsets: Int32Array,
): void {
  const D = H / A;
  const T = longest(offsets);
  const data = probs ?? scores;
  for (let b = 0; b < offsets.length - 1; b++) {
    for (let a = 0; a < A; a++) {
      const Q = headOf(query, readOffsets, b, a, H, D);
      const K = headOf(key, offsets, b, a, H, D);
      const V = headOf(value, offsets, b, a, H, D);
      const P = { data, offset: probs ? (b * A + a) * T * T : 0, rows: Q.rows, cols: K.rows, stride: T };
      k.matmulTransposed(P, Q, K, 1 / Math.sqrt(D));
      k.softmaxRows(P);
      k.matmul(headOf(out, readOffsets, b, a, H, D), P, V, headMask?.[a] ?? 1);
    }
  }
}
