import type { Matrix } from "../tensor.ts";
import { ACTIVATIONS, type Activation } from "./activations.ts";
import { productInBlocks, TILE } from "./matmulBlocked.ts";
import { type Addend, columnsOf, type Operand, rowsOf } from "./operand.ts";

/**
 * The definition of every matrix product here, three loops:
 *
 *     out[m, n] = scale · Σₖ a[m, k] b[k, n] + addend[m, n]
 *
 * Each element is one sum in float64, k = 0, 1, 2, … in order, rounded to float32 once, when it is stored.
 *
 * On one page: `dot` in docs/reading/onePage.ts.
 *
 * @param out    [M, N]; must not overlap a or b
 * @param a      M rows of K numbers
 * @param b      N columns of K numbers
 * @param addend [M, N], which may be out itself; zeros if null
 */
export function productByDefinition(
  out: Matrix,
  a: Operand,
  b: Operand,
  K: number,
  scale: number,
  addend: Addend | null,
): void {
  for (let m = 0; m < a.count; m++) {
    for (let n = 0; n < b.count; n++) {
      let sum = 0;
      for (let k = 0, i = a.offset + m * a.step, j = b.offset + n * b.step; k < K; k++, i += a.next, j += b.next) {
        sum += a.data[i] * b.data[j];
      }
      const product = sum * scale;
      out.data[out.offset + m * out.stride + n] =
        addend === null ? product : product + addend.data[addend.offset + m * addend.stride + n];
    }
  }
}

/**
 * `productByDefinition`, or its blocked form, whichever is faster: both give the same bits. For one row the definition
 * has 1.8 GFLOP/s against 0.9, as filling a panel costs as much as three rows of sums.
 */
function multiply(out: Matrix, a: Operand, b: Operand, K: number, scale: number, addend: Addend | null): void {
  if (a.count < TILE) productByDefinition(out, a, b, K, scale, addend);
  else productInBlocks(out, a, b, K, scale, addend);
}

/**
 * out = scale · a b
 *
 * On one page: `attention` in docs/reading/onePage.ts.
 *
 * @param out [M, N]; must not overlap a or b
 * @param a   [M, K]
 * @param b   [K, N]
 */
export function matmul(out: Matrix, a: Matrix, b: Matrix, scale: number): void {
  multiply(out, rowsOf(a), columnsOf(b), a.cols, scale, null);
}

/**
 * out = scale · a bᵀ
 *
 * On one page: `attention` in docs/reading/onePage.ts.
 *
 * @param out [M, N]; must not overlap a or b
 * @param a   [M, K]
 * @param b   [N, K]
 */
export function matmulTransposed(out: Matrix, a: Matrix, b: Matrix, scale: number): void {
  multiply(out, rowsOf(a), rowsOf(b), a.cols, scale, null);
}

/**
 * out = scale · aᵀ b
 *
 * On one page: `attention` in docs/reading/onePageTraining.ts.
 *
 * @param out [M, N]; must not overlap a or b
 * @param a   [K, M]
 * @param b   [K, N]
 */
export function transposedMatmul(out: Matrix, a: Matrix, b: Matrix, scale: number): void {
  multiply(out, columnsOf(a), columnsOf(b), a.rows, scale, null);
}

/**
 * y = act(x Wᵀ + b), with W as PyTorch's nn.Linear and the checkpoints hold it.
 *
 * On one page: `linear` in docs/reading/onePage.ts.
 *
 * @param y          out [R, O]; must not overlap x
 * @param x          [R, I]
 * @param weight     [O, I]
 * @param bias       [O]
 * @param activation which act; none if null
 */
export function linear(
  y: Float32Array,
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  R: number,
  I: number,
  O: number,
  activation: Activation | null = null,
): void {
  multiplyAdd(matrix(y, R, O), matrix(x, R, I), matrix(weight, O, I), bias);
  if (activation) ACTIVATIONS[activation](y, y);
}

/**
 * out = a bᵀ + bias
 *
 * On one page: `linear` in docs/reading/onePage.ts.
 *
 * @param out  [M, N]; must not overlap a or b
 * @param a    [M, K]
 * @param b    [N, K]
 * @param bias [N]
 */
export function multiplyAdd(out: Matrix, a: Matrix, b: Matrix, bias: Float32Array): void {
  multiply(out, rowsOf(a), rowsOf(b), a.cols, 1, { data: bias, offset: 0, stride: 0 });
}

/**
 * The gradient of `linear` without activation by its input. With y_ro = Σ_i x_ri W_oi + b_o:
 *
 *     ∂L/∂x_ri = Σ_o ∂L/∂y_ro W_oi        dx += dy W
 *
 * On one page: `linearMap` in docs/reading/onePageTraining.ts.
 *
 * @param dx     [R, I], added to
 * @param dy     [R, O]
 * @param weight [O, I], not packed
 */
export function linearBackwardInput(
  dx: Float32Array,
  dy: Float32Array,
  weight: Float32Array,
  R: number,
  I: number,
  O: number,
): void {
  const out = matrix(dx, R, I);
  multiply(out, rowsOf(matrix(dy, R, O)), columnsOf(matrix(weight, O, I)), O, 1, out);
}

/**
 * The gradients of `linear` without activation by its parameters:
 *
 *     dW += dyᵀ x        db += Σ_r dy_r
 *
 * On one page: `linearMap` in docs/reading/onePageTraining.ts.
 *
 * @param dweight [O, I], added to; null if it is not wanted
 * @param dbias   [O], added to; null if it is not wanted
 * @param dy      [R, O]
 * @param x       [R, I]
 */
export function linearBackwardWeight(
  dweight: Float32Array | null,
  dbias: Float32Array | null,
  dy: Float32Array,
  x: Float32Array,
  R: number,
  I: number,
  O: number,
): void {
  if (dweight) {
    const out = matrix(dweight, O, I);
    multiply(out, columnsOf(matrix(dy, R, O)), columnsOf(matrix(x, R, I)), R, 1, out);
  }
  if (dbias) {
    for (let o = 0; o < O; o++) {
      let sum = 0;
      for (let r = 0; r < R; r++) sum += dy[r * O + o];
      dbias[o] += sum;
    }
  }
}

/** A whole array as a matrix. */
function matrix(data: Float32Array, rows: number, cols: number): Matrix {
  return { data, offset: 0, rows, cols, stride: cols };
}
