/**
 * BERT on one page: from a sentence with a gap to the words that fill it, in ordinary loops.
 *
 *     npx tsx docs/reading/onePage.ts "She opened the [MASK] and looked out."
 *
 * Read it from top to bottom, beside the two papers that it follows: "Attention Is All You Need" (Vaswani et al. 2017)
 * and "BERT" (Devlin et al. 2019). The letters are theirs: T tokens, H numbers that stand for each of them, L layers,
 * A attention heads of size D = H / A, I numbers inside the feed-forward network, V pieces in the vocabulary.
 *
 * A matrix is a list of rows, so that X[t] is the vector of token t. A sum is a float64, as every number of JavaScript;
 * each number that is put into a vector is rounded to float32, once. The engine's backend `plain` does the same in the
 * same order, and a test shows that every number here is equal to the engine's, bit for bit.
 */
import { existsSync, readFileSync, realpathSync } from "node:fs";
// JavaScript has no erf, and engines disagree in the last bits of exp and tanh. These are made of + − × ÷ alone.
import { erf, erfc, exp, tanh } from "../../src/tensor/kernels/transcendental.ts";

/** A row of numbers, [H] say. */
export type Vector = Float32Array;
/** A list of rows, [T, H] say. */
export type Matrix = readonly Vector[];

/** What training has learned, and the sizes that its shapes do not tell. */
export interface Model {
  /** Every matrix by its name in the file; a vector is a matrix of one row. */
  readonly weights: ReadonlyMap<string, Matrix>;
  /** L */
  readonly layers: number;
  /** A */
  readonly heads: number;
  /** The number of each piece in the vocabulary, by its text. */
  readonly vocabulary: ReadonlyMap<string, number>;
}

// 1. Tokens: a text becomes numbers, each of a piece of a word (Devlin et al., §3, "Input/Output Representations") ----

/** What the encoder is given of each token: which piece it is, and whether it is of the first text or the second. */
export interface Tokens {
  readonly ids: readonly number[];
  readonly types: readonly number[];
}

/** [CLS] text [SEP], or [CLS] text [SEP] pair [SEP]: the first stands for all, the last two say where a text ends. */
export function encode(vocabulary: ReadonlyMap<string, number>, text: string, pair?: string): Tokens {
  const first = ["[CLS]", ...tokenize(vocabulary, text), "[SEP]"];
  const second = pair === undefined ? [] : [...tokenize(vocabulary, pair), "[SEP]"];
  const ids = [...first, ...second].map((piece) => vocabulary.get(piece) as number);
  return { ids, types: [...first.map(() => 0), ...second.map(() => 1)] };
}

/** Special tokens may be written in the text, as "[MASK]" is; what stands between them is split into words. */
function tokenize(vocabulary: ReadonlyMap<string, number>, text: string): string[] {
  const parts = text.split(/(\[(?:PAD|UNK|CLS|SEP|MASK)\])/);
  return parts.flatMap((part, i) => (i % 2 === 1 ? [part] : words(part).flatMap((word) => pieces(vocabulary, word))));
}

/** Words stand between spaces. Each punctuation mark and each Chinese character is a word of its own (`ALONE`, below). */
function words(text: string): string[] {
  const clean = text.replace(/[\t\n\r]/g, " ").replace(/[\p{Cc}\p{Cf}\p{Co}\uFFFD]/gu, "");
  return clean.replace(ALONE, " $& ").match(/\S+/gu) ?? [];
}

/** WordPiece: the longest piece of the vocabulary that the word begins with, then that of the rest, with "##" before. */
function pieces(vocabulary: ReadonlyMap<string, number>, word: string): string[] {
  const letters = [...word];
  const found: string[] = [];
  for (let start = 0, end = letters.length; start < letters.length; end = letters.length) {
    const piece = () => (start > 0 ? "##" : "") + letters.slice(start, end).join("");
    while (end > start && !vocabulary.has(piece())) end--;
    if (end === start || letters.length > 100) return ["[UNK]"]; // no piece fits, or it is too long for a word
    found.push(piece());
    start = end;
  }
  return found;
}

// 2. Three tools that all layers use ----------------------------------------------------------------------------------

/** Σ_i x_i y_i: large where two vectors point the same way. */
export function dot(x: Vector, y: Vector): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

