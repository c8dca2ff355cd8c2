import { type DropoutMask, dropout } from "../../../src/tensor/kernels/dropout.ts";
import { OTHER_ACTIVATIONS, type OtherActivation } from "../../../src/tensor/kernels/otherActivations.ts";
import { erfc } from "../../../src/tensor/kernels/transcendental.ts";
import type { TrainingBackend } from "../../../src/tensor/trainingBackend.ts";
import { numbers } from "./cases.ts";

type Arrays<T> = Readonly<Record<string, T>>;

/** A kernel with its gradients, on one size: drives finite differences, and the comparison of backends. */
export interface BackwardCase {
  readonly kernel: keyof TrainingBackend;
  readonly size: string;
  readonly inputs: Arrays<Float32Array>;
  /** The equation of the kernel's forward, in float64 and from its textbook definition. */
  forward(inputs: Arrays<Float64Array>): Float64Array;
  /** Adds to (or writes) the gradients of Σ dy y by the inputs that are named in `gradients`. */
  backward(k: TrainingBackend, gradients: Arrays<Float32Array>, inputs: Arrays<Float32Array>, dy: Float32Array): void;
  /** The gradients that are added to what was there. */
  readonly added: readonly string[];
  /** The gradients that are written. */
  readonly written: readonly string[];
}

const MASK: DropoutMask = { probability: 0.3, seed: 7, step: 3, site: 2 };

/** [R, I, O]: 1, primes, and the neighbours of the tiles' sizes. */
const LINEAR: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 7, 3],
  [3, 5, 4],
  [5, 3, 17],
  [17, 36, 100],
  [65, 16, 15],
  [130, 13, 31],
];

const LENGTHS: readonly (readonly number[])[] = [[1], [5], [2, 1, 4], [17, 9, 2]];

export const BACKWARD_CASES: readonly BackwardCase[] = [
  ...LINEAR.flatMap(linearCases),
  ...[
    [1, 1],
    [3, 2],
    [4, 17],
    [5, 36],
  ].map(([R, H]) => layerNormCase(R, H)),
  ...LENGTHS.flatMap((lengths) => [attentionCase(lengths, null, false), attentionCase(lengths, MASK, false)]),
  attentionCase([5, 3, 7], MASK, true),
  attentionCase([5, 3, 7], null, true),
  ...activationCases(),
  gatherCase(7, 3, [4, 0, 4, 2, 4]),
  gatherCase(2, 5, [0, 1, 1, 0, 1, 1, 1]),
  gatherCase(3, 1, [1]),
];

function linearCases([R, I, O]: readonly [number, number, number]): BackwardCase[] {
  const inputs = { x: numbers(R * I, 1), weight: numbers(O * I, 2), bias: numbers(O, 3) };
  const forward: BackwardCase["forward"] = ({ x, weight, bias }) =>
    fill(R * O, (at) => {
      const [r, o] = [Math.floor(at / O), at % O];
      return bias[o] + sum(I, (i) => x[r * I + i] * weight[o * I + i]);
    });
  const common = { size: `${R} × ${I} → ${O}`, inputs, forward, written: [] };
  return [
    {
      ...common,
      kernel: "linearBackwardInput",
      added: ["x"],
      backward: (k, d, { weight }, dy) => k.linearBackwardInput(d.x, dy, weight, R, I, O),
    },
    {
      ...common,
      kernel: "linearBackwardWeight",
      added: ["weight", "bias"],
      backward: (k, d, { x }, dy) => k.linearBackwardWeight(d.weight, d.bias, dy, x, R, I, O),
    },
  ];
}

function layerNormCase(R: number, H: number): BackwardCase {
  const eps = 1e-3; // so large that a mistake in its place shows
  return {
    kernel: "layerNormBackward",
    size: `${R} × ${H}`,
    inputs: { x: numbers(R * H, H, 2).map((v) => v + 3), gamma: numbers(H, 1), beta: numbers(H, 2) },
    forward: ({ x, gamma, beta }) =>
      fill(R * H, (at) => {
        const row = x.subarray(at - (at % H), at - (at % H) + H);
        const mean = sum(H, (h) => row[h]) / H;
        const variance = sum(H, (h) => (row[h] - mean) ** 2) / H;
        return ((x[at] - mean) / Math.sqrt(variance + eps)) * gamma[at % H] + beta[at % H];
      }),
    added: ["gamma", "beta"],
    written: ["x"],
    backward: (k, d, { x, gamma }, dy) => k.layerNormBackward(d.x, d.gamma, d.beta, dy, x, gamma, R, H, eps),
  };
}

