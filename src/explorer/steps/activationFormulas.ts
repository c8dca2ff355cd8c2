/** The activation functions, one number at a time, in the order of operations of the backend `plain`. */
// JavaScript has no erf, and engines disagree in the last bits of exp and tanh. These are made of + − × ÷ alone.
import { erf, erfc, exp, log1p, tanh } from "../../tensor/kernels/transcendental.ts";
import type { Activation } from "./modelSteps.ts";

/** Φ(x), the normal distribution function; below 0 1 + erf would lose its digits. */
export function normalDistribution(x: number): number {
  const z = x * Math.SQRT1_2;
  return 0.5 * (z < 0 ? erfc(-z) : 1 + erf(z));
}

const sigmoid = (x: number): number => 1 / (1 + exp(-x));
const softplus = (x: number): number => (x > 20 ? x : Math.max(x, 0) + log1p(exp(-Math.abs(x))));
const gelu = (x: number): number => x * normalDistribution(x);
/** √(2/π) */
const SQRT_TWO_OVER_PI = 0.7978845608028654;

/** What each function makes of a number, in float64, and its formula. */
export const ACTIVATION_FORMULAS: Readonly<
  Record<Activation, { readonly formula: string; readonly source: string; of(x: number): number }>
> = {
  gelu: { formula: "x Φ(x)", source: "Hendrycks & Gimpel 2016, §2", of: gelu },
  gelu_new: {
    formula: "x σ(2 √(2/π) (x + 0.044715 x³))",
    source: "Hendrycks & Gimpel 2016, §2",
    of: (x) => x * sigmoid(2 * (SQRT_TWO_OVER_PI * (x + 0.044715 * x * x * x))),
  },
  relu: { formula: "max(x, 0)", source: "Vaswani et al. 2017, eq. 2", of: (x) => Math.max(x, 0) },
  silu: { formula: "x / (1 + e^(−x))", source: "Elfwing et al. 2017", of: (x) => x / (1 + exp(-x)) },
  tanh: { formula: "tanh x", source: "Google's modeling.py", of: tanh },
  gelu_10: { formula: "min(x Φ(x), 10)", source: "Wu et al. 2020", of: (x) => Math.min(gelu(x), 10) },
  hardswish: {
    formula: "x min(max(x + 3, 0), 6) / 6",
    source: "Howard et al. 2019, §5.2",
    of: (x) => x * (Math.min(Math.max(x + 3, 0), 6) / 6),
  },
  laplace: {
    formula: "Φ((x − 0.707107) / 0.282095)",
    source: "Ma et al. 2022",
    // biome-ignore lint/suspicious/noApproximativeNumericConstant: a model was trained with these digits
    of: (x) => normalDistribution((x - 0.707107) / 0.282095),
  },
  leaky_relu: { formula: "max(x, 0) + 0.01 min(x, 0)", source: "Maas et al. 2013", of: (x) => (x >= 0 ? x : 0.01 * x) },
  linear: { formula: "x", source: "transformers' activations.py", of: (x) => x },
  mish: { formula: "x tanh(ln(1 + e^x))", source: "Misra 2019, eq. 1", of: (x) => x * tanh(softplus(x)) },
  quick_gelu: { formula: "x σ(1.702 x)", source: "Hendrycks & Gimpel 2016, §2", of: (x) => x * sigmoid(1.702 * x) },
  relu2: { formula: "max(x, 0)²", source: "So et al. 2021", of: (x) => Math.max(x, 0) * Math.max(x, 0) },
  relu6: { formula: "min(max(x, 0), 6)", source: "Krizhevsky 2010", of: (x) => Math.min(Math.max(x, 0), 6) },
  sigmoid: { formula: "1 / (1 + e^(−x))", source: "transformers' activations.py", of: sigmoid },
  sqrtsoftplus: {
    formula: "√(ln(1 + e^x))",
    source: "transformers' activations.py",
    of: (x) => Math.sqrt(softplus(x)),
  },
};
