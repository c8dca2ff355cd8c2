import type { Matrix } from "../tensor.ts";
import { matmul, matmulTransposed } from "./matmul.ts";
import { softmaxRows } from "./softmax.ts";

/** The kernels that attention is made of. */
export interface AttentionSteps {
  matmul(out: Matrix, a: Matrix, b: Matrix, scale: number): void;
  matmulTransposed(out: Matrix, a: Matrix, b: Matrix, scale: number): void;
  softmaxRows(scores: Matrix): void;
}

/**
 * Scaled dot-product attention of every head in every sequence (Vaswani et al. 2017, eq. 1 and §3.2.2):
 *
 *     out_a = softmax(Q_a K_aᵀ / √D) V_a · headMask_a
 *
 * Each token attends to the tokens of its own sequence and to nothing else.
 *
 * @param out      out [M, H], the heads side by side
 * @param probs    out [B, A, T, T], T the longest sequence, untouched past a sequence's end; null if nobody wants them
 * @param query    [M, H] @param key [R, H] @param value [R, H]
 * @param offsets  [B + 1], sequence b is rows offsets[b] … offsets[b+1] − 1 of key and value
 * @param headMask [A], or null for ones
 * @param queryOffsets [B + 1], the same for out and query, where not every token asks
 */
export function attention(
  out: Float32Array,
  probs: Float32Array | null,
  query: Float32Array,
  key: Float32Array,
  value: Float32Array,
  offsets: Int32Array,
  H: number,
  A: number,
  headMask: ArrayLike<number> | null,
  queryOffsets: Int32Array = offsets,
): void {
  const T = longest(offsets);
  const scores = new Float32Array(probs ? 0 : T * T);
  eachHead(STEPS, scores, out, probs, query, key, value, offsets, H, A, headMask, queryOffsets);
}

const STEPS: AttentionSteps = { matmul, matmulTransposed, softmaxRows };

/** As `attention`, head after head, in the given steps. @param scores [T, T], room for one head's where probs is null */
export function eachHead(
  k: AttentionSteps,
  scores: Float32Array,
  ...[out, probs, query, key, value, offsets, H, A, headMask, queryOffsets = offsets]: Parameters<typeof attention>
): void {
  const D = H / A;
  const T = longest(offsets);
  for (let b = 0; b < offsets.length - 1; b++) {
    const length = offsets[b + 1] - offsets[b];
    for (let a = 0; a < A; a++) {
      // Head a of sequence b is columns [aD, (a+1)D) of its rows: a window, so nothing is transposed or copied.
      const head = (data: Float32Array, first = offsets[b], rows = length): Matrix => ({
        data,
        offset: first * H + a * D,
        rows,
        cols: D,
        stride: H,
      });
      const asking = (data: Float32Array) => head(data, queryOffsets[b], queryOffsets[b + 1] - queryOffsets[b]);
      const P: Matrix = {
        data: probs ?? scores,
        offset: probs ? (b * A + a) * T * T : 0,
        rows: queryOffsets[b + 1] - queryOffsets[b],
        cols: length,
        stride: T,
      };
      k.matmulTransposed(P, asking(query), head(key), 1 / Math.sqrt(D)); // Q_a K_aᵀ / √D
      k.softmaxRows(P);
      k.matmul(asking(out), P, head(value), headMask?.[a] ?? 1); //         · V_a
    }
  }
}

/** The length of the longest sequence. */
export function longest(offsets: Int32Array): number {
  let T = 0;
  for (let b = 1; b < offsets.length; b++) T = Math.max(T, offsets[b] - offsets[b - 1]);
  return T;
}
