import { geluOf, geluSlope, normalDensity, normalDistribution } from "./activations.ts";
import { exp, log1p, sigmoid, tanh } from "./transcendental.ts";

/** The activation functions of transformers' table, under its names, that have no kernel of their own. */
export const OTHER_ACTIVATIONS = [
  "gelu_10",
  "hardswish",
  "laplace",
  "leaky_relu",
  "linear",
  "mish",
  "quick_gelu",
  "relu2",
  "relu6",
  "sigmoid",
  "sqrtsoftplus",
] as const;

/** An activation function of transformers' table that has no kernel of its own. */
export type OtherActivation = (typeof OTHER_ACTIVATIONS)[number];

/** An activation function of one number in float64, and its derivative. */
interface ScalarActivation {
  of(x: number): number;
  slope(x: number): number;
}

/** y[i] = act(x[i]). @param y out [N]; may be x itself @param x [N] @param act which function */
export function activate(y: Float32Array, x: Float32Array, act: OtherActivation): void {
  const { of } = SCALAR_ACTIVATIONS[act];
  for (let i = 0; i < x.length; i++) y[i] = of(x[i]);
}

/**
 * dx = dy ⊙ act′(x).
 *
 * @param dx  out [N]; may be dy itself
 * @param dy  [N]
 * @param x   [N], what act was given
 * @param act which function
 */
export function activateBackward(dx: Float32Array, dy: Float32Array, x: Float32Array, act: OtherActivation): void {
  const { slope } = SCALAR_ACTIVATIONS[act];
  for (let i = 0; i < x.length; i++) dx[i] = dy[i] * slope(x[i]);
}

/** Above it PyTorch's Softplus is x itself; ln(1 + e²⁰) is 20 + 2e-9. */
const SOFTPLUS_THRESHOLD = 20;

/** ln(1 + e^x), without overflow. */
export function softplus(x: number): number {
  return x > SOFTPLUS_THRESHOLD ? x : Math.max(x, 0) + log1p(exp(-Math.abs(x)));
}

/** The line from 0 at −3 to 1 at 3, level beside it: min(max(x + 3, 0), 6) / 6. */
export function hardSigmoid(x: number): number {
  return Math.min(Math.max(x + 3, 0), 6) / 6;
}

/** μ = √½ and σ = 1/√(4π) of Ma et al. 2022, in the library's six digits. */
// biome-ignore lint/suspicious/noApproximativeNumericConstant: a model was trained with these digits
const [LAPLACE_MEAN, LAPLACE_DEVIATION] = [0.707107, 0.282095];

/**
 * The formulas are those of transformers 5.24 (activations.py) and of PyTorch. At a point without a derivative `slope`
 * is what PyTorch 2.15 takes there.
 */
export const SCALAR_ACTIVATIONS: Readonly<Record<OtherActivation, ScalarActivation>> = {
  /** min(gelu(x), 10) (Wu et al. 2020, arXiv 2004.09602). The library clips below −10 too, where gelu never is. */
  gelu_10: {
    of: (x) => Math.min(geluOf(x), 10),
    slope: (x) => (geluOf(x) >= 10 ? 0 : geluSlope(x)),
  },
  /** x · hardSigmoid(x) (Howard et al. 2019, §5.2). */
  hardswish: {
    of: (x) => x * hardSigmoid(x),
    slope: (x) => (x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1),
  },
  /** Φ((x − μ)/σ) (Ma et al. 2022, MEGA): a smooth step. */
  laplace: {
    of: (x) => normalDistribution((x - LAPLACE_MEAN) / LAPLACE_DEVIATION),
    slope: (x) => normalDensity((x - LAPLACE_MEAN) / LAPLACE_DEVIATION) / LAPLACE_DEVIATION,
  },
  /** max(x, 0) + 0.01 min(x, 0) (Maas et al. 2013). */
  leaky_relu: {
    of: (x) => (x >= 0 ? x : 0.01 * x),
    slope: (x) => (x > 0 ? 1 : 0.01),
  },
  /** x */
  linear: { of: (x) => x, slope: () => 1 },
  /** x tanh(s), s = ln(1 + e^x) (Misra 2019, eq. 1); s′ = σ(x). */
  mish: {
    of: (x) => x * tanh(softplus(x)),
    slope: (x) => {
      const t = tanh(softplus(x));
      return t + x * (1 - t * t) * sigmoid(x);
    },
  },
  /** x σ(1.702 x) (Hendrycks & Gimpel 2016, §2). */
  quick_gelu: {
    of: (x) => x * sigmoid(1.702 * x),
    slope: (x) => sigmoid(1.702 * x) * (1 + 1.702 * x * sigmoid(-1.702 * x)),
  },
  /** max(x, 0)² (So et al. 2021, Primer). */
  relu2: {
    of: (x) => Math.max(x, 0) * Math.max(x, 0),
    slope: (x) => 2 * Math.max(x, 0),
  },
  /** min(max(x, 0), 6) (Krizhevsky 2010). */
  relu6: {
    of: (x) => Math.min(Math.max(x, 0), 6),
    slope: (x) => (x <= 0 || x >= 6 ? 0 : 1),
  },
  /** σ(x) = 1 / (1 + e^(−x)); σ′ = σ(x) σ(−x), in which nothing cancels. */
  sigmoid: { of: sigmoid, slope: (x) => sigmoid(x) * sigmoid(-x) },
  /** y = √ln(1 + e^x); y′ = σ(x) / 2y. Where e^x is no longer above 0 the library's is 0/0, and this the limit, 0. */
  sqrtsoftplus: {
    of: (x) => Math.sqrt(softplus(x)),
    slope: (x) => {
      const y = Math.sqrt(softplus(x));
      return y === 0 ? 0 : sigmoid(x) / (2 * y);
    },
  },
};
