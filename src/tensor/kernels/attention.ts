import type { Matrix } from "../tensor.ts";
import { type DropoutMask, dropoutWindow } from "./dropout.ts";
import { matmul, matmulTransposed, transposedMatmul } from "./matmul.ts";
import { softmaxRows, softmaxRowsBackward } from "./softmax.ts";

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
  const T = longest(offsets);
  for (const { b, a, asking, head } of heads(offsets, queryOffsets, H, A)) {
    const Q = asking(query);
    const P: Matrix = {
      data: probs ?? scores,
      offset: probs ? (b * A + a) * T * T : 0,
      rows: Q.rows,
      cols: offsets[b + 1] - offsets[b],
      stride: T,
    };
    k.matmulTransposed(P, Q, head(key), 1 / Math.sqrt(Q.cols)); // Q_a K_aᵀ / √D
    k.softmaxRows(P);
    k.matmul(asking(out), P, head(value), headMask?.[a] ?? 1); //  · V_a
  }
}

/** One head of one sequence, and its windows on query and out (`asking`) and on key and value (`head`). */
interface Head {
  readonly b: number;
  readonly a: number;
  asking(data: Float32Array): Matrix;
  head(data: Float32Array): Matrix;
}

function* heads(offsets: Int32Array, queryOffsets: Int32Array, H: number, A: number): Generator<Head, void> {
  // Head a of sequence b is columns [aD, (a+1)D) of its rows: a window, so nothing is transposed or copied.
  const D = H / A;
  const window = (data: Float32Array, rows: Int32Array, b: number, a: number): Matrix => ({
    data,
    offset: rows[b] * H + a * D,
    rows: rows[b + 1] - rows[b],
    cols: D,
    stride: H,
  });
  for (let b = 0; b < offsets.length - 1; b++) {
    for (let a = 0; a < A; a++) {
      const asking = (data: Float32Array) => window(data, queryOffsets, b, a);
      yield { b, a, asking, head: (data) => window(data, offsets, b, a) };
    }
  }
}

/**
 * `attention` with dropout on the probabilities, as BERT has it while training:
 *
 *     P = softmax(Q_a K_aᵀ / √D)        out_a = dropout(P) V_a
 *
 * Row m of head a's probabilities, m among all rows of query, is row a · M + m of the dropout (`dropoutWindow`).
 *
 * @param out [M, H] @param query [M, H] @param key, value [R, H] @param offsets, queryOffsets [B + 1], as in `attention`
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
  queryOffsets: Int32Array = offsets,
): void {
  const T = longest(offsets);
  const scores = new Float32Array(T * T);
  for (const { b, a, asking, head } of heads(offsets, queryOffsets, H, A)) {
    const P = probabilities(scores, asking(query), head(key));
    dropoutWindow(P, P, a * queryOffsets[offsets.length - 1] + queryOffsets[b], T, mask);
    matmul(asking(out), P, head(value), 1);
  }
}

/**
 * The gradients of `attention` (of `attentionWithDropout` where a mask is given), from the equations backwards. P is computed
 * again, not kept: T numbers for each token and head would be more than all else that backward needs. With P̃ = dropout(P):
 *
 *     dV = P̃ᵀ dO        dP̃ = dO Vᵀ        dP = dropout(dP̃)        dS = P ⊙ (dP − Σ_j dP_j P_j)  by row
 *     dQ = dS K / √D        dK = dSᵀ Q / √D
 *
 * @param dquery      out [M, H], written as a whole
 * @param dkey, dvalue out [R, H], written as a whole
 * @param dout        [M, H]
 * @param query       [M, H]
 * @param key, value  [R, H]
 * @param offsets     [B + 1] @param queryOffsets [B + 1], as in `attention`
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
  queryOffsets: Int32Array = offsets,
): void {
  const T = longest(offsets);
  const [scores, gradients, dropped] = [0, 1, 2].map(() => new Float32Array(T * T));
  for (const { b, a, asking, head } of heads(offsets, queryOffsets, H, A)) {
    const [Q, K, V, dO] = [asking(query), head(key), head(value), asking(dout)];
    const scale = 1 / Math.sqrt(Q.cols);
    const P = probabilities(scores, Q, K);
    const dP: Matrix = { ...P, data: gradients };
    const P̃: Matrix = mask ? { ...P, data: dropped } : P;
    const row = a * queryOffsets[offsets.length - 1] + queryOffsets[b];

    if (mask) dropoutWindow(P̃, P, row, T, mask);
    transposedMatmul(head(dvalue), P̃, dO, 1);
    matmulTransposed(dP, dO, V, 1);
    if (mask) dropoutWindow(dP, dP, row, T, mask);
    softmaxRowsBackward(dP, P); // dS
    matmul(asking(dquery), dP, K, scale);
    transposedMatmul(head(dkey), dP, Q, scale);
  }
}

/** softmax(Q Kᵀ / √D). @returns [queries, keys] in `scores` */
function probabilities(scores: Float32Array, Q: Matrix, K: Matrix): Matrix {
  const P: Matrix = { data: scores, offset: 0, rows: Q.rows, cols: K.rows, stride: K.rows };
  matmulTransposed(P, Q, K, 1 / Math.sqrt(Q.cols));
  softmaxRows(P);
  return P;
}

/** The length of the longest sequence. */
export function longest(offsets: Int32Array): number {
  let T = 0;
  for (let b = 1; b < offsets.length; b++) T = Math.max(T, offsets[b] - offsets[b - 1]);
  return T;
}