/**
 * A linear map, y = x Wᵀ + b: each of the O numbers of y is a weighted sum of the I numbers of x. Most of what BERT has
 * learned is in such a W, and nearly all of its time goes into this line.
 *
 * @param X [T, I] @param W [O, I] @param b [O] @returns [T, O]
 */
export function linear(X: Matrix, W: Matrix, b: Vector): Matrix {
  return X.map((x) => Float32Array.from(W, (w, o) => dot(x, w) + b[o]));
}

/**
 * Layer normalisation (Ba et al. 2016) brings each token's numbers to mean 0 and variance 1, then stretches and shifts
 * each place as it has learned to. Without it, the numbers would grow or vanish on their way through the layers.
 *
 *     y = γ (x − μ) / √(σ² + ε) + β        ε = 10⁻¹²
 */
export function layerNorm(X: Matrix, gamma: Vector, beta: Vector): Matrix {
  return X.map((x) => {
    const H = x.length;
    let mean = 0;
    for (let h = 0; h < H; h++) mean += x[h];
    mean /= H;
    let variance = 0;
    for (let h = 0; h < H; h++) variance += (x[h] - mean) * (x[h] - mean);
    variance /= H;
    const scale = 1 / Math.sqrt(variance + 1e-12);
    return x.map((value, h) => (value - mean) * scale * gamma[h] + beta[h]);
  });
}

// A layer finds its weights by their names in the file.
const matrixOf = ({ weights }: Model, name: string): Matrix => weights.get(name) as Matrix;
const dense = (model: Model, name: string, X: Matrix): Matrix =>
  linear(X, matrixOf(model, `${name}.weight`), matrixOf(model, `${name}.bias`)[0]);
const normalize = (model: Model, name: string, X: Matrix): Matrix =>
  layerNorm(X, matrixOf(model, `${name}.weight`)[0], matrixOf(model, `${name}.bias`)[0]);

/** X + Y, number by number. */
export function add(X: Matrix, Y: Matrix): Matrix {
  return X.map((x, t) => x.map((value, h) => value + Y[t][h]));
}

// 3. The encoder ------------------------------------------------------------------------------------------------------

/**
 * Embeddings: what the model knows of a token before it has looked at any other, a sum of three learned vectors. The
 * first says which piece it is, the second which text it is in, the third where it stands: without that, attention
 * could not tell "dog bites man" from "man bites dog" (Devlin et al., figure 2).
 */
function embeddings(model: Model, { ids, types }: Tokens): Matrix {
  const [word, type, position] = ["word", "token_type", "position"].map((table) =>
    matrixOf(model, `bert.embeddings.${table}_embeddings.weight`),
  );
  if (ids.length > position.length)
    throw new Error(`a text has ${ids.length} tokens, the model takes ${position.length}: give a shorter text`);
  const sum = add(
    ids.map((id) => word[id]),
    types.map((id) => type[id]),
  );
  return normalize(model, "bert.embeddings.LayerNorm", add(sum, position.slice(0, ids.length)));
}

/**
 * Attention: every token looks at every other one and takes a weighted mean of what they hold. It is the only place
 * where tokens exchange anything; all else works on one token at a time.
 *
 * Three linear maps give each token a query, what it looks for; a key, what it is found by; and a value, what it hands
 * over. Where a query and a key point the same way, the weight is large. A heads do this side by side, each with its
 * own D of the H numbers, so that each can look for something else (Vaswani et al., eq. 1 and §3.2.2):
 *
 *     head_a = softmax(Q_a K_aᵀ / √D) V_a        Attention(X) = [head_1 … head_A] W_Oᵀ + b_O
 */
function attention(model: Model, layer: string, X: Matrix): Matrix {
  const [Q, K, V] = ["query", "key", "value"].map((map) => dense(model, `${layer}.attention.self.${map}`, X));
  const D = X[0].length / model.heads;
  const C = X.map(({ length }) => new Float32Array(length)); // what the heads have found, side by side
  for (let a = 0; a < model.heads; a++) {
    const [q, k, v] = [Q, K, V].map((rows) => rows.map((row) => row.subarray(a * D, (a + 1) * D)));
    for (let t = 0; t < X.length; t++) {
      const p = softmax(Float32Array.from(k, (key) => dot(q[t], key) * (1 / Math.sqrt(D))));
      for (let d = 0; d < D; d++) {
        let sum = 0;
        for (let s = 0; s < X.length; s++) sum += p[s] * v[s][d];
        C[t][a * D + d] = sum;
      }
    }
  }
  return dense(model, `${layer}.attention.output.dense`, C);
}

