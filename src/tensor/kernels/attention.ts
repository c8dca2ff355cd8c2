import type { Matrix } from "../tensor.ts";
import { type DropoutMask, dropoutWindow } from "./dropout.ts";
import { matmul, matmulTransposed, transposedMatmul } from "./matmul.ts";
import { softmaxRows, softmaxRowsBackward } from "./softmax.ts";

/**
 * Scaled dot-product attention of every head in every sequence (Vaswani et al. 2017, eq. 1 and §3.2.2):
 *
 *     out_a = softmax(Q_a K_aᵀ / √D) V_a · headMask_a
 *
 * Each token attends to the tokens of its own sequence and to nothing else.
 *
 * On one page: `attention` in docs/reading/onePage.ts.
 *
 * @param out      out [M, H], the heads side by side
 * @param probs    out [B, A, T, T], T the longest sequence, untouched past a sequence's end; not kept if null
 * @param query    [M, H] @param key [R, H] @param value [R, H]
 * @param offsets  [B + 1], sequence b is rows offsets[b] … offsets[b+1] − 1 of key and value
 * @param headMask [A], or null for ones
 * @param readOffsets [B + 1], sequence b is these rows of out and query; given where only some rows are read
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
  readOffsets: Int32Array = offsets,
): void {
  const D = H / A; // d_k = d_v of Vaswani et al.
  const T = longest(offsets);
  const data = probs ?? new Float32Array(T * T);
  for (let b = 0; b < offsets.length - 1; b++) {
    for (let a = 0; a < A; a++) {
      const Q = headOf(query, readOffsets, b, a, H, D); // [m, D], m tokens of the sequence are read
      const K = headOf(key, offsets, b, a, H, D); //        [t, D], t tokens are in it
      const V = headOf(value, offsets, b, a, H, D); //      [t, D]
      const P = { data, offset: probs ? (b * A + a) * T * T : 0, rows: Q.rows, cols: K.rows, stride: T };

      matmulTransposed(P, Q, K, 1 / Math.sqrt(D)); // [m, t]  Q Kᵀ / √D
      softmaxRows(P); //                              [m, t]  softmax(Q Kᵀ / √D)
      matmul(headOf(out, readOffsets, b, a, H, D), P, V, headMask?.[a] ?? 1); // [m, D]  … V · headMask_a
    }
  }
}

/**
 * Head a of sequence b of a matrix [R, H]: columns aD … (a+1)D − 1 of the sequence's rows. It is a window, so nothing
 * is transposed or copied.
 *
 * On one page: `attention` in docs/reading/onePageTraining.ts.
 *
 * @param offsets [B + 1], sequence b is rows offsets[b] … offsets[b+1] − 1
 */
export function headOf(data: Float32Array, offsets: Int32Array, b: number, a: number, H: number, D: number): Matrix {
  return { data, offset: offsets[b] * H + a * D, rows: offsets[b + 1] - offsets[b], cols: D, stride: H };
}

/**
 * `attention` with dropout on the probabilities, as BERT has it while training:
 *
 *     P = softmax(Q_a K_aᵀ / √D)        out_a = dropout(P) V_a
 *
 * Row m of head a's probabilities, m among all rows of query, is row a · M + m of the dropout (`dropoutWindow`).
 *
 * @param out, query            [M, H]
 * @param key, value            [R, H]
 * @param offsets, readOffsets [B + 1], as in `attention`
 */
export function attentionWithDropout(
  out: Float32Array,
  query: Float32Array,
  key: Float32Array,
  value: Float32Array,
  offsets: Int32Array,
  H: number,
  A: number,
  mask: DropoutMask,
  readOffsets: Int32Array = offsets,
): void {
  const D = H / A;
  const B = offsets.length - 1;
  const M = readOffsets[B];
  const T = longest(offsets);
  const scores = new Float32Array(T * T);
  for (let b = 0; b < B; b++) {
    for (let a = 0; a < A; a++) {
      const P = probabilities(scores, headOf(query, readOffsets, b, a, H, D), headOf(key, offsets, b, a, H, D));
      dropoutWindow(P, P, a * M + readOffsets[b], T, mask);
      matmul(headOf(out, readOffsets, b, a, H, D), P, headOf(value, offsets, b, a, H, D), 1);
    }
  }
}

/**
 * The gradients of `attention` (of `attentionWithDropout` where a mask is given), from the equations backwards. P is
 * computed again, not kept: T numbers for each token and head would be more than all else that backward needs. With
 * P̃ = dropout(P):
 *
 *     dV = P̃ᵀ dO        dP̃ = dO Vᵀ        dP = dropout(dP̃)        dS = P ⊙ (dP − Σ_j dP_j P_j)  by row
 *     dQ = dS K / √D        dK = dSᵀ Q / √D
 *
 * On one page: `attention` in docs/reading/onePageTraining.ts.
 *
 * @param dquery      out [M, H], written as a whole
 * @param dkey, dvalue out [R, H], written as a whole
 * @param dout        [M, H]
 * @param query       [M, H]
 * @param key, value  [R, H]
 * @param offsets     [B + 1] @param readOffsets [B + 1], as in `attention`
 * @param mask        that of the forward pass; null without dropout
 */
export function attentionBackward(
  dquery: Float32Array,
  dkey: Float32Array,
  dvalue: Float32Array,
  dout: Float32Array,
  query: Float32Array,
  key: Float32Array,
  value: Float32Array,
  offsets: Int32Array,
  H: number,
  A: number,
  mask: DropoutMask | null,
  readOffsets: Int32Array = offsets,
): void {
  const D = H / A;
  const B = offsets.length - 1;
  const M = readOffsets[B];
  const T = longest(offsets);
  const scale = 1 / Math.sqrt(D);
  const [scores, gradients, dropped] = [0, 1, 2].map(() => new Float32Array(T * T));
  for (let b = 0; b < B; b++) {
    for (let a = 0; a < A; a++) {
      const Q = headOf(query, readOffsets, b, a, H, D);
      const K = headOf(key, offsets, b, a, H, D);
      const V = headOf(value, offsets, b, a, H, D);
      const dO = headOf(dout, readOffsets, b, a, H, D);
      const P = probabilities(scores, Q, K);
      const dP: Matrix = { ...P, data: gradients };
      const P̃: Matrix = mask ? { ...P, data: dropped } : P;
      const row = a * M + readOffsets[b];

      if (mask) dropoutWindow(P̃, P, row, T, mask);
      transposedMatmul(headOf(dvalue, offsets, b, a, H, D), P̃, dO, 1);
      matmulTransposed(dP, dO, V, 1);
      if (mask) dropoutWindow(dP, dP, row, T, mask);
      softmaxRowsBackward(dP, P); // dS
      matmul(headOf(dquery, readOffsets, b, a, H, D), dP, K, scale);
      transposedMatmul(headOf(dkey, offsets, b, a, H, D), dP, Q, scale);
    }
  }
}

/** P = softmax(Q Kᵀ / √D). @returns [queries, keys], a window on `scores` */
function probabilities(scores: Float32Array, Q: Matrix, K: Matrix): Matrix {
  const P: Matrix = { data: scores, offset: 0, rows: Q.rows, cols: K.rows, stride: K.rows };
  matmulTransposed(P, Q, K, 1 / Math.sqrt(Q.cols));
  softmaxRows(P);
  return P;
}

/** T, the length of the longest sequence. @param offsets [B + 1] */
export function longest(offsets: Int32Array): number {
  let T = 0;
  for (let b = 1; b < offsets.length; b++) T = Math.max(T, offsets[b] - offsets[b - 1]);
  return T;
}
