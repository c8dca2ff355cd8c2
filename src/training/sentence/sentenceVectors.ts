import type { SentenceModule, SentencePooling } from "../../load/sentenceModules.ts";
import { affine, LAYER_NORM_EPS, moduleOf, poolingOf, type SentenceModuleOf } from "../../load/sentenceVector.ts";
import { type Slope, torchSlope } from "./moduleSlopes.ts";
import type { ModuleGradient } from "./trainedModules.ts";
import { unitBackward, unitOf } from "./vectorLosses.ts";

/** The tokens of N texts, end to end. */
export interface TokenRows {
  /** [R, H] */
  readonly data: Float32Array;
  readonly H: number;
  /** [N + 1], where each text begins. */
  readonly offsets: ArrayLike<number>;
  /** [N], how many of the first tokens are [CLS] and the prompt's, which a Pooling may leave out. */
  readonly promptLengths: ArrayLike<number>;
}

/** [N][D], a vector for each text. */
type Vectors = readonly Float64Array[];

/** What the modules make of texts: the output of each. */
export type ModuleOutputs = readonly Vectors[];

/**
 * The vectors of texts, by the code of inference (load/sentenceVector.ts), with what `sentenceVectorsBackward` needs.
 *
 * @returns of each module [N][D]; the last has the texts' vectors
 */
export function sentenceVectors(modules: readonly SentenceModule[], rows: TokenRows): ModuleOutputs {
  const outputs: Float64Array[][] = [];
  for (const module of modules) {
    const x = outputs.at(-1);
    outputs.push(
      module.type === "Pooling"
        ? texts(rows).map(({ tokens, promptLength }) => poolingOf(module, tokens, rows.H, promptLength))
        : (x as Vectors).map((vector) => moduleOf(module, vector)),
    );
  }
  return outputs;
}

function texts({ data, H, offsets, promptLengths }: TokenRows) {
  return Array.from({ length: offsets.length - 1 }, (_, n) => ({
    tokens: data.subarray(offsets[n] * H, offsets[n + 1] * H), // [T, H]
    from: offsets[n] * H,
    promptLength: promptLengths[n],
  }));
}

/**
 * The gradients of `sentenceVectors`, its modules from last to first.
 *
 * @param outputs   what it returned
 * @param dvectors  [N][D], those of the texts' vectors
 * @param gradients by module, of its parameters, added to
 * @param dtokens   [R, H], written where the tokens have a part in a vector
 */
export function sentenceVectorsBackward(
  modules: readonly SentenceModule[],
  gradients: readonly ModuleGradient[],
  rows: TokenRows,
  outputs: ModuleOutputs,
  dvectors: Vectors,
  dtokens: Float32Array,
): void {
  let dy = dvectors;
  for (let m = modules.length - 1; m > 0; m--) {
    const module = modules[m];
    const x = outputs[m - 1];
    if (module.type === "Dense") dy = denseBackward(module, gradients[m], x, dy);
    else if (module.type === "LayerNorm") dy = layerNormBackward(module, gradients[m], x, dy);
    else dy = x.map((vector, n) => unitBackward(unitOf(vector), dy[n]));
  }
  poolingBackward(modules[0] as SentenceModuleOf<"Pooling">, rows, dy, dtokens);
}

/**
 * The gradients of y = act(W x + b) + R x, with z = W x + b and g = dy ⊙ act′(z):
 *
 *     dW += Σ_n g xᵀ      db += Σ_n g      dR += Σ_n dy xᵀ      dx = Wᵀ g + Rᵀ dy
 *
 * @param x, dy [N][I], [N][O] @returns dx, [N][I]
 */
export function denseBackward(
  module: SentenceModuleOf<"Dense">,
  gradient: ModuleGradient,
  x: Vectors,
  dy: Vectors,
): Float64Array[] {
  const slope = torchSlope(module.activationFunction) as Slope;
  const g = x.map((vector, n) => affine(module, vector).map((z, o) => dy[n][o] * slope(z)));
  addOuter(gradient("linear.weight"), g, x);
  addSum(gradient("linear.bias"), g);
  const dx = g.map((row) => transposedProduct(module.weight, row, module.inFeatures));
  const { residual } = module;
  if (residual === null) return dx;
  if (residual !== "input") addOuter(gradient("residual.weight"), dy, x);
  return dx.map((row, n) => {
    const rest = residual === "input" ? dy[n] : transposedProduct(residual, dy[n], module.inFeatures);
    return row.map((value, i) => value + rest[i]);
  });
}

/**
 * The gradients of `layerNorm` (kernels/layerNorm.ts has the derivation): with x̂ = (x − μ)/√(σ² + ε) and g = dy ⊙ γ
 *
 *     dγ += Σ dy ⊙ x̂      dβ += Σ dy      dx = (g − mean(g) − x̂ mean(g ⊙ x̂)) / √(σ² + ε)
 */
