import { erf, erfc, exp, sigmoid, tanh as tanhOf } from "./transcendental.ts";

/** The kernels that `linear` can end in. */
export type Activation = "gelu" | "geluNew" | "relu" | "silu";

/**
 * Gaussian error linear unit in its exact form (Hendrycks & Gimpel 2016, §2), `hidden_act: "gelu"`:
 *
 *     gelu(x) = x Φ(x) = x · ½ (1 + erf(x/√2))        Φ the standard normal distribution function
 *
 * For negative x the bracket is computed as erfc(−x/√2): 1 + erf would cancel to nothing below x = −5.
 *
 * @param y out [N]; may be x itself @param x [N]
 */
export function gelu(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) {
    const z = x[i] * Math.SQRT1_2;
    y[i] = x[i] * 0.5 * (z < 0 ? erfc(-z) : 1 + erf(z));
  }
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

/** Rectified linear unit, max(x, 0); NaN stays NaN. @param y out [N]; may be x itself @param x [N] */
export function relu(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i], 0);
}

/** Sigmoid linear unit, x σ(x) (Elfwing et al. 2017), also called swish. @param y out [N]; may be x itself @param x [N] */
export function silu(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) y[i] = x[i] / (1 + exp(-x[i]));
}

/** Hyperbolic tangent, the pooler's activation. @param y out [N]; may be x itself @param x [N] */
export function tanh(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < x.length; i++) y[i] = tanhOf(x[i]);
}

export const ACTIVATIONS: Readonly<Record<Activation, (y: Float32Array, x: Float32Array) => void>> = {
  gelu,
  geluNew,
  relu,
  silu,
};
