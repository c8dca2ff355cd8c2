import type { Matrix } from "../tensor.ts";
import { exp } from "./transcendental.ts";

/**
 * Softmax of each row, in place (Vaswani et al. 2017, eq. 1, after the scores):
 *
 *     p_j = e^(s_j − m) / Σ_k e^(s_k − m)        m = max_k s_k, so that nothing overflows
 *
 * Only the columns of the window take part. Padding is never among them, so no score needs to be masked with −∞.
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
