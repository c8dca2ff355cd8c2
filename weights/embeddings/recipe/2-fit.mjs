/**
 * node weights/embeddings/recipe/2-fit.mjs WORK TEACHER TOKENIZER
 *
 * A vector w_p for each piece p of the vocabulary, so that the mean over a text's pieces, with a vector b that all texts share, points where
 * the teacher's vector t of the text points: the least mean of 1 − cos(b + 1/n Σ_i w_{p_i}, t), by Adam (Kingma & Ba 2015). No w_p is longer
 * than 1. They start as the teacher's vectors of the pieces alone, less their mean, each times a / (a + f) with f the piece's frequency and
 * a = 10⁻³ (Arora, Liang & Ma 2017, eq. 1). Writes WORK/pieces.safetensors. Five minutes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer, pipeline } from "plainbert";
import { writeSafetensors } from "plainbert/safetensors";
import { randomFrom } from "../../recipe/settings.mjs";
import { distinctTexts, taughtVectors } from "./taught.mjs";

const [work, teacher, vocabulary] = process.argv.slice(2);
const BATCH = 256;
const EPOCHS = 4;
const RATE = 0.01;
const LONGEST = 1;
const tokenizer = await loadTokenizer(vocabulary);
const pieces = readFileSync(join(vocabulary, "vocab.txt"), "utf8").trimEnd().split("\n");
const texts = distinctTexts(join(work, "texts.txt"));
const { data: targets, E } = taughtVectors(join(work, "taught"), texts.length);
const ids = texts.map((text) => Int32Array.from(tokenizer.encode(text).inputIds));
const V = pieces.length;
const vectors = await startVectors();
const shared = new Float32Array(E);

/** The teacher's vectors of the pieces alone, weighted by their frequencies. [V, E] */
async function startVectors() {
  const embed = await pipeline("embeddings", teacher);
  const { data } = await embed(pieces.map((piece) => piece.replace(/^##/, "")));
  await embed.dispose();
  const counts = new Float64Array(V);
  for (const text of ids) for (const id of text) counts[id]++;
  const all = counts.reduce((a, b) => a + b);
  const mean = Float64Array.from({ length: E }, (_, d) => pieces.reduce((sum, _, p) => sum + data[p * E + d], 0) / V);
  return data.map((value, i) => {
    const p = Math.floor(i / E);
    return /^\[[A-Z]+\]$/.test(pieces[p]) ? 0 : ((value - mean[i % E]) * 1e-3) / (1e-3 + counts[p] / all);
  });
}

/** Adam's means of a number of vectors of E numbers, each corrected by how often it was updated. */
class Adam {
  constructor(n) {
    this.first = new Float32Array(n * E);
    this.second = new Float32Array(n * E);
    this.updates = new Int32Array(n);
  }

  step(values, gradients, p, rate) {
    const k = ++this.updates[p];
    const [c1, c2] = [1 / (1 - 0.9 ** k), 1 / (1 - 0.99 ** k)];
    for (let i = p * E; i < (p + 1) * E; i++) {
      const g = gradients[i];
      this.first[i] = 0.9 * this.first[i] + 0.1 * g;
      this.second[i] = 0.99 * this.second[i] + 0.01 * g * g;
      values[i] -= (rate * c1 * this.first[i]) / (Math.sqrt(c2 * this.second[i]) + 1e-9);
      gradients[i] = 0;
    }
  }
}

/** Adds the gradients of 1 − cos of a text. @returns 1 − cos */
function addText(text, gradients, sharedGradient) {
  const u = Float64Array.from(shared);
  for (const id of ids[text]) for (let d = 0; d < E; d++) u[d] += vectors[id * E + d] / ids[text].length;
  let [uu, ut] = [0, 0];
  for (let d = 0; d < E; d++) {
    uu += u[d] * u[d];
    ut += u[d] * targets[text * E + d];
  }
  const length = Math.sqrt(uu) + 1e-6;
  for (let d = 0; d < E; d++) {
    u[d] = ((ut / uu) * u[d] - targets[text * E + d]) / (length * BATCH);
    sharedGradient[d] += u[d];
  }
  for (const id of ids[text]) for (let d = 0; d < E; d++) gradients[id * E + d] += u[d] / ids[text].length;
  return 1 - ut / length;
}

function shorten(p) {
  let square = 0;
  for (let i = p * E; i < (p + 1) * E; i++) square += vectors[i] * vectors[i];
  const factor = LONGEST / Math.sqrt(square);
  if (factor < 1) for (let i = p * E; i < (p + 1) * E; i++) vectors[i] *= factor;
}

const random = randomFrom(1);
const order = texts.map((_, i) => i);
const steps = Math.floor(texts.length / BATCH) * EPOCHS;
const [adam, sharedAdam] = [new Adam(V), new Adam(1)];
const [gradients, sharedGradient] = [new Float32Array(V * E), new Float32Array(E)];
for (let step = 0, loss = 0; step < steps; step++) {
  const at = (step * BATCH) % (Math.floor(texts.length / BATCH) * BATCH);
  if (at === 0) shuffle();
  const batch = order.slice(at, at + BATCH);
  for (const text of batch) loss += addText(text, gradients, sharedGradient) / BATCH;
  const rate = RATE * Math.min(1, (step + 1) / 50) * (1 - step / steps);
  for (const p of new Set(batch.flatMap((text) => [...ids[text]]))) {
    adam.step(vectors, gradients, p, rate);
    shorten(p);
  }
  sharedAdam.step(shared, sharedGradient, 0, rate);
  if ((step + 1) % 500 === 0) {
    console.log(`step ${step + 1} of ${steps}  1 - cos ${(loss / 500).toFixed(4)}`);
    loss = 0;
  }
}

function shuffle() {
  for (let i = order.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
}

const tensors = [
  ["pieces", { dtype: "F32", shape: [V, E], data: vectors }],
  ["shared", { dtype: "F32", shape: [E], data: shared }],
];
writeFileSync(join(work, "pieces.safetensors"), writeSafetensors(tensors));
