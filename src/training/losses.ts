import { IGNORED } from "../tensor/kernels/crossEntropy.ts";
import { exp, log1p, sigmoid } from "../tensor/kernels/transcendental.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";

/**
 * A loss over a batch, always a mean. Its gradient by the logits replaces the logits: every function here takes them in
 * and leaves the gradient, times `scale`, in their place.
 */
export interface Loss {
  /** The mean over what was counted; NaN where nothing was counted. */
  readonly loss: number;
  /** Over how many numbers the mean is. */
  readonly count: number;
  /** How many of them have the largest logit at the label, for losses of classes. */
  readonly correct?: number;
}

/**
 * Mean cross-entropy over the labelled rows (PyTorch's CrossEntropyLoss), see kernels/crossEntropy.ts:
 *
 *     L = −1/n Σ_r ln softmax(z_r)[y_r]        ∂L/∂z = (softmax(z_r) − onehot(y_r)) / n        n rows have a label
 *
 * @param logits [R, C] in, gradient out
 * @param labels [R], −100 for a row without label
 */
export function crossEntropyLoss(k: TrainingBackend, logits: Tensor, labels: Int32Array, scale: number): Loss {
  const [R, C] = logits.shape;
  const count = labels.reduce((n, label) => (label === IGNORED ? n : n + 1), 0);
  const sum = k.crossEntropy(logits.data, logits.data, labels, R, C, scale / Math.max(count, 1));
  return { loss: sum.loss / count, count, correct: sum.correct };
}

/**
 * Mean binary cross-entropy of sigmoids (PyTorch's BCEWithLogitsLoss), for labels that do not exclude each other:
 *
 *     L = 1/n Σ binaryCrossEntropy(z, y)        ∂L/∂z = (σ(z) − y) / n
 *
 * @param logits  [B, labels] in, gradient out
 * @param targets [B, labels], each from 0 to 1
 */
export function binaryCrossEntropyLoss({ data }: Tensor, targets: ArrayLike<number>, scale: number): Loss {
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    const z = data[i];
    sum += binaryCrossEntropy(z, targets[i]);
    data[i] = ((sigmoid(z) - targets[i]) * scale) / data.length;
  }
  return { loss: sum / data.length, count: data.length };
}

/** −y ln σ(z) − (1 − y) ln (1 − σ(z)) = max(z, 0) − z y + ln(1 + e^(−|z|)), which neither overflows nor cancels. */
export function binaryCrossEntropy(z: number, y: number): number {
  return Math.max(z, 0) - z * y + log1p(exp(-Math.abs(z)));
}

/**
 * Mean squared error (PyTorch's MSELoss), for regression:
 *
 *     L = 1/n Σ (z − y)²        ∂L/∂z = 2 (z − y) / n
 *
 * @param logits  [B, N] in, gradient out
 * @param targets [B, N]
 */
export function meanSquaredError({ data }: Tensor, targets: ArrayLike<number>, scale: number): Loss {
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    const difference = data[i] - targets[i];
    sum += difference * difference;
    data[i] = (2 * difference * scale) / data.length;
  }
  return { loss: sum / data.length, count: data.length };
}

/**
 * The loss of a span's start and end (Devlin et al. 2019, §4.2): the mean of two cross-entropies, each over the tokens
 * of its sequence:
 *
 *     L = ½ (−1/n Σ_b ln softmax(z_b,start)[s_b] − 1/n′ Σ_b ln softmax(z_b,end)[e_b])
 *
 * A position that is no token of its sequence (after a truncation, say) is not counted. Hugging Face's softmax also
 * runs over padding, so its loss depends on how long the batch's other sequences are; ours is that of unpadded
 * sequences.
 *
 * @param logits    [R, 2], column 0 for the start, in; gradient out
 * @param offsets   [B + 1]
 * @param positions [B] of the starts and [B] of the ends, counted from the sequence's first packed token
 */
export function spanLoss(
  k: TrainingBackend,
  logits: Tensor,
  offsets: Int32Array,
  positions: readonly [starts: Int32Array, ends: Int32Array],
  scale: number,
): { readonly start: Loss; readonly end: Loss } {
  const column = (side: 0 | 1): Loss => {
    const lengthOf = (b: number) => offsets[b + 1] - offsets[b];
    const labels = positions[side].map((at, b) => (at >= 0 && at < lengthOf(b) ? at : IGNORED));
    const count = labels.reduce((n, label) => (label === IGNORED ? n : n + 1), 0);
    let [loss, correct] = [0, 0];
    labels.forEach((label, b) => {
      const at = (t: number) => (offsets[b] + t) * 2 + side;
      const row = k.empty([1, lengthOf(b)]);
      for (let t = 0; t < row.data.length; t++) row.data[t] = logits.data[at(t)];
      const share = scale / 2 / Math.max(count, 1);
      const sum = k.crossEntropy(row.data, row.data, Int32Array.of(label), 1, row.data.length, share);
      for (let t = 0; t < row.data.length; t++) logits.data[at(t)] = row.data[t];
      loss += sum.loss;
      correct += sum.correct;
    });
    return { loss: loss / count, count, correct };
  };
  return { start: column(0), end: column(1) };
}