/**
 * Softmax makes weights of any numbers: all above 0, together 1, the largest for the largest number. The maximum is
 * taken off first, which changes nothing but keeps e^s from overflowing.
 *
 *     p_i = e^(s_i − m) / Σ_j e^(s_j − m)        m = max s
 */
export function softmax(scores: Vector): Vector {
  const max = Math.max(...scores);
  let sum = 0;
  for (const score of scores) sum += exp(score - max);
  const powers = scores.map((score) => exp(score - max)); // rounded here, not in the sum
  return powers.map((power) => power / sum);
}

/**
 * The feed-forward network: two linear maps with gelu between them, FFN(x) = gelu(x W₁ᵀ + b₁) W₂ᵀ + b₂ (Vaswani et
 * al., §3.3; gelu: Devlin et al., §A.2). It changes each token by itself. Without
 * gelu the two maps would be one.
 */
function feedForward(model: Model, layer: string, X: Matrix): Matrix {
  return dense(model, `${layer}.output.dense`, gelu(dense(model, `${layer}.intermediate.dense`, X)));
}

/**
 * gelu(x) = x Φ(x), Φ(x) = ½ (1 + erf(x / √2)) the normal distribution (Hendrycks & Gimpel 2016): x itself where x is
 * large, 0 where it is far below 0, and smooth between. Below 0, 1 + erf(z) would lose its digits; erfc(−z) is the same.
 */
export function gelu(X: Matrix): Matrix {
  const Φ = (z: number) => 0.5 * (z < 0 ? erfc(-z) : 1 + erf(z)); // of x, with z = x / √2
  return X.map((x) => x.map((value) => value * Φ(value * Math.SQRT1_2)));
}

/**
 * The stack of L layers, the encoder of the Transformer. Each layer adds to a token's vector what attention and the
 * feed-forward network have found, instead of replacing it: x + Sublayer(x), normalised (Vaswani et al., §3.1). With this
 * residual connection a sub-layer has to find only what is to change, and training can reach what lies below it.
 *
 * @returns L + 1 matrices [T, H], the embeddings and what each layer makes of the one before it
 */
export function encoder(model: Model, tokens: Tokens): Matrix[] {
  const hiddenStates = [embeddings(model, tokens)];
  for (let n = 0; n < model.layers; n++) {
    const layer = `bert.encoder.layer.${n}`;
    const X = hiddenStates[n];
    const attended = normalize(model, `${layer}.attention.output.LayerNorm`, add(attention(model, layer, X), X));
    const transformed = feedForward(model, layer, attended);
    hiddenStates.push(normalize(model, `${layer}.output.LayerNorm`, add(transformed, attended)));
  }
  return hiddenStates;
}

// 4. Two heads, which ask the encoder's vectors the two questions of pretraining (Devlin et al., §3.1) ----------------

/**
 * The masked language model: which piece stands here? The vector is compared with the embedding of every piece of the
 * vocabulary, the very table that the encoder began with; a linear map and gelu prepare it.
 *
 * @param X [N, H], the last hidden states of N tokens @returns [N, V], a score for each piece
 */
export function maskedLanguageModel(model: Model, X: Matrix): Matrix {
  const head = "cls.predictions";
  const prepared = normalize(model, `${head}.transform.LayerNorm`, gelu(dense(model, `${head}.transform.dense`, X)));
  const E = matrixOf(model, "bert.embeddings.word_embeddings.weight");
  return linear(prepared, E, matrixOf(model, `${head}.bias`)[0]);
}

/**
 * Next sentence: does the second text follow the first? [CLS] has no meaning of its own, so that its vector can stand
 * for the whole; a linear map and tanh make C of it, the vector that also classifiers read.
 *
 * @param X [T, H], the last hidden states @returns [2], the scores of "it follows" and "it does not"
 */
export function nextSentence(model: Model, X: Matrix): Vector {
  const C = dense(model, "bert.pooler.dense", [X[0]]).map((x) => x.map(tanh));
  return dense(model, "cls.seq_relationship", C)[0];
}

