import { BertError } from "../errors.ts";
import type { SentenceModule, SentenceModules, SentencePooling } from "./sentenceModules.ts";

/** The modules by their types. */
export type SentenceModuleOf<Type extends SentenceModule["type"]> = Extract<SentenceModule, { type: Type }>;
type Dense = SentenceModuleOf<"Dense">;
type LayerNorm = SentenceModuleOf<"LayerNorm">;

/** The eps of torch.nn.LayerNorm, which the module leaves as it is. */
export const LAYER_NORM_EPS = 1e-5;
/** The least length that torch.nn.functional.normalize divides by. */
export const SHORTEST = 1e-12;

/**
 * The vector that sentence-transformers' modules make of a text's hidden states, in float64. The modules must fit, as
 * `sentenceSize` checks.
 *
 * @param tokens       [T, H], [CLS] and [SEP] counted
 * @param promptLength how many of the first tokens are [CLS] and the prompt's, which a Pooling may leave out
 * @returns            [D]
 */
export function sentenceVector(
  { modules }: Pick<SentenceModules, "modules">,
  tokens: Float32Array,
  H: number,
  promptLength: number,
): Float64Array {
  let vector: Float64Array = new Float64Array(0);
  for (const module of modules) {
    vector = module.type === "Pooling" ? poolingOf(module, tokens, H, promptLength) : moduleOf(module, vector);
  }
  return vector;
}

/** The vectors of each mode, end to end. @param tokens [T, H] @returns [modes · H] */
export function poolingOf(
  { modes, includePrompt }: SentenceModuleOf<"Pooling">,
  tokens: Float32Array,
  H: number,
  promptLength: number,
): Float64Array {
  const from = includePrompt ? 0 : promptLength;
  return Float64Array.from(modes.flatMap((mode) => Array.from(POOLINGS[mode](tokens, H, from))));
}

/** What a module after the Pooling makes of a vector. */
export function moduleOf(module: Exclude<SentenceModule, { type: "Pooling" }>, vector: Float64Array): Float64Array {
  if (module.type === "Dense") return dense(module, vector);
  return module.type === "LayerNorm" ? layerNorm(module, vector) : normalized(vector);
}

/**
 * How many numbers a vector has.
 *
 * @throws BertError ERR_CHECKPOINT a module takes another number of them than comes to it
 */
export function sentenceSize({ modules }: Pick<SentenceModules, "modules">, H: number): number {
  let D = H;
  for (const module of modules) {
    if (module.type === "Pooling") D = module.modes.length * H;
    else if (module.type === "Dense") {
      expectFitting("a Dense", "in_features", module.inFeatures, D);
      D = module.size;
    } else if (module.type === "LayerNorm") expectFitting("a LayerNorm", "dimension", module.weight.length, D);
  }
  return D;
}

function expectFitting(module: string, field: string, size: number, D: number): void {
  if (size === D) return;
  throw new BertError(
    "ERR_CHECKPOINT",
    `modules.json: ${module} must take the ${D} numbers of a vector, its ${field} is ${size}`,
  );
}

/** Divided by its length; a vector of zeros has no direction and stays. */
export function normalized(vector: Float64Array): Float64Array {
  let squares = 0;
  for (const x of vector) squares += x * x;
  const length = Math.max(Math.sqrt(squares), SHORTEST);
  return vector.map((x) => x / length);
}

/**
 * The vectors x_t of tokens [T, H] as one, without the first `from` of them:
 *
 *     cls x_from    lasttoken x_T−1    max the largest number in each place
 *     mean Σ x_t / n    mean_sqrt_len_tokens Σ x_t / √n    weightedmean Σ (t + 1) x_t / Σ (t + 1)
 *
 * Where a prompt leaves no token the sums are zeros, "cls" is the first token and there is no "max", as in
 * sentence-transformers.
 */
const POOLINGS: Readonly<Record<SentencePooling, (tokens: Float32Array, H: number, from: number) => Float64Array>> = {
  cls: (tokens, H, from) => Float64Array.from(row(tokens, H, from < tokens.length / H ? from : 0)),
  lasttoken: (tokens, H, from) => {
    const T = tokens.length / H;
    return from < T ? Float64Array.from(row(tokens, H, T - 1)) : new Float64Array(H);
  },
  max: (tokens, H, from) => {
    const most = new Float64Array(H).fill(-Infinity);
    for (let t = from; t < tokens.length / H; t++) {
      for (let h = 0; h < H; h++) if (tokens[t * H + h] > most[h]) most[h] = tokens[t * H + h];
    }
    return most;
  },
  mean: (tokens, H, from) =>
    weighted(
      tokens,
      H,
      from,
      () => 1,
      (sum) => sum,
    ),
  mean_sqrt_len_tokens: (tokens, H, from) => weighted(tokens, H, from, () => 1, Math.sqrt),
  weightedmean: (tokens, H, from) =>
    weighted(
      tokens,
      H,
      from,
      (t) => t + 1,
      (sum) => sum,
    ),
};

function row(tokens: Float32Array, H: number, t: number): Float32Array {
  return tokens.subarray(t * H, (t + 1) * H);
}

/** Σ w_t x_t / d(Σ w_t) */
function weighted(
  tokens: Float32Array,
  H: number,
  from: number,
  weight: (t: number) => number,
  divisor: (sum: number) => number,
): Float64Array {
  const vector = new Float64Array(H);
  let weights = 0;
  for (let t = from; t < tokens.length / H; t++) {
    const w = weight(t);
    weights += w;
    for (let h = 0; h < H; h++) vector[h] += w * tokens[t * H + h];
  }
  const d = divisor(Math.max(weights, 1e-9));
  return vector.map((x) => x / d);
}

/** act(W x + b), and the residual connection's part. */
function dense(module: Dense, x: Float64Array): Float64Array {
  const { outFeatures: O, residual, activation, activationWeight } = module;
  const activated = activation(affine(module, x), activationWeight);
  if (residual) {
    const rest = residual === "input" ? x : product(residual, x, O);
    for (let o = 0; o < activated.length; o++) activated[o] += rest[o];
  }
  return activated;
}

/** W x + b, what a Dense's activation function is given. @param x [I] @returns [O] */
export function affine({ weight, bias, outFeatures: O }: Dense, x: Float64Array): Float64Array {
  const y = product(weight, x, O);
  if (bias) for (let o = 0; o < O; o++) y[o] += bias[o];
  return y;
}

/** W x, [O, I] and [I] → [O] */
function product(weight: Float32Array, x: Float64Array, O: number): Float64Array {
  const I = x.length;
  return Float64Array.from({ length: O }, (_, o) => {
    let sum = 0;
    for (let i = 0; i < I; i++) sum += weight[o * I + i] * x[i];
    return sum;
  });
}

/** γ (x − μ) / √(σ² + ε) + β (Ba, Kiros & Hinton 2016, eq. 4). */
function layerNorm({ weight, bias }: LayerNorm, x: Float64Array): Float64Array {
  const D = x.length;
  const mean = x.reduce((sum, value) => sum + value, 0) / D;
  const variance = x.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / D;
  const scale = 1 / Math.sqrt(variance + LAYER_NORM_EPS);
  return x.map((value, d) => weight[d] * (value - mean) * scale + bias[d]);
}
