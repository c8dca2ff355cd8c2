import { IGNORED } from "../tensor/kernels/crossEntropy.ts";
import { sumOfExponentials } from "../tensor/kernels/softmax.ts";
import { exp, log, log1p, sigmoid } from "../tensor/kernels/transcendental.ts";
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

/** What makes cross-entropy count some classes more than others, and believe no label entirely. */
export interface CrossEntropyWeights {
  /** w, [C], each above 0; null for ones. */
  readonly classWeights: ArrayLike<number> | null;
  /** ε, from 0 to below 1. */
  readonly labelSmoothing: number;
}

/**
 * Cross-entropy with weights of classes and smoothed labels (PyTorch's CrossEntropyLoss with `weight` and
 * `label_smoothing`; Szegedy et al. 2016, §7). Each labelled row has the target q in place of one-hot:
 *
 *     q_c = (1 − ε) w_y [c = y] + ε/C w_c        Q = Σ_c q_c
 *     ℓ_r = Q ln Σ_c e^(z_c) − Σ_c q_c z_c       ∂ℓ_r/∂z_c = Q softmax(z)_c − q_c
 *     L = Σ_r ℓ_r / Σ_r w_(y_r)
 *
 * With ε = 0 it is the mean of cross-entropies, each weighted by its class; without weights it is what `LabelSmoother`
 * of transformers computes: (1 − ε) of the cross-entropy and ε of the mean of −ln softmax(z)_c over all classes. The
 * loops are ordinary ones in float64 on every backend, and take e^z once for each logit and once more for the gradient.
 *
 * @param logits [R, C] in, gradient out
 * @param labels [R], −100 for a row without label
 */
export function weightedCrossEntropyLoss(
  { data: z, shape: [R, C] }: Tensor,
  labels: Int32Array,
  { classWeights, labelSmoothing: epsilon }: CrossEntropyWeights,
  scale: number,
): Loss {
  const w = Float64Array.from({ length: C }, (_, c) => classWeights?.[c] ?? 1);
  const smooth = w.map((weight) => (epsilon / C) * weight);
  const allSmooth = smooth.reduce((sum, q) => sum + q, 0);
  let [count, weights, loss, correct] = [0, 0, 0, 0];
  for (const label of labels) if (label !== IGNORED) weights += w[label];
  for (let r = 0; r < R; r++) {
    const [row, label] = [r * C, labels[r]];
    if (label === IGNORED) {
      z.fill(0, row, row + C);
      continue;
    }
    count++;
    const sharp = (1 - epsilon) * w[label];
    const Q = sharp + allSmooth;
    const { max, sum } = sumOfExponentials(z, row, C);
    let mean = sharp * z[row + label]; // Σ q z
    for (let c = 0; c < C; c++) mean += smooth[c] * z[row + c];
    loss += Q * (log(sum) + max) - mean;
    if (firstAt(z, row, C, max) === label) correct++;
    for (let c = 0; c < C; c++) {
      const q = c === label ? sharp + smooth[c] : smooth[c];
      z[row + c] = (((Q * exp(z[row + c] - max)) / sum - q) * scale) / weights;
    }
  }
  return { loss: loss / weights, count, correct };
}

/** The first of a row's columns that has its maximum: of equal logits the first counts as the largest. */
function firstAt(values: Float32Array, row: number, columns: number, max: number): number {
  for (let c = 0; c < columns; c++) if (values[row + c] === max) return c;
  return -1; // NaN
}

/**
 * Mean binary cross-entropy of sigmoids (PyTorch's BCEWithLogitsLoss), for labels that do not exclude each other:
 *
 *     L = 1/n Σ binaryCrossEntropy(z, y, p)        ∂L/∂z = ((1 + (p − 1) y) σ(z) − p y) / n
 *
 * which is (σ(z) − y) / n where p is 1.
 *
 * @param logits    [B, labels] in, gradient out
 * @param targets   [B, labels], each from 0 to 1
 * @param posWeight p, how many times what is positive counts
 */
export function binaryCrossEntropyLoss(
  { data }: Tensor,
  targets: ArrayLike<number>,
  scale: number,
  posWeight: number = 1,
): Loss {
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    const [z, y] = [data[i], targets[i]];
    sum += binaryCrossEntropy(z, y, posWeight);
    const gradient = posWeight === 1 ? sigmoid(z) - y : (1 + (posWeight - 1) * y) * sigmoid(z) - posWeight * y;
    data[i] = (gradient * scale) / data.length;
  }
  return { loss: sum / data.length, count: data.length };
}

/**
 * Binary cross-entropy of a logit, as a sum that neither overflows nor cancels:
 *
 *     −p y ln σ(z) − (1 − y) ln (1 − σ(z)) = (1 − y) z + (1 + (p − 1) y) (max(−z, 0) + ln(1 + e^(−|z|)))
 *
 * @param p the weight of what is positive (PyTorch's `pos_weight`)
 */
export function binaryCrossEntropy(z: number, y: number, p: number = 1): number {
  const tail = log1p(exp(-Math.abs(z)));
  if (p === 1) return Math.max(z, 0) - z * y + tail;
  return (1 - y) * z + (1 + (p - 1) * y) * (Math.max(-z, 0) + tail);
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
