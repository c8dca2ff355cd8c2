/** Which tokens make two texts alike: the cosine of their vectors as a sum over pairs of tokens. */
import type { Bert, BertModel, BertTokenizer, Tensor } from "../../index.ts";

/** What says how a text becomes one vector. */
type Sentence = Bert["sentenceModules"];
type Module = Sentence["modules"][number];
type Pooling = Extract<Module, { readonly type: "Pooling" }>;
type Dense = Extract<Module, { readonly type: "Dense" }>;

/** How a text is read for its vector. */
export interface SentenceReading {
  readonly tokenizer: BertTokenizer;
  /** What stands before each text. */
  readonly prompt: string;
  /** The most tokens of a text. */
  readonly maxLength: number;
}

/** A text alone, as the model is given it. */
export interface SentenceText {
  readonly pieces: readonly string[];
  readonly inputIds: readonly number[];
  /** How many tokens the whole text has; more than `pieces` where it was cut. */
  readonly whole: number;
}

/** The cosine of two texts, taken apart. */
export interface Similarity {
  readonly texts: readonly [a: SentenceText, b: SentenceText];
  /** Whether the last row and the last column are the modules' biases, which belong to no token. */
  readonly hasBias: boolean;
  /** [n, m], a row for each token of the first text, a column for each of the second; they add up to the cosine. */
  readonly pairs: Float64Array;
  /** Of the two texts' vectors. */
  readonly cosine: number;
  /** How many numbers a vector has. */
  readonly size: number;
  /** What makes the vector of the tokens, such as `["mean", "Dense 256 → 384", "Normalize"]`. */
  readonly recipe: readonly string[];
  /** Whether the model's folder says so; false: it has no modules.json, and the mean is taken. */
  readonly isListed: boolean;
}

/** Why a cosine cannot be taken apart, in a sentence. */
export interface Inseparable {
  readonly problem: string;
}

/** Parts of a vector, which add up to it: one of each token, and the last of the biases. */
type Parts = readonly Float64Array[];

/** Whether a model came with what its folder says of sentences. */
const isWhole = (model: BertModel): model is Bert => "sentenceModules" in model;