// 5. Files ------------------------------------------------------------------------------------------------------------

/** Reads a folder as the hub of Hugging Face has it: sizes, weights, vocabulary. */
export function readModel(folder: string): Model {
  const config = JSON.parse(readFileSync(`${folder}/config.json`, "utf8"));
  return {
    weights: readSafetensors(`${folder}/model.safetensors`),
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    vocabulary: readVocabulary(`${folder}/vocab.txt`),
  };
}

/** vocab.txt has one piece in each line; the number of the line, from 0, is what the model knows the piece by. */
export function readVocabulary(path: string): Map<string, number> {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return new Map(lines.map((piece, id) => [piece, id]));
}

/**
 * A safetensors file begins with the length of its header, 8 bytes. The header is JSON and says of each tensor which
 * bytes after it are the tensor's. They are float32, or bfloat16: the upper half of a float32, whose lower half is 0.
 */
export function readSafetensors(path: string): Map<string, Matrix> {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__, ...header } = JSON.parse(file.toString("utf8", 8, start));
  const weights = new Map<string, Matrix>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries<TensorEntry>(header)) {
    const width = shape.at(-1) as number;
    const bits = new Uint32Array(shape.reduce((product, n) => product * n));
    for (let i = 0, at = start + data_offsets[0]; i < bits.length; i++) {
      bits[i] = dtype === "BF16" ? file.readUInt16LE(at + 2 * i) << 16 : file.readUInt32LE(at + 4 * i);
    }
    const numbers = new Float32Array(bits.buffer);
    const rows = Array.from({ length: numbers.length / width }, (_, r) => numbers.subarray(r * width, (r + 1) * width));
    weights.set(name, rows);
  }
  return weights;
}

interface TensorEntry {
  readonly dtype: "F32" | "BF16";
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

// Which characters are words of their own. Signs that Unicode has got since BERT was made are letters to BERT.
const CHINESE = String.raw`\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}`;
const YOUNGER = String.raw`\u061D\u09FD\u0A76\u0C77\u0C84\u166D\u1B4E\u1B4F\u1B7D-\u1B7F\u2E43-\u2E5D`;
const ALONE = new RegExp(String.raw`(?![${YOUNGER}])[\p{P}$+<=>^\x60|~${CHINESE}]`, "gu");

// 6. A filled mask ----------------------------------------------------------------------------------------------------

/** The five likeliest pieces in the place of a text's first [MASK], with their probabilities. */
export function fillMask(model: Model, text: string): { readonly piece: string; readonly probability: number }[] {
  const tokens = encode(model.vocabulary, text);
  const masked = tokens.ids.indexOf(model.vocabulary.get("[MASK]") as number);
  if (masked < 0) throw new Error(`the text must have a [MASK], got ${JSON.stringify(text)}`);
  const last = encoder(model, tokens)[model.layers];
  const probabilities = softmax(maskedLanguageModel(model, [last[masked]])[0]);
  const answers = Array.from(model.vocabulary, ([piece, id]) => ({ piece, probability: probabilities[id] }));
  return answers.sort((a, b) => b.probability - a.probability).slice(0, 5);
}

/**
 * Runs a page as a program if it is the file that was called, which may have been by a link, or without `.ts`. What is
 * wrong with the argument is said in one sentence.
 */
export function runPage(file: string, program: (argument?: string) => void): void {
  const called = process.argv[1] ?? "";
  if (![called, `${called}.ts`].some((path) => existsSync(path) && realpathSync(path) === realpathSync(file))) return;
  try {
    program(process.argv[2]);
  } catch (error) {
    if ((error as Error).name !== "Error") throw error; // a TypeError, say, is the page's own fault
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

// As a program, the page fills the gap of the text that is given.
runPage(import.meta.filename, (text = "She opened the [MASK] and looked out.") => {
  const answers = fillMask(readModel(`${import.meta.dirname}/../../weights`), text);
  if (text.split("[MASK]").length > 2) console.log("for the first of several [MASK]:");
  for (const { piece, probability } of answers) {
    console.log(`${piece.padEnd(10)} ${(100 * probability).toFixed(2).padStart(6)} %`);
  }
});
