import { erf, erfc, exp, sigmoid, tanh as tanhOf } from "./transcendental.ts";

/** The activation functions that `linear` can end in, and that are kernels of their own, y[i] = act(x[i]). */
export const ACTIVATION_NAMES = ["gelu", "geluNew", "relu", "silu", "tanh"] as const;

/** An activation function that `linear` can end in, and that is a kernel of its own. */
export type Activation = (typeof ACTIVATION_NAMES)[number];

/** The name of the backward of an activation function. */
export type ActivationBackward = `${Activation}Backward`;

/** The names of the backwards of the activation functions. */
export const ACTIVATIONS_BACKWARD: readonly ActivationBackward[] = ACTIVATION_NAMES.map(
  (name) => `${name}Backward` as const,
);

/** 1/√(2π) */
const ONE_OVER_SQRT_TWO_PI = 0.3989422804014327;

/** Φ(x) = ½ (1 + erf(x/√2)); for negative x ½ erfc(−x/√2): 1 + erf would cancel to nothing below x = −5. */
export function normalDistribution(x: number): number {
  const z = x * Math.SQRT1_2;
  return 0.5 * (z < 0 ? erfc(-z) : 1 + erf(z));
}

/** φ(x) = Φ′(x) = e^(−x²/2) / √(2π) */
export function normalDensity(x: number): number {
  const z = x * Math.SQRT1_2;
  return exp(-z * z) * ONE_OVER_SQRT_TWO_PI;
}

/** gelu(x), see `gelu`. */
export function geluOf(x: number): number {
  return x * normalDistribution(x);
}

/** gelu′(x), see `geluBackward`. */
export function geluSlope(x: number): number {
  return normalDistribution(x) + x * normalDensity(x);
}

/**
 * Gaussian error linear unit in its exact form (Hendrycks & Gimpel 2016, §2), `hidden_act: "gelu"`:
 *
 *     gelu(x) = x Φ(x) = x · ½ (1 + erf(x/√2))        Φ the standard normal distribution function
 *
 * On one page: `gelu` in docs/reading/onePage.ts.
 *
 * @param y out [N]; may be x itself @param x [N]
 */
export function gelu(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) y[i] = geluOf(x[i]);
}

/**
 * dx = dy ⊙ gelu′(x). The derivative of x Φ(x), by the product rule:
 *
 *     gelu′(x) = Φ(x) + x φ(x)        φ(x) = Φ′(x) = e^(−x²/2) / √(2π)
 *
 * On one page: `activation` in docs/reading/onePageTraining.ts.
 *
 * @param dx out [N]; may be dy itself @param dy [N] @param x [N], what gelu was given
 */
export function geluBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) dx[i] = dy[i] * geluSlope(x[i]);
}

/** √(2/π) */
const SQRT_TWO_OVER_PI = 0.7978845608028654;

/**
 * The tanh approximation of GELU that Google's BERT code uses (Hendrycks & Gimpel 2016, §2), `hidden_act: "gelu_new"`:
 *
 *     y = ½ x (1 + tanh u) = x σ(2u)        u = √(2/π) (x + 0.044715 x³)
 *
 * @param y out [N]; may be x itself @param x [N]
 */
export function geluNew(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) {
    const v = x[i];
    const u = SQRT_TWO_OVER_PI * (v + 0.044715 * v * v * v);
    y[i] = v * sigmoid(2 * u);
  }
}

/**
 * dx = dy ⊙ geluNew′(x). With y = x σ(2u) and σ′ = σ (1 − σ):
 *
 *     geluNew′(x) = s + x s (1 − s) 2u′        s = σ(2u)        u′ = √(2/π) (1 + 3 · 0.044715 x²)
 *
 * @param dx out [N]; may be dy itself @param dy [N] @param x [N], what geluNew was given
 */
export function geluNewBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) {
    const v = x[i];
    const s = sigmoid(2 * SQRT_TWO_OVER_PI * (v + 0.044715 * v * v * v));
    const slope = SQRT_TWO_OVER_PI * (1 + 3 * 0.044715 * v * v);
    dx[i] = dy[i] * (s + v * s * (1 - s) * 2 * slope);
  }
}

/** Rectified linear unit, max(x, 0); NaN stays NaN. @param y out [N]; may be x itself @param x [N] */
export function relu(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i], 0);
}

/**
 * dx = dy where x > 0, else 0; at x = 0, where there is no derivative, 0 as in PyTorch.
 *
 * @param dx out [N]; may be dy itself @param dy [N] @param x [N], what relu was given
 */
export function reluBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) dx[i] = x[i] <= 0 ? 0 : dy[i]; // `<=`: where x is NaN, dx = dy
}

/**
 * Sigmoid linear unit, x σ(x) (Elfwing et al. 2017), also called swish.
 *
 * @param y out [N]; may be x itself
 * @param x [N]
 */
export function silu(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) y[i] = x[i] / (1 + exp(-x[i]));
}

/**
 * dx = dy ⊙ silu′(x), silu′(x) = s (1 + x (1 − s)) with s = σ(x).
 *
 * @param dx out [N]; may be dy itself @param dy [N] @param x [N], what silu was given
 */
export function siluBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) {
    const s = sigmoid(x[i]);
    dx[i] = dy[i] * s * (1 + x[i] * (1 - s));
  }
}

/**
 * Hyperbolic tangent, the pooler's activation function.
 *
 * On one page: `nextSentence` in docs/reading/onePage.ts.
 *
 * @param y out [N]; may be x itself @param x [N]
 */
export function tanh(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) y[i] = tanhOf(x[i]);
}

/**
 * dx = dy ⊙ (1 − y²), as tanh′ = 1 − tanh²: the one derivative that is read from the output.
 *
 * On one page: `squash` in docs/reading/onePageTraining.ts.
 *
 * @param dx out [N]; may be dy itself @param dy [N] @param y [N], what tanh returned
 */
export function tanhBackward(dx: Float32Array, dy: Float32Array, y: Float32Array): void {
  for (let i = 0; i < y.length; i++) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

/** The activation functions that `linear` can end in. */
export const ACTIVATIONS: Readonly<Record<Activation, (y: Float32Array, x: Float32Array) => void>> = {
  gelu,
  geluNew,
  relu,
  silu,
  tanh,
};