function layerNormBackward(
  { weight }: SentenceModuleOf<"LayerNorm">,
  gradient: ModuleGradient,
  x: Vectors,
  dy: Vectors,
): Float64Array[] {
  const products: Float64Array[] = [];
  const dx = x.map((vector, n) => {
    const D = vector.length;
    const mean = sumOf(vector) / D;
    const variance = sumOf(vector.map((value) => (value - mean) * (value - mean))) / D;
    const scale = 1 / Math.sqrt(variance + LAYER_NORM_EPS);
    const xhat = vector.map((value) => (value - mean) * scale);
    products.push(xhat.map((value, d) => value * dy[n][d]));
    const g = dy[n].map((value, d) => value * weight[d]);
    const meanG = sumOf(g) / D;
    const meanGX = sumOf(g.map((value, d) => value * xhat[d])) / D;
    return g.map((value, d) => (value - meanG - xhat[d] * meanGX) * scale);
  });
  addSum(gradient("norm.weight"), products);
  addSum(gradient("norm.bias"), dy);
  return dx;
}

/** Each mode's part of dy goes to the tokens that it was made of. @param dy [N][modes · H] */
function poolingBackward(
  { modes, includePrompt }: SentenceModuleOf<"Pooling">,
  rows: TokenRows,
  dy: Vectors,
  dtokens: Float32Array,
): void {
  const { H } = rows;
  for (const [n, { tokens, from, promptLength }] of texts(rows).entries()) {
    const dx = new Float64Array(tokens.length); // [T, H], rounded once
    for (const [m, mode] of modes.entries()) {
      BACKWARD[mode](dx, tokens, dy[n].subarray(m * H, (m + 1) * H), includePrompt ? 0 : promptLength);
    }
    dtokens.set(dx, from);
  }
}

/**
 * The gradients of the poolings of load/sentenceVector.ts. Where a prompt leaves no token, "cls" is that of the first
 * all the same, and the others are constants.
 *
 * @param dx [T, H], added to @param x [T, H] @param dy [H] @param from the first token that counts
 */
type PoolingBackward = (dx: Float64Array, x: Float32Array, dy: Float64Array, from: number) => void;

const BACKWARD: Readonly<Record<SentencePooling, PoolingBackward>> = {
  cls: (dx, _x, dy, from) => addRow(dx, from < dx.length / dy.length ? from : 0, dy, 1),
  lasttoken: (dx, _x, dy, from) => {
    const T = dx.length / dy.length;
    if (from < T) addRow(dx, T - 1, dy, 1);
  },
  max: (dx, x, dy, from) => {
    const H = dy.length;
    for (let h = 0; h < H; h++) {
      let best = from * H + h; // of equal ones the first, as torch.max has it
      for (let at = best + H; at < x.length; at += H) if (x[at] > x[best]) best = at;
      if (best < x.length) dx[best] += dy[h];
    }
  },
  mean: (dx, _x, dy, from) =>
    spread(
      dx,
      dy,
      from,
      () => 1,
      (sum) => sum,
    ),
  mean_sqrt_len_tokens: (dx, _x, dy, from) => spread(dx, dy, from, () => 1, Math.sqrt),
  weightedmean: (dx, _x, dy, from) =>
    spread(
      dx,
      dy,
      from,
      (t) => t + 1,
      (sum) => sum,
    ),
};

/** Of y = Σ w_t x_t / d(Σ w_t): dx_t += w_t dy / d(Σ w_t). */
function spread(
  dx: Float64Array,
  dy: Float64Array,
  from: number,
  weight: (t: number) => number,
  divisor: (sum: number) => number,
): void {
  const T = dx.length / dy.length;
  let weights = 0;
  for (let t = from; t < T; t++) weights += weight(t);
  for (let t = from; t < T; t++) addRow(dx, t, dy, weight(t) / divisor(weights));
}

function addRow(dx: Float64Array, t: number, dy: Float64Array, w: number): void {
  const H = dy.length;
  for (let h = 0; h < H; h++) dx[t * H + h] += w * dy[h];
}

/** dW += Σ_n a_n b_nᵀ, each sum rounded once. @param dW [O, I] @param a [N][O] @param b [N][I] */
function addOuter(dW: Float32Array | null, a: Vectors, b: Vectors): void {
  if (!dW) return;
  const I = b[0].length;
  const row = new Float64Array(I);
  for (let o = 0; o < a[0].length; o++) {
    row.fill(0);
    for (let n = 0; n < a.length; n++) for (let i = 0; i < I; i++) row[i] += a[n][o] * b[n][i];
    for (let i = 0; i < I; i++) dW[o * I + i] += row[i];
  }
}

/** db += Σ_n a_n @param a [N][O] */
function addSum(db: Float32Array | null, a: Vectors): void {
  if (!db) return;
  for (let o = 0; o < db.length; o++) db[o] += a.reduce((sum, row) => sum + row[o], 0);
}

/** Wᵀ g, [O, I] and [O] → [I] */
function transposedProduct(weight: Float32Array, g: Float64Array, I: number): Float64Array {
  const x = new Float64Array(I);
  for (let o = 0; o < g.length; o++) for (let i = 0; i < I; i++) x[i] += weight[o * I + i] * g[o];
  return x;
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