/** How the model reads a text for its vector; or why it makes none. */
export function sentenceReading(model: BertModel): SentenceReading | Inseparable {
  if (!isWhole(model)) return { problem: "This model came without a tokenizer." };
  try {
    const { prompts, defaultPromptName, maxSeqLength, doLowerCase } = model.sentenceModules;
    const { tokenizer } = model;
    const positions = model.config.maxPositionEmbeddings;
    return {
      tokenizer: doLowerCase ? tokenizer.lowerCased() : tokenizer,
      prompt: (defaultPromptName !== null && prompts.get(defaultPromptName)) || "",
      maxLength: Math.min(maxSeqLength ?? tokenizer.modelMaxLength, positions),
    };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

/**
 * Takes the cosine of two texts apart. A pooling that is a weighted sum of the tokens' vectors, a Dense without an
 * activation function and Normalize keep a sum a sum. So each text's vector is a sum of one part of each token and one
 * of the biases, and the cosine one of the products of two parts:
 *
 *     u = Σ_i p_i,   v = Σ_j q_j,   cos(u, v) = Σ_ij p_i · q_j / (‖u‖ ‖v‖)
 *
 * All of it is computed in float64 from the float32 numbers of `forward`.
 *
 * @param promptLength how many of the first tokens are [CLS] and the prompt's, which a pooling may leave out
 * @param hasDecoder   whether the model predicts pieces, which is not wanted here
 */
export function similarityOf(
  model: BertModel,
  texts: Similarity["texts"],
  promptLength: number,
  hasDecoder: boolean,
): Similarity | Inseparable {
  if (!isWhole(model)) return { problem: "This model came without a tokenizer." };
  const sentence = model.sentenceModules;
  const problem = inseparable(sentence);
  if (problem !== null) return { problem };
  const [a, b] = texts.map(({ inputIds }) =>
    partsOf(sentence, stateOf(model, inputIds, hasDecoder), inputIds.length, promptLength),
  );
  const [u, v] = [a, b].map(sumOf);
  const lengths = Math.sqrt(dot(u, u)) * Math.sqrt(dot(v, v));
  const share = lengths === 0 ? 0 : 1 / lengths; // a vector of zeros has no direction
  const hasBias = [a, b].some((parts) => parts[parts.length - 1].some((x) => x !== 0));
  const [rows, columns] = [a, b].map((parts) => (hasBias ? parts : parts.slice(0, -1)));
  const pairs = Float64Array.from(rows.flatMap((p) => columns.map((q) => dot(p, q) * share)));
  return {
    ...{ texts, hasBias, pairs, cosine: dot(u, v) * share, size: u.length },
    recipe: sentence.modules.map(nameOf),
    isListed: sentence.texts.size > 0,
  };
}

/** Why the vector is not a sum over the tokens, in a sentence; null: it is one. */
function inseparable({ modules }: Sentence): string | null {
  for (const module of modules) {
    const { type } = module;
    const isSum =
      type === "Pooling"
        ? !module.modes.includes("max")
        : type === "Normalize" || (type === "Dense" && /(^|\.)Identity$/.test(module.activationFunction));
    if (!isSum)
      return `This model's cosine is no sum over pairs of tokens: the module ${nameOf(module)} keeps no sum of tokens' vectors a sum.`;
  }
  return null;
}

function nameOf(module: Module): string {
  if (module.type === "Pooling") return module.modes.join(" and ");
  if (module.type !== "Dense") return module.type;
  const { inFeatures, size, activationFunction, residual } = module;
  const activation = activationFunction.split(".").at(-1);
  return `Dense ${inFeatures} → ${size}${activation === "Identity" ? "" : ` with ${activation}`}${residual ? " and a residual connection" : ""}`;
}

/** The tokens' vectors that the modules are given, [T, H]. */
function stateOf(model: Bert, inputIds: readonly number[], hasDecoder: boolean): Float32Array {
  const { hiddenState: n } = model.sentenceModules;
  const { lastHiddenState, hiddenStates } = model.forwardSync([{ inputIds: [...inputIds] }], {
    ...(hasDecoder && { maskedLmPositions: [[]] }),
    ...(n !== null && { hiddenStates: true }),
  });
  const state = n === null ? lastHiddenState : (hiddenStates as Tensor[]).at(n);
  return (state as Tensor).data;
}

/** The parts of a text's vector: what each token gives, and the biases. @param tokens [T, H] */
function partsOf({ modules, truncateDim }: Sentence, tokens: Float32Array, T: number, promptLength: number): Parts {
  let parts: Parts = [];
  for (const module of modules) {
    if (module.type === "Pooling") parts = pooledParts(module, tokens, T, promptLength);
    else if (module.type === "Dense")
      parts = parts.map((x, t) => affine(module, x, t === parts.length - 1 ? module.bias : null));
    else parts = normalized(parts);
  }
  return truncateDim === null ? parts : parts.map((part) => part.subarray(0, truncateDim));
}

/** Each token's vector times its weight, of each way of pooling end to end; and a bias of zeros. */
function pooledParts({ modes, includePrompt }: Pooling, tokens: Float32Array, T: number, promptLength: number): Parts {
  const H = tokens.length / T;
  const weights = modes.map((mode) => weightsOf(mode, T, includePrompt ? 0 : promptLength));
  const parts = Array.from({ length: T }, (_, t) =>
    Float64Array.from(
      { length: modes.length * H },
      (_none, d) => weights[Math.floor(d / H)][t] * tokens[t * H + (d % H)],
    ),
  );
  return [...parts, new Float64Array(modes.length * H)];
}

/** The weight of each token in a pooling of sentence-transformers, 0 of the first `from` that it leaves out. */
function weightsOf(mode: Pooling["modes"][number], T: number, from: number): number[] {
  const at = { cls: from < T ? from : 0, lasttoken: T - 1 }[mode as string];
  const own = Array.from({ length: T }, (_, t) => {
    if (at !== undefined) return t === at && (mode === "cls" || t >= from) ? 1 : 0;
    return t < from ? 0 : mode === "weightedmean" ? t + 1 : 1;
  });
  const sum = own.reduce((total, weight) => total + weight, 0) || 1;
  return own.map((weight) => weight / (mode === "mean_sqrt_len_tokens" ? Math.sqrt(sum) : sum));
}

/** W x + b, and what a residual connection adds. @param x [I] @param b null: none */
function affine({ weight, outFeatures: O, residual }: Dense, x: Float64Array, b: Float32Array | null): Float64Array {
  const I = x.length;
  return Float64Array.from({ length: O }, (_, o) => {
    let sum = b === null ? 0 : b[o];
    for (let i = 0; i < I; i++)
      sum += (weight[o * I + i] + (residual && residual !== "input" ? residual[o * I + i] : 0)) * x[i];
    return residual === "input" ? sum + x[o] : sum;
  });
}

/** All divided by the length of their sum. */
function normalized(parts: Parts): Parts {
  const sum = sumOf(parts);
  const length = Math.max(Math.sqrt(dot(sum, sum)), 1e-12); // as torch.nn.functional.normalize
  return parts.map((part) => part.map((x) => x / length));
}

function sumOf(parts: Parts): Float64Array {
  const sum = new Float64Array(parts[0].length);
  for (const part of parts) for (let d = 0; d < sum.length; d++) sum[d] += part[d];
  return sum;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d] * b[d];
  return sum;
}
