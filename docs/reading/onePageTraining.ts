/**
 * How BERT learns, on one more page: the loss, the way back through every part of onePage.ts, and AdamW.
 *
 *     npx tsx docs/reading/onePageTraining.ts [UPDATES]
 *
 * A small BERT begins with random numbers, reads a nursery rhyme again and again, and within a minute fills its gaps; the
 * loss is printed as it falls. The method is gradient descent. The gradient of a weight, dw = ∂loss/∂w, says how much
 * the loss grows where the weight grows, so each weight is moved a little against its gradient. Backpropagation finds
 * all gradients in one walk from the loss back to the embeddings: each part is handed the gradient of what it made, dY,
 * and hands on that of what it was given, dX. What was used twice gets the sum of two gradients, and so every part adds
 * to what is there. Sums and rounding are as on the first page: every gradient has the bits of the engine's `plain`.
 */
import { erf, erfc, exp, log, tanh } from "../../src/tensor/kernels/transcendental.ts";
import type { Matrix, Model, Tokens } from "./onePage.ts";
import { add, dot, encode, fillMask, gelu, layerNorm, linear, readSafetensors, runPage, softmax } from "./onePage.ts";

/** A model that learns: beside each matrix of weights there is one for its gradient. */
export interface Learner extends Model {
  readonly gradients: ReadonlyMap<string, Matrix>;
}

/** What a part made, and its way back: from dY it adds to dX, and to the gradients of its own weights. */
interface Part {
  readonly Y: Matrix;
  back(dY: Matrix, dX: Matrix): void;
}
type Step = (X: Matrix) => Part;

type Trained = readonly [weight: Matrix, gradient: Matrix];
const trained = ({ weights, gradients }: Learner, name: string): Trained =>
  [weights, gradients].map((all) => all.get(name) as Matrix) as [Matrix, Matrix];
const zeros = (X: Matrix): Matrix => X.map((x) => new Float32Array(x.length));

/** Σ f(n), n = 0, 1, 2, … in order. */
function sumOf(count: number, f: (n: number) => number): number {
  let sum = 0;
  for (let n = 0; n < count; n++) sum += f(n);
  return sum;
}

// 1. The parts, forward and back --------------------------------------------------------------------------------------

/**
 * A linear map: y[t][o] = Σ_i x[t][i] w[o][i] + b[o]. In this sum x[t][i] acts with the strength w[o][i], and w[o][i] with
 * the strength x[t][i]. A bias is a matrix of one row.
 *
 *     dX += dY W        dW += dYᵀ X        db += Σ_t dy_t
 */
function linearMap(X: Matrix, [W, dW]: Trained, [[b], [db]]: Trained): Part {
  const back = (dY: Matrix, dX: Matrix) => {
    for (let o = 0; o < W.length; o++) {
      for (let i = 0; i < W[o].length; i++) dW[o][i] += sumOf(X.length, (t) => dY[t][o] * X[t][i]);
      db[o] += sumOf(X.length, (t) => dY[t][o]);
    }
    for (const [t, dx] of dX.entries())
      for (let i = 0; i < dx.length; i++) dx[i] += sumOf(W.length, (o) => dY[t][o] * W[o][i]);
  };
  return { Y: linear(X, W, b), back };
}
const dense = (learner: Learner, name: string): Step => {
  const [weight, bias] = ["weight", "bias"].map((kind) => trained(learner, `${name}.${kind}`));
  return (X) => linearMap(X, weight, bias);
};

/**
 * Layer normalisation, y = γ ⊙ x̂ + β with x̂ = (x − μ) / σ; ⊙ multiplies number by number. A number of x acts on its own
 * y, and through μ and σ on all others. So of g = dy ⊙ γ, the gradient of x̂, two parts are lost: its mean, because
 * x + 1 has the same x̂ as x, and its share along x̂, because 2x has the same x̂ too.
 *
 *     dx += (g − mean(g) − x̂ mean(g ⊙ x̂)) / σ        dγ += Σ_t dy ⊙ x̂        dβ += Σ_t dy
 */
