import { geluOf } from "./activations.ts";
import { hardSigmoid, SCALAR_ACTIVATIONS, softplus } from "./otherActivations.ts";
import { exp, log, log1p, sigmoid, tanh } from "./transcendental.ts";

/** A vector's activation function, in float64; the parameters are those of PReLU. */
export type VectorActivation = (x: Float64Array, parameters: Float32Array | null) => Float64Array;

/**
 * The activation function that a class of PyTorch stands for when it is made without arguments and used outside of
 * training, as the `Dense` module of sentence-transformers makes it. A class that is not PyTorch's counts as Tanh
 * there, as the library runs no code of a model.
 *
 * @param path the class with its package, such as `torch.nn.modules.activation.Tanh`
 * @returns null: PyTorch has no such class, it needs arguments, or makes nothing of a vector
 */
export function torchActivation(path: string): VectorActivation | null {
  if (!path.startsWith("torch.")) return each(tanh);
  const name = path.split(".").at(-1) as string;
  return Object.hasOwn(CLASSES, name) ? CLASSES[name] : null;
}

const each =
  (f: (x: number) => number): VectorActivation =>
  (x) =>
    x.map(f);
const same: VectorActivation = (x) => x;

/** λ and α of SELU (Klambauer et al. 2017, §2), to which PyTorch rounds them. */
const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;
/** Outside of training RReLU has the middle of its slopes, 1/8 and 1/3. */
const RRELU_SLOPE = (1 / 8 + 1 / 3) / 2;

/** e^x − 1 without cancellation: 2t / (1 − t) with t = tanh(x/2). */
function expm1(x: number): number {
  if (x > 1) return exp(x) - 1;
  const t = tanh(x / 2);
  return (2 * t) / (1 - t);
}

/** ln σ(x) = −ln(1 + e^(−x)), without overflow. */
function logSigmoid(x: number): number {
  return Math.min(x, 0) - log1p(exp(-Math.abs(x)));
}

/** e^(x_i − m) / Σ e^(x_j − m), m the largest; in logarithms x_i − m − ln Σ. */
function softmaxOf(x: Float64Array, inLogarithms = false): Float64Array {
  const most = x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const sum = x.reduce((total, value) => total + exp(value - most), 0);
  return x.map((value) => (inLogarithms ? value - most - log(sum) : exp(value - most) / sum));
}

/** The first half of a vector, gated by the second (Dauphin et al. 2017, §2): a ⊙ σ(b), [2n] → [n]. */
function glu(x: Float64Array): Float64Array {
  const n = x.length / 2;
  return x.slice(0, n).map((a, i) => a * sigmoid(x[n + i]));
}

/** max(x, 0) + w min(x, 0), one w or one for each place. */
const prelu: VectorActivation = (x, w) =>
  x.map((value, i) => (value >= 0 ? value : value * (w === null ? 0.25 : w[w.length === 1 ? 0 : i])));

/** By the class's name; the formulas are those of PyTorch's documentation, with the defaults of its arguments. */
const CLASSES: Readonly<Record<string, VectorActivation>> = {
  Tanh: each(tanh),
  Sigmoid: each(sigmoid),
  ReLU: each((x) => Math.max(x, 0)),
  ReLU6: each(SCALAR_ACTIVATIONS.relu6.of),
  LeakyReLU: each(SCALAR_ACTIVATIONS.leaky_relu.of),
  RReLU: each((x) => (x >= 0 ? x : RRELU_SLOPE * x)),
  PReLU: prelu,
  GELU: each(geluOf),
  SiLU: each((x) => x * sigmoid(x)),
  Mish: each(SCALAR_ACTIVATIONS.mish.of),
  ELU: each((x) => (x > 0 ? x : expm1(x))),
  CELU: each((x) => (x > 0 ? x : expm1(x))),
  SELU: each((x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * expm1(x))),
  Softplus: each(softplus),
  Softsign: each((x) => x / (1 + Math.abs(x))),
  LogSigmoid: each(logSigmoid),
  Hardtanh: each((x) => Math.min(Math.max(x, -1), 1)),
  Hardsigmoid: each(hardSigmoid),
  Hardswish: each(SCALAR_ACTIVATIONS.hardswish.of),
  Tanhshrink: each((x) => x - tanh(x)),
  Softshrink: each((x) => (x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0)),
  Hardshrink: each((x) => (Math.abs(x) > 0.5 ? x : 0)),
  Softmax: (x) => softmaxOf(x),
  Softmin: (x) => softmaxOf(x.map((value) => -value)),
  LogSoftmax: (x) => softmaxOf(x, true),
  GLU: glu,
  Identity: same,
  Flatten: same,
  Sequential: same, // of nothing
  Dropout: same,
  Dropout1d: same,
  Dropout2d: same,
  Dropout3d: same,
  AlphaDropout: same,
  FeatureAlphaDropout: same,
};

/** The names of the classes, for tests. */
export const TORCH_ACTIVATIONS: readonly string[] = Object.keys(CLASSES);
