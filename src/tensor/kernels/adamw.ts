/** The numbers of one AdamW update; `adamw` in training/adamwStep.ts makes them of options and step. */
export interface AdamWUpdate {
  /** What the gradient is multiplied by first: 1, or less where it is clipped. */
  readonly gradientScale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** c₁: the learning rate / (1 − β₁ᵗ), or the learning rate without bias correction. */
  readonly stepSize: number;
  /** c₂: √(1 − β₂ᵗ), or 1 without bias correction. */
  readonly correction: number;
  /** λ: what each weight loses of itself, learning rate · weight decay. */
  readonly decay: number;
}

/**
 * One step of Adam with decoupled weight decay (Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2)
 * for each number w with gradient g:
 *
 *     m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²        w ← w − λ w − c₁ m / (√v / c₂ + ε)
 *
 * On one page: `adamw` in docs/reading/onePageTraining.ts.
 *
 * @param weight       [N], updated
 * @param firstMoment  [N], m, updated
 * @param secondMoment [N], v, updated
 * @param gradient     [N]
 */
export function adamw(
  weight: Float32Array,
  firstMoment: Float32Array,
  secondMoment: Float32Array,
  gradient: Float32Array,
  { gradientScale, beta1, beta2, epsilon, stepSize, correction, decay }: AdamWUpdate,
): void {
  for (let i = 0; i < weight.length; i++) {
    const g = gradient[i] * gradientScale;
    const m = beta1 * firstMoment[i] + (1 - beta1) * g;
    const v = beta2 * secondMoment[i] + (1 - beta2) * g * g;
    firstMoment[i] = m;
    secondMoment[i] = v;
    weight[i] -= decay * weight[i] + (stepSize * m) / (Math.sqrt(v) / correction + epsilon);
  }
}

/** Σ x². @param x [N] */
export function sumOfSquares(x: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  return sum;
}