const normalize =
  (learner: Learner, name: string) =>
  (X: Matrix): Part => {
    const [[gamma], [dgamma]] = trained(learner, `${name}.weight`);
    const [[beta], [dbeta]] = trained(learner, `${name}.bias`);
    const H = gamma.length;
    const back = (dY: Matrix, dX: Matrix) => {
      const xHats = X.map((x, t) => {
        const mean = sumOf(H, (h) => x[h]) / H;
        const scale = 1 / Math.sqrt(sumOf(H, (h) => (x[h] - mean) * (x[h] - mean)) / H + 1e-12); // 1 / σ
        const xHat = Float64Array.from(x, (value) => (value - mean) * scale);
        const g = Float64Array.from(dY[t], (dy, h) => dy * gamma[h]);
        const [meanG, meanGX] = [sumOf(H, (h) => g[h]) / H, sumOf(H, (h) => g[h] * xHat[h]) / H];
        for (let h = 0; h < H; h++) dX[t][h] += (g[h] - meanG - xHat[h] * meanGX) * scale;
        return xHat;
      });
      for (let h = 0; h < H; h++) {
        dgamma[h] += sumOf(X.length, (t) => dY[t][h] * xHats[t][h]);
        dbeta[h] += sumOf(X.length, (t) => dY[t][h]);
      }
    };
    return { Y: layerNorm(X, gamma, beta), back };
  };

/** A function of each number by itself: dx += dy f′(x). */
function each(f: (X: Matrix) => Matrix, slope: (x: number, y: number) => number): Step {
  return (X) => {
    const Y = f(X);
    const back = (dY: Matrix, dX: Matrix) => {
      for (const [t, dx] of dX.entries()) for (const i of dx.keys()) dx[i] += dY[t][i] * slope(X[t][i], Y[t][i]);
    };
    return { Y, back };
  };
}
const allTanh = (X: Matrix): Matrix => X.map((x) => x.map(tanh));
const squash = each(allTanh, (_, y) => 1 - y * y); // tanh′ = 1 − tanh²
/** gelu(x) = x Φ(x), so gelu′(x) = Φ(x) + x φ(x), with φ(x) = e^(−x²/2) / √(2π) the bell curve. */
const activation = each(gelu, (x) => {
  const z = x * Math.SQRT1_2;
  return 0.5 * (z < 0 ? erfc(-z) : 1 + erf(z)) + x * (exp(-z * z) * 0.3989422804014327);
});

/** Parts one after the other; the way back is the same list from its end. */
function chain(X: Matrix, ...steps: readonly Step[]): Part {
  const parts: Part[] = [];
  for (const step of steps) parts.push(step(parts.at(-1)?.Y ?? X));
  const back = (dY: Matrix, dX: Matrix) => {
    for (let i = parts.length - 1, d = dY; i >= 0; i--) {
      const below = i > 0 ? zeros(parts[i - 1].Y) : dX;
      parts[i].back(d, below);
      d = below;
    }
  };
  return { Y: (parts.at(-1) as Part).Y, back };
}

/**
 * Embeddings: three look-ups whose sum is normalised. The sum hands its gradient to each of the three, and a row of a
 * table gets those of all tokens that were given it.
 */
function embeddings(learner: Learner, { ids, types }: Tokens): Part {
  const rows = [ids, types, ids.map((_, t) => t)];
  const tables = ["word", "token_type", "position"].map((n) =>
    trained(learner, `bert.embeddings.${n}_embeddings.weight`),
  );
  const [word, type, position] = tables.map(([table], n) => rows[n].map((row) => table[row]));
  const sum = add(add(word, type), position);
  const normal = normalize(learner, "bert.embeddings.LayerNorm")(sum);
  const back = (dY: Matrix) => {
    const dsum = zeros(sum);
    normal.back(dY, dsum);
    for (const [n, [, dtable]] of tables.entries()) {
      for (const row of new Set(rows[n])) {
        const uses = dsum.filter((_, t) => rows[n][t] === row);
        for (let h = 0; h < dtable[row].length; h++) dtable[row][h] += sumOf(uses.length, (u) => uses[u][h]);
      }
    }
  };
  return { Y: normal.Y, back };
}

