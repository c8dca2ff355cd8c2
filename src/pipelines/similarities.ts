import type { SimilarityFunction } from "../load/sentenceSettings.ts";

/** How alike two vectors of D numbers are: the more, the larger. Computed in float64. */
export type Similarity = (a: Float32Array, b: Float32Array) => number;

/** Σ f(a_d, b_d) */
function sum(a: Float32Array, b: Float32Array, f: (x: number, y: number) => number): number {
  let total = 0;
  for (let d = 0; d < a.length; d++) total += f(a[d], b[d]);
  return total;
}

const dot: Similarity = (a, b) => sum(a, b, (x, y) => x * y);

/**
 * a · b / (|a| |b|), at least −1 and at most 1, which roundings would else leave. A vector of zeros has no direction
 * and gives 0, as in sentence-transformers.
 */
const cosine: Similarity = (a, b) => {
  const lengths = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
  return lengths === 0 ? 0 : Math.min(1, Math.max(-1, dot(a, b) / lengths));
};

/** As `SentenceTransformer.similarity`: of the two distances, minus the distance. */
export const SIMILARITIES: Readonly<Record<SimilarityFunction, Similarity>> = {
  cosine,
  dot,
  euclidean: (a, b) => -Math.sqrt(sum(a, b, (x, y) => (x - y) * (x - y))),
  manhattan: (a, b) => -sum(a, b, (x, y) => Math.abs(x - y)),
};
