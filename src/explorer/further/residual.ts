/** The residual stream: how long a token's vector is at each layer, how far it turns, and what is added to it. */

/** What is measured of each layer and token. */
export const STREAM_MEASURES = ["norm", "before", "embedding", "attention", "feedForward"] as const;
/** One of them. */
export type StreamMeasure = (typeof STREAM_MEASURES)[number];

/** How many of a vector's largest dimensions are told. */
const LARGEST = 16;

/** A dimension is an outlier from so many standard deviations on. */
const DEVIATIONS = 5;

/** Numbers of every measure: `norm` [L + 1, T], the embeddings first; the others [L, T]. Rounded to float32. */
export type Measures = Readonly<Record<StreamMeasure, Float32Array>>;

/** What is known of the stream. */
export interface Residual {
  /** The taps of the embeddings and of each layer. */
  readonly taps: readonly string[];
  /** Of all dimensions. */
  readonly whole: Measures;
  /** Of those that are no outliers. */
  readonly without: Measures;
  /** With the places in `taps` where each stands out. */
  readonly outliers: readonly { readonly dimension: number; readonly at: readonly number[] }[];
  /** [L + 1, T, N], N = min(LARGEST, H): the dimensions of the largest magnitude, the largest first, … */
  readonly dimensions: Int32Array;
  /** … and the numbers there. */
  readonly values: Float32Array;
}

/** The vectors, arrays [T, H]. */
export interface StreamVectors {
  /** The embeddings, then the output of each layer. */
  readonly states: readonly Float32Array[];
  /** Of each layer: what attention adds, their sum after LayerNorm, and what the feed-forward network adds to that. */
  readonly attention: readonly Float32Array[];
  readonly attended: readonly Float32Array[];
  readonly feedForward: readonly Float32Array[];
}

/** Measures the stream. @param taps the names of the states */
export function residualOf(taps: readonly string[], vectors: StreamVectors, T: number, H: number): Residual {
  const outliers = outliersOf(vectors.states, T, H);
  const left = new Set(outliers.map(({ dimension }) => dimension));
  const dimensions = Array.from({ length: H }, (_, d) => d);
  const kept = dimensions.filter((d) => !left.has(d));
  return {
    ...{ taps, outliers, ...largestOf(vectors.states, T, H) },
    whole: measuresOf(vectors, T, H, dimensions),
    without: measuresOf(vectors, T, H, kept),
  };
}

/** Every measure, of some of the dimensions. */
function measuresOf(vectors: StreamVectors, T: number, H: number, dimensions: readonly number[]): Measures {
  const { states, attention, attended, feedForward } = vectors;
  const dot = (a: Float32Array, b: Float32Array, t: number): number => {
    let sum = 0;
    for (const d of dimensions) sum += a[t * H + d] * b[t * H + d];
    return sum;
  };
  const norm = (a: Float32Array, t: number) => Math.sqrt(dot(a, a, t));
  const cosine = (a: Float32Array, b: Float32Array, t: number) => quotient(dot(a, b, t), norm(a, t) * norm(b, t));
  const share = (added: Float32Array, to: Float32Array, t: number) =>
    quotient(norm(added, t), norm(added, t) + norm(to, t));
  const each = (rows: readonly Float32Array[], of: (row: Float32Array, n: number, t: number) => number) =>
    Float32Array.from({ length: rows.length * T }, (_, i) => {
      const n = Math.floor(i / T);
      return of(rows[n], n, i % T);
    });
  const outputs = states.slice(1);
  return {
    norm: each(states, (x, _, t) => norm(x, t)),
    before: each(outputs, (x, n, t) => cosine(x, states[n], t)),
    embedding: each(outputs, (x, _, t) => cosine(x, states[0], t)),
    attention: each(attention, (added, n, t) => share(added, states[n], t)),
    feedForward: each(feedForward, (added, n, t) => share(added, attended[n], t)),
  };
}

/** 0 where both are 0, as of vectors without a direction. */
const quotient = (a: number, b: number): number => (b === 0 ? 0 : a / b);

/** The dimensions whose mean magnitude over the tokens is far above that of all, at any layer. */
function outliersOf(states: readonly Float32Array[], T: number, H: number): Residual["outliers"] {
  const places = new Map<number, number[]>();
  for (const [n, x] of states.entries()) {
    const magnitudes = new Float64Array(H);
    for (let i = 0; i < T * H; i++) magnitudes[i % H] += Math.abs(x[i]) / T;
    const mean = magnitudes.reduce((sum, one) => sum + one, 0) / H;
    const variance = magnitudes.reduce((sum, one) => sum + (one - mean) * (one - mean), 0) / H;
    for (const [d, magnitude] of magnitudes.entries())
      if (magnitude > mean + DEVIATIONS * Math.sqrt(variance)) places.set(d, [...(places.get(d) ?? []), n]);
  }
  const found = [...places].map(([dimension, at]) => ({ dimension, at }));
  return found.sort((a, b) => b.at.length - a.at.length || a.dimension - b.dimension);
}

function largestOf(states: readonly Float32Array[], T: number, H: number): Pick<Residual, "dimensions" | "values"> {
  const [dimensions, values]: [number[], number[]] = [[], []];
  for (const x of states) {
    for (let t = 0; t < T; t++) {
      const row = x.subarray(t * H, (t + 1) * H);
      const largest = [...row.keys()].sort((a, b) => Math.abs(row[b]) - Math.abs(row[a]) || a - b).slice(0, LARGEST);
      dimensions.push(...largest);
      values.push(...largest.map((d) => row[d]));
    }
  }
  return { dimensions: Int32Array.from(dimensions), values: Float32Array.from(values) };
}