/**
 * Attention. From C = P V back to P and V, through softmax to the scores S = Q Kᵀ / √D, and from there to Q and K:
 *
 *     dV = Pᵀ dC        dP = dC Vᵀ        dS = P ⊙ (dP − Σ_s dP_s P_s)        dQ = dS K / √D        dK = dSᵀ Q / √D
 *
 * The line of softmax says: a score is to grow as far as its weight is wanted more than the weights are on average.
 */
function attention(learner: Learner, layer: string, X: Matrix): Part {
  const maps = ["query", "key", "value"].map((name) => dense(learner, `${layer}.attention.self.${name}`)(X));
  const [T, D] = [X.length, X[0].length / learner.heads];
  const scale = 1 / Math.sqrt(D);
  const windows = (a: number, all: readonly Matrix[]) =>
    all.map((rows) => rows.map((row) => row.subarray(a * D, a * D + D)));
  const made = [...maps.map(({ Y }) => Y), zeros(X)]; // Q, K, V, C
  const P = Array.from({ length: learner.heads }, (_, a) => {
    const [Q, K, V, C] = windows(a, made);
    const weights = Q.map((q) => softmax(Float32Array.from(K, (k) => dot(q, k) * scale)));
    for (let t = 0; t < T; t++) for (let d = 0; d < D; d++) C[t][d] = sumOf(T, (s) => weights[t][s] * V[s][d]);
    return weights;
  });
  const output = dense(learner, `${layer}.attention.output.dense`)(made[3]);
  const back = (dY: Matrix, dX: Matrix) => {
    const gradients = made.map(zeros);
    output.back(dY, gradients[3]);
    for (const [a, weights] of P.entries()) {
      const [Q, K, V] = windows(a, made);
      const [dQ, dK, dV, dC] = windows(a, gradients);
      const dS = weights.map((p, t) => {
        const dP = Float32Array.from(V, (v) => dot(dC[t], v));
        const average = dot(dP, p);
        return p.map((weight, s) => weight * (dP[s] - average));
      });
      for (let t = 0; t < T; t++) {
        for (let d = 0; d < D; d++) {
          dV[t][d] = sumOf(T, (s) => weights[s][t] * dC[s][d]);
          dQ[t][d] = sumOf(T, (s) => dS[t][s] * K[s][d]) * scale;
          dK[t][d] = sumOf(T, (s) => dS[s][t] * Q[s][d]) * scale;
        }
      }
    }
    for (const [i, part] of maps.entries()) part.back(gradients[i], dX);
  };
  return { Y: output.Y, back };
}

/** LayerNorm(x + Sublayer(x)): the gradient of the sum goes straight to x, and to x through the sub-layer too. */
function addAndNorm(learner: Learner, name: string, X: Matrix, sublayer: Part): Part {
  const normal = normalize(learner, name)(add(sublayer.Y, X));
  const back = (dY: Matrix, dX: Matrix) => {
    const dsum = zeros(X);
    normal.back(dY, dsum);
    for (const [t, dx] of dX.entries()) for (let h = 0; h < dx.length; h++) dx[h] += dsum[t][h];
    sublayer.back(dsum, dX);
  };
  return { Y: normal.Y, back };
}

/** A layer of the stack: attention, then the feed-forward network. */
const encoderLayer = (learner: Learner, layer: string): Step => {
  const [first, second] = ["intermediate", "output"].map((name) => dense(learner, `${layer}.${name}.dense`));
  return (X) =>
    chain(
      X,
      (Z) => addAndNorm(learner, `${layer}.attention.output.LayerNorm`, Z, attention(learner, layer, Z)),
      (Z) => addAndNorm(learner, `${layer}.output.LayerNorm`, Z, chain(Z, first, activation, second)),
    );
};