/** @param few whether not all tokens ask: none of the first sequence, one of the second, some of the others */
function attentionCase(lengths: readonly number[], mask: DropoutMask | null, few: boolean): BackwardCase {
  const [A, D] = [2, 3];
  const H = A * D;
  const offsets = offsetsOf(lengths);
  const asking = few ? lengths.map((T, b) => Math.min(b, T)) : lengths;
  const readOffsets = offsetsOf(asking);
  const [R, M] = [offsets[lengths.length], readOffsets[lengths.length]];
  const T = Math.max(...lengths);
  const inputs = { query: numbers(M * H, 1, 3), key: numbers(R * H, 2, 3), value: numbers(R * H, 3) };

  const forward: BackwardCase["forward"] = ({ query, key, value }) => {
    const out = new Float64Array(M * H);
    for (const [b, length] of lengths.entries()) {
      for (let a = 0; a < A; a++) {
        for (let m = readOffsets[b]; m < readOffsets[b + 1]; m++) {
          const at = (row: number) => (offsets[b] + row) * H + a * D;
          const weights = fill(length, (t) =>
            Math.exp(sum(D, (d) => query[m * H + a * D + d] * key[at(t) + d]) / Math.sqrt(D)),
          );
          const total = sum(length, (t) => weights[t]);
          const kept = dropped(mask, (a * M + m) * Math.ceil(T / 8) * 8, length);
          for (let d = 0; d < D; d++) {
            out[m * H + a * D + d] = sum(length, (t) => (weights[t] / total) * kept[t] * value[at(t) + d]);
          }
        }
      }
    }
    return out;
  };
  return {
    kernel: "attentionBackward",
    size: `${lengths.join(" + ")} tokens${mask ? ", dropout" : ""}${few ? ", not all asking" : ""}`,
    inputs,
    forward,
    added: [],
    written: ["query", "key", "value"],
    backward: (k, d, { query, key, value }, dy) =>
      k.attentionBackward(d.query, d.key, d.value, dy, query, key, value, offsets, H, A, mask, readOffsets),
  };
}

/** What `count` numbers from word `first` on are multiplied by, as a dropout of ones shows it. */
function dropped(mask: DropoutMask | null, first: number, count: number): Float32Array {
  const ones = new Float32Array(first + count).fill(1);
  if (mask) dropout(ones, ones, mask);
  return ones.subarray(first);
}

function activationCases(): BackwardCase[] {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const functions = {
    geluBackward: (x: number) => (x / 2) * erfc(-x * Math.SQRT1_2),
    geluNewBackward: (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    reluBackward: (x: number) => Math.max(x, 0),
    siluBackward: (x: number) => x * sigmoid(x),
  };
  const normal = (x: number) => erfc(-x * Math.SQRT1_2) / 2;
  const softplus = (x: number) => Math.log1p(Math.exp(x));
  const others: Readonly<Record<OtherActivation, (x: number) => number>> = {
    gelu_10: (x) => Math.min(x * normal(x), 10),
    hardswish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
    laplace: (x) => normal((x - 707_107e-6) / 0.282095),
    leaky_relu: (x) => (x < 0 ? x / 100 : x),
    linear: (x) => x,
    mish: (x) => x * Math.tanh(softplus(x)),
    quick_gelu: (x) => x * sigmoid(1.702 * x),
    relu2: (x) => (x < 0 ? 0 : x * x),
    relu6: (x) => (x < 0 ? 0 : Math.min(x, 6)),
    sigmoid,
    sqrtsoftplus: (x) => Math.sqrt(softplus(x)),
  };
  const N = 201;
  const cases: BackwardCase[] = Object.entries(functions).map(([name, f]) => ({
    kernel: name as keyof typeof functions,
    size: `${N}`,
    inputs: { x: numbers(N, 5, 6) },
    forward: ({ x }) => x.map(f),
    added: [],
    written: ["x"],
    backward: (k, d, { x }, dy) => k[name as keyof typeof functions](d.x, dy, x),
  }));
  const otherCases = OTHER_ACTIVATIONS.map(
    (act): BackwardCase => ({
      kernel: "activateBackward",
      size: `${act}, ${N}`,
      inputs: { x: numbers(N, 5, 12) },
      forward: ({ x }) => x.map(others[act]),
      added: [],
      written: ["x"],
      backward: (k, d, { x }, dy) => k.activateBackward(d.x, dy, x, act),
    }),
  );
  const tanh: BackwardCase = {
    kernel: "tanhBackward",
    size: `${N}`,
    inputs: { x: numbers(N, 5, 2) },
    forward: ({ x }) => x.map(Math.tanh),
    added: [],
    written: ["x"],
    backward: (k, d, { x }, dy) => {
      const y = k.empty([N]).data;
      y.set(x.map(Math.tanh));
      k.tanhBackward(d.x, dy, y);
    },
  };
  const dropoutCase: BackwardCase = {
    kernel: "dropout",
    size: `${N}`,
    inputs: { x: numbers(N, 6) },
    forward: ({ x }) => x.map((v, i) => v * dropped(MASK, 0, N)[i]),
    added: [],
    written: ["x"],
    backward: (k, d, _, dy) => k.dropout(d.x, dy, MASK),
  };
  return [...cases, ...otherCases, tanh, dropoutCase];
}

function gatherCase(N: number, H: number, rows: readonly number[]): BackwardCase {
  return {
    kernel: "gatherRowsBackward",
    size: `${rows.length} rows of ${N} × ${H}`,
    inputs: { table: numbers(N * H, 1) },
    forward: ({ table }) => fill(rows.length * H, (at) => table[rows[Math.floor(at / H)] * H + (at % H)]),
    added: ["table"],
    written: [],
    backward: (k, d, _, dy) => k.gatherRowsBackward(d.table, dy, Int32Array.from(rows), H),
  };
}

function offsetsOf(lengths: readonly number[]): Int32Array {
  return Int32Array.from([0, ...lengths.map((_, b) => lengths.slice(0, b + 1).reduce((total, T) => total + T, 0))]);
}

function fill(length: number, f: (index: number) => number): Float64Array {
  return Float64Array.from({ length }, (_, i) => f(i));
}

function sum(count: number, f: (index: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += f(i);
  return total;
}
