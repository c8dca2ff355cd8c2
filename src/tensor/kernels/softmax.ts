import type { Matrix } from "../tensor.ts";
import { exp } from "./transcendental.ts";

/**
 * Softmax of each row, in place (Vaswani et al. 2017, eq. 1, after the scores):
 *
 *     p_j = e^(s_j − m) / Σ_k e^(s_k − m)        m = max_k s_k, so that nothing overflows
 *
 * Only the columns of the window take part. Padding is never among them, so no score needs to be masked with −∞.
 *
 * On one page: `softmax` in docs/reading/onePage.ts.
 *
 * @param scores [T, T] in, probabilities out; a row that holds NaN becomes NaN throughout
 */
export function softmaxRows(scores: Matrix): void {
  const { data, offset, rows, cols, stride } = scores;
  for (let r = 0; r < rows; r++) {
    const row = offset + r * stride;
    let max = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < cols; c++) if (data[row + c] > max) max = data[row + c];
    let sum = 0;
    for (let c = 0; c < cols; c++) {
      const e = exp(data[row + c] - max);
      data[row + c] = e;
      sum += e;
    }
    for (let c = 0; c < cols; c++) data[row + c] /= sum;
  }
}

/**
 * The gradient of `softmaxRows`, in place. With ∂p_j/∂s_k = p_j (δ_jk − p_k):
 *
 *     ds_k = Σ_j dp_j ∂p_j/∂s_k = p_k (dp_k − Σ_j dp_j p_j)
 *
 * On one page: `attention` in docs/reading/onePageTraining.ts.
 *
 * @param gradient [T, T] dp in, ds out
 * @param probs    [T, T], what softmaxRows returned
 */
export function softmaxRowsBackward(gradient: Matrix, probs: Matrix): void {
  for (let r = 0; r < probs.rows; r++) {
    const d = gradient.offset + r * gradient.stride;
    const p = probs.offset + r * probs.stride;
    let mean = 0; // of dp under the distribution p
    for (let c = 0; c < probs.cols; c++) mean += gradient.data[d + c] * probs.data[p + c];
    for (let c = 0; c < probs.cols; c++) gradient.data[d + c] = probs.data[p + c] * (gradient.data[d + c] - mean);
  }
}

/**
 * The sum that a softmax divides by, as m and Σ_i e^(z_i − m) with m = max z, so that nothing overflows. The
 * log-sum-exp is
 *
 *     ln Σ_i e^(z_i) = m + ln Σ_i e^(z_i − m)
 *
 * and with it −ln softmax(z)_y = ln Σ_i e^(z_i) − z_y.
 *
 * On one page: `lossOf` in docs/reading/onePageTraining.ts.
 *
 * @param values z, the `count` numbers from `from` on
 * @returns NaN as the sum where a number is NaN or the largest is infinite
 */
export function sumOfExponentials(
  values: ArrayLike<number>,
  from: number,
  count: number,
): { readonly max: number; readonly sum: number } {
  // Plain loops: over 28,996 numbers they take 1 ms, `reduce` and `from` 5.
  let max = Number.NEGATIVE_INFINITY;
  for (let i = from; i < from + count; i++) if (!(values[i] <= max)) max = values[i];
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += exp(values[i] - max);
  return { max, sum };
}