// 2. The loss: how surprised the model is by the truth ----------------------------------------------------------------

/**
 * Cross-entropy: the mean of −ln p_y over rows of scores z whose right answer is y, with p = softmax(z). It is 0 for a
 * model that is sure and right, ln V for one that guesses among V, and has no limit for one that is sure and wrong. Its
 * gradient, which goes back through the head, is dz_c = p_c / n, and for the right answer (p_y − 1) / n.
 */
function lossOf(head: Part, answers: readonly number[], dX: Matrix): number {
  let loss = 0;
  const dZ = head.Y.map((z, n) => {
    const max = Math.max(...z);
    const sum = sumOf(z.length, (c) => exp(z[c] - max));
    loss += log(sum) + max - z[answers[n]];
    return z.map((score, c) => (exp(score - max) / sum - (c === answers[n] ? 1 : 0)) * (1 / answers.length));
  });
  head.back(dZ, dX);
  return loss / answers.length;
}

/** Two texts, what stood at the tokens that are hidden, and whether the second text follows the first. */
export interface Example {
  readonly tokens: Tokens;
  readonly hidden: ReadonlyMap<number, number>;
  readonly isNext: boolean;
}

/** Adds the gradients of an example to the learner's. @returns the sum of both heads' losses (Devlin et al., §A.2) */
export function lossAndGradients(learner: Learner, { tokens, hidden, isNext }: Example): number {
  const embedded = embeddings(learner, tokens);
  const layers = Array.from({ length: learner.layers }, (_, n) => encoderLayer(learner, `bert.encoder.layer.${n}`));
  const stack = chain(embedded.Y, ...layers);
  const dX = zeros(stack.Y);
  const E = trained(learner, "bert.embeddings.word_embeddings.weight");
  const map = (name: string) => dense(learner, name);
  const places = (X: Matrix) => [...hidden.keys()].map((t) => X[t]); // the rows themselves, not copies
  const word = chain(
    places(stack.Y),
    map("cls.predictions.transform.dense"),
    activation,
    normalize(learner, "cls.predictions.transform.LayerNorm"),
    (X) => linearMap(X, E, trained(learner, "cls.predictions.bias")),
  );
  const sentence = chain([stack.Y[0]], map("bert.pooler.dense"), squash, map("cls.seq_relationship"));
  const dfirst = zeros([dX[0]]);
  const loss = lossOf(word, [...hidden.values()], places(dX)) + lossOf(sentence, [isNext ? 0 : 1], dfirst);
  dX[0].set(add([dX[0]], dfirst)[0]); // [CLS] may have been hidden too
  const dembedded = zeros(dX);
  stack.back(dX, dembedded);
  embedded.back(dembedded, []); // nothing lies below
  return loss;
}

// 3. Learning ---------------------------------------------------------------------------------------------------------

/**
 * AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019). m is the running mean of a weight's gradients, v that of their
 * squares: m / √v is near ±1 where they agree and near 0 where they contradict each other, however large they are. Both
 * begin at 0, which the divisions by 1 − βᵗ make good. λ draws the weights of matrices to 0.
 *
 *     m ← β₁ m + (1 − β₁) g    v ← β₂ v + (1 − β₂) g²    w ← w − η (λ w + m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε))
 */
export function adamw(learner: Learner, moments: readonly Map<string, Matrix>[], t: number, rate: number): void {
  const [beta1, beta2] = [0.9, 0.999];
  const [stepSize, correction] = [rate / (1 - beta1 ** t), Math.sqrt(1 - beta2 ** t)];
  for (const [name, W] of learner.weights) {
    const decay = name.endsWith("bias") || name.includes("LayerNorm") ? 0 : rate * 0.01; // η λ
    const [dW, M, V] = [learner.gradients, ...moments].map((all) => all.get(name) as Matrix);
    for (const [o, w] of W.entries()) {
      for (const [i, g] of dW[o].entries()) {
        const m = beta1 * M[o][i] + (1 - beta1) * g;
        const v = beta2 * V[o][i] + (1 - beta2) * g * g;
        [M[o][i], V[o][i]] = [m, v];
        w[i] -= decay * w[i] + (stepSize * m) / (Math.sqrt(v) / correction + 1e-8);
      }
    }
  }
}

