import { exp, log } from "./transcendental.ts";

/** The label of a row that has none, as in PyTorch. */
export const IGNORED = -100;

/**
 * Cross-entropy of each row's softmax with its label, and its gradient. With p = softmax(z):
 *
 *     ℓ_r = −ln p_y = ln Σ_c e^(z_c − m) + m − z_y        ∂ℓ_r/∂z_c = p_c − [c = y]        m = max_c z_c
 *
 * Rows whose label is −100 count for nothing: their gradient is 0.
 *
 * On one page: `lossOf` in docs/reading/onePageTraining.ts.
 *
 * @param dlogits out [R, C], the gradient times `scale`; may be logits itself
 * @param logits  [R, C]
 * @param labels  [R], each in 0 … C−1 or −100
 * @param scale   what the gradient is multiplied by: 1 / (number of labelled rows) for the mean
 * @returns the sum of ℓ over the labelled rows; and in how many of them the label has the largest logit
 */
export function crossEntropy(
  dlogits: Float32Array,
  logits: Float32Array,
  labels: Int32Array,
  R: number,
  C: number,
  scale: number,
): { loss: number; correct: number } {
  let loss = 0;
  let correct = 0;
  for (let r = 0; r < R; r++) {
    const row = r * C;
    if (labels[r] === IGNORED) {
      dlogits.fill(0, row, row + C);
      continue;
    }
    let best = 0;
    for (let c = 1; c < C; c++) if (logits[row + c] > logits[row + best]) best = c;
    const max = logits[row + best];
    let sum = 0;
    for (let c = 0; c < C; c++) sum += exp(logits[row + c] - max);
    loss += log(sum) + max - logits[row + labels[r]];
    if (best === labels[r]) correct++;
    for (let c = 0; c < C; c++) {
      const p = exp(logits[row + c] - max) / sum;
      dlogits[row + c] = (c === labels[r] ? p - 1 : p) * scale;
    }
  }
  return { loss, correct };
}
