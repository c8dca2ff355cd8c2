import { readFileSync } from "node:fs";
import { readDocuments } from "plainbert/training";

/**
 * Two models of masked tokens by counting, from the same text and tokens as the trained one: `unigram`, how often each token occurs, and
 * `neighbours`, how often between its left and its right neighbour.
 *
 *     p(w)      = (c(w) + 1) / (N + V)
 *     p(w | l)  = (c(l w) + κ p(w)) / (c(l) + κ)                            Dirichlet smoothing
 *     p(w | l r) ∝ p(w | l) p(r | w)                                         a Markov chain's
 *     q(w | l r) = (c(l w r) + μ p(w | l r)) / (c(l · r) + μ)
 */
export class CountModels {
  /** @param V tokens in the vocabulary @param unknown ids of [MASK] and the others that say nothing as neighbours */
  constructor(V, unknown) {
    this.V = V;
    this.unknown = new Set(unknown);
    this.unigrams = new Float64Array(V);
    this.after = new Uint32Array(V * V); // after[l · V + w] = c(l w)
    this.before = new Uint32Array(V * V); // before[r · V + w] = c(w r)
    this.runs = [];
  }

  static async from(paths, tokenizer, unknown) {
    const models = new CountModels(tokenizer.size, unknown);
    for (const path of paths) {
      const lines = readFileSync(path, "utf8").split("\n");
      const options = { splitSentences: true, maxTokens: 1e7 };
      for await (const { tokens } of readDocuments(path, [lines], tokenizer, options)) models.add(tokens);
    }
    models.finish();
    return models;
  }

  add(tokens) {
    const { V } = this;
    this.runs.push(tokens);
    for (let i = 0; i < tokens.length; i++) {
      this.unigrams[tokens[i]]++;
      if (i === 0) continue;
      this.after[tokens[i - 1] * V + tokens[i]]++;
      this.before[tokens[i] * V + tokens[i - 1]]++;
    }
  }

  finish() {
    const { V } = this;
    const total = this.unigrams.reduce((sum, count) => sum + count, 0);
    this.p = this.unigrams.map((count) => (count + 1) / (total + V));
    this.total = total;
    // Every l w r as a number, sorted: those of one l and r stand together.
    this.triples = new Float64Array(this.runs.reduce((sum, { length }) => sum + Math.max(0, length - 2), 0));
    let at = 0;
    for (const tokens of this.runs) {
      for (let i = 2; i < tokens.length; i++) this.triples[at++] = (tokens[i - 2] * V + tokens[i]) * V + tokens[i - 1];
    }
    this.triples.sort();
    this.runs = [];
  }

  /** p(w | l r) for all w, [V]; a neighbour that is unknown is left out. */
  neighbours(l, r, kappa, mu) {
    const { V, p, after, before, unigrams } = this;
    const q = Float64Array.from(p);
    const hasLeft = !this.unknown.has(l);
    const hasRight = !this.unknown.has(r);
    for (let w = 0; w < V; w++) {
      if (hasLeft) q[w] = (after[l * V + w] + kappa * p[w]) / (unigrams[l] + kappa);
      if (hasRight) q[w] *= (before[r * V + w] + kappa * p[r]) / (unigrams[w] + kappa);
    }
    const sum = q.reduce((total, value) => total + value, 0);
    if (!hasLeft || !hasRight) return q.map((value) => value / sum);
    const key = (l * V + r) * V;
    const from = lowerBound(this.triples, key);
    const to = lowerBound(this.triples, key + V);
    for (let w = 0; w < V; w++) q[w] *= mu / sum;
    for (let i = from; i < to; i++) q[this.triples[i] - key]++;
    return q.map((value) => value / (to - from + mu));
  }

  /** log p(second | first) − log p(second), of the tokens to both sides of a seam between segments. */
  seam(first, second, kappa) {
    const { V, p, after, unigrams } = this;
    return Math.log((after[first * V + second] + kappa * p[second]) / (unigrams[first] + kappa) / p[second]);
  }
}

function lowerBound(sorted, key) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