/** A BERT that knows nothing: the shapes of a file, random matrices, biases of 0, and LayerNorms that stretch by 1. */
function newLearner(vocabulary: ReadonlyMap<string, number>, random: () => number): Learner {
  const weights = readSafetensors(`${import.meta.dirname}/../../test/reference/tiny/model.safetensors`);
  const any = () => (random() + random() + random() - 1.5) / 4; // about normal, around 0, σ = 1/8
  const begin = (name: string) => (name.endsWith("bias") ? 0 : name.includes("LayerNorm") ? 1 : any());
  for (const [name, W] of weights) for (const w of W) for (const i of w.keys()) w[i] = begin(name);
  const gradients = new Map(Array.from(weights, ([name, W]) => [name, zeros(W)]));
  return { weights, gradients, layers: 2, heads: 3, vocabulary };
}

const RHYME = `Twinkle, twinkle, little star, how I wonder what you are!
Up above the world so high, like a diamond in the sky.
When the blazing sun is gone, when he nothing shines upon,
then you show your little light, twinkle, twinkle, all the night.`.split("\n");

/** A line, and the one after it or one of the two others; 15 % of the tokens are chosen (Devlin et al., §3.1, §A.1). */
function example(vocabulary: ReadonlyMap<string, number>, random: () => number): Example {
  const any = (n: number) => Math.floor(random() * n);
  const [line, isNext] = [any(4), random() < 0.5];
  const { ids, types } = encode(vocabulary, RHYME[line], RHYME[(line + (isNext ? 1 : 2 + any(2))) % 4]);
  const hidden = new Map([...ids.entries()].filter(([, id]) => id > 4 && random() < 0.15)); // 0 … 4 are [PAD] … [MASK]
  const read = ids.map((id, t) => {
    const fate = hidden.has(t) ? random() : 1; // 80 % become [MASK], 10 % another piece, 10 % stay as they are
    return fate < 0.8 ? (vocabulary.get("[MASK]") as number) : fate < 0.9 ? 5 + any(vocabulary.size - 5) : id;
  });
  return hidden.size > 0 ? { tokens: { ids: read, types }, hidden, isNext } : example(vocabulary, random);
}

// As a program, it learns the rhyme.
runPage(import.meta.filename, (argument = "420") => {
  const updates = Number(argument);
  if (!Number.isSafeInteger(updates) || updates < 1) throw new Error(`UPDATES must be an integer > 0, got ${argument}`);
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // a linear congruential generator, Knuth's
    return state / 2 ** 32;
  };
  const pieces = `[PAD] [UNK] [CLS] [SEP] [MASK] ${RHYME.join(" ").replace(/[^\w\s]/g, " $&")}`.split(/\s+/);
  const vocabulary = new Map([...new Set(pieces)].map((piece, id) => [piece, id]));
  const learner = newLearner(vocabulary, random);
  const moments = [0, 1].map(() => new Map(Array.from(learner.weights, ([name, W]) => [name, zeros(W)])));
  for (let t = 1, mean = 0; t <= updates; t++) {
    for (const dw of [...learner.gradients.values()].flat()) dw.fill(0);
    for (let n = 0; n < 8; n++) mean += lossAndGradients(learner, example(vocabulary, random)) / (8 * 30);
    adamw(learner, moments, t, 0.003);
    if (t % 30 > 0) continue;
    console.log(`update ${String(t).padStart(3)}  loss ${mean.toFixed(2)}  ${"█".repeat(12 * mean)}`);
    mean = 0;
  }
  for (const text of RHYME.map((line) => line.replace(/(little|diamond|sun|light)/, "[MASK]")))
    console.log(`${text}  ${fillMask(learner, text)[0].piece}`);
});
