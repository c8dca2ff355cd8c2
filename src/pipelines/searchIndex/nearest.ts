import type { Backend } from "../../tensor/backend.ts";
import { isLive, type Segment } from "./segment.ts";

/** How long scores are computed before the event loop gets a turn, in milliseconds. */
const TURN_MS = 5;
/** Numbers of vectors whose scores are computed at a time: 2 MB of them, which a core's second cache holds. */
const TILE = 1 << 19;
/** Queries whose scores are computed together: with more, the scores of a tile leave that cache. */
const MOST_QUERIES = 128;
/** The kernels' panels have so many columns. */
const PANEL = 16;

/** A row that was found. */
export interface Found {
  readonly segment: Segment;
  readonly row: number;
  readonly score: number;
}

/** What is looked for. */
export interface Wanted {
  /** How many rows for each query. */
  readonly k: number;
  /** Whether a row may be among them; it is asked about rows that would be. */
  readonly accepts: (segment: Segment, row: number) => boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * The k rows whose vectors have the largest dot product with each query, largest first; of equal ones the first comes
 * first. Scores are sums in float64, element by element, on every backend.
 *
 * On `simd` the products of many rows and queries are one matrix product in float32, which says which rows can be
 * among the k: a sum of H products in float32, in any order, fused or not, is at most γ Σ|x_i y_i| from the exact one,
 * γ = H u / (1 − H u), u = 2^−24 (Higham 2002, §3.1), and Σ|x_i y_i| ≤ |x| |y| = 1. Of those rows alone, k log(N / k)
 * of N in random order, the sum in float64 is computed. So a query's result does not depend on the other queries.
 *
 * @param queries [Q, H], each of length 1, or zeros
 */
export async function nearest(
  segments: readonly Segment[],
  queries: Float32Array,
  H: number,
  k: Backend,
  wanted: Wanted,
): Promise<Found[][]> {
  const Q = queries.length / H;
  const found = Array.from({ length: Q }, () => new Best(wanted.k));
  const turns = new Turns(wanted.signal);
  for (let q = 0; q < Q; q += MOST_QUERIES) {
    const end = Math.min(Q, q + MOST_QUERIES);
    const group = queries.subarray(q * H, end * H);
    const scorer = k.info.name === "plain" ? new PlainScores(group, H) : new ProductScores(group, H, k);
    try {
      await search(segments, scorer, found.slice(q, end), wanted, turns);
    } finally {
      scorer.release();
    }
  }
  return found.map((best) => best.rows);
}

/** Looks for the best rows of a group of queries. */
async function search(
  segments: readonly Segment[],
  scorer: Scores,
  found: readonly Best[],
  { accepts }: Wanted,
  turns: Turns,
): Promise<void> {
  const { stride, slack, queries, H } = scorer;
  const tile = Math.max(1, Math.floor(TILE / H));
  /** What a query's score must be above, so that the exact one can be among the best. */
  const limits = Float64Array.from(found, (best) => best.least - slack);
  for (const segment of segments) {
    const { vectors } = segment;
    const rows = vectors.length / H;
    for (let first = 0; first < rows; first += tile) {
      const end = Math.min(rows, first + tile);
      const scores = scorer.of(vectors.subarray(first * H, end * H));
      for (let row = first, start = 0; row < end; row++, start += stride) {
        for (let q = 0; q < limits.length; q++) {
          if (scores[start + q] <= limits[q] || !isLive(segment, row)) continue;
          const vector = vectors.subarray(row * H, (row + 1) * H);
          const score = dot(vector, queries.subarray(q * H, (q + 1) * H));
          if (score <= found[q].least || !accepts(segment, row)) continue;
          found[q].add({ segment, row, score });
          limits[q] = found[q].least - slack;
        }
      }
      await turns.next();
    }
  }
}

/** The best rows of a query so far, best first. */
class Best {
  readonly rows: Found[] = [];
  /** A score must be above it to be among them. */
  least = Number.NEGATIVE_INFINITY;
  private readonly k: number;

  constructor(k: number) {
    this.k = k;
  }

  add(found: Found): void {
    const { rows, k } = this;
    let [low, high] = [0, rows.length]; // behind those that are as good: rows come in order
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].score >= found.score) low = middle + 1;
      else high = middle;
    }
    rows.splice(low, 0, found);
    if (rows.length > k) rows.pop();
    if (rows.length === k) this.least = rows[k - 1].score;
  }
}

/** Gives the event loop a turn when its time has come. */
class Turns {
  private last = performance.now();
  private readonly signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
  }

  async next(): Promise<void> {
    if (performance.now() - this.last <= TURN_MS) return;
    await new Promise((resume) => setTimeout(resume));
    this.signal?.throwIfAborted();
    this.last = performance.now();
  }
}

/** The scores of some rows and a group of queries, to choose by. */
interface Scores {
  /** [Q, H] */
  readonly queries: Float32Array;
  readonly H: number;
  /** The score of row n and query q is at n · stride + q. */
  readonly stride: number;
  /** How far a score may be from the exact one. */
  readonly slack: number;
  /** @param vectors [N, H] */
  of(vectors: Float32Array): Float32Array | Float64Array;
  release(): void;
}

/** Sums in float64, row by row. */
class PlainScores implements Scores {
  readonly stride: number;
  readonly slack = 0;
  readonly queries: Float32Array;
  readonly H: number;
  private scores = new Float64Array(0);

  constructor(queries: Float32Array, H: number) {
    this.queries = queries;
    this.H = H;
    this.stride = queries.length / H;
  }

  of(vectors: Float32Array): Float64Array {
    const { H, stride, queries } = this;
    const N = vectors.length / H;
    if (this.scores.length < N * stride) this.scores = new Float64Array(N * stride);
    for (let q = 0; q < stride; q++) {
      const query = queries.subarray(q * H, (q + 1) * H);
      const rows = (n: number, count: number) => vectors.subarray(n * H, (n + count) * H);
      let n = 0;
      for (; n + 4 <= N; n += 4) dotsOfFour(this.scores, n * stride + q, stride, rows(n, 4), query);
      for (; n < N; n++) this.scores[n * stride + q] = dot(rows(n, 1), query);
    }
    return this.scores;
  }

  release(): void {}
}

/** One matrix product: [N, H] of the rows times [H, Q] of the queries. */
class ProductScores implements Scores {
  readonly stride: number;
  readonly slack: number;
  readonly queries: Float32Array;
  readonly H: number;
  private readonly k: ReturnType<Backend["scope"]>;
  /** `queries` with zeros after them, and the rows, in the backend's memory. */
  private readonly factor: Float32Array;
  private readonly rows: Float32Array;
  private readonly scores: Float32Array;

  constructor(queries: Float32Array, H: number, backend: Backend) {
    this.queries = queries;
    this.H = H;
    this.stride = Math.ceil(queries.length / H / PANEL) * PANEL; // whole panels: the last would be copied by itself
    this.slack = 2 * H * 2 ** -24; // twice the bound, as lengths are 1 up to a rounding
    this.k = backend.scope();
    const N = Math.max(1, Math.floor(TILE / H));
    try {
      this.factor = this.k.zeros([this.stride, H]).data;
      this.rows = this.k.empty([N, H]).data;
      this.scores = this.k.empty([N, this.stride]).data;
    } catch (error) {
      this.k.release();
      throw error;
    }
    this.factor.set(queries);
  }

  of(vectors: Float32Array): Float32Array {
    const { H, stride, rows, factor, scores } = this;
    const N = vectors.length / H;
    rows.set(vectors); // 16 GB/s: a fifth of the product's time for one query
    this.k.matmulTransposed(
      { data: scores, offset: 0, rows: N, cols: stride, stride },
      { data: rows, offset: 0, rows: N, cols: H, stride: H },
      { data: factor, offset: 0, rows: stride, cols: H, stride: H },
      1,
    );
    return scores;
  }

  release(): void {
    this.k.release();
  }
}

/** Σ_h a_h b_h in float64, in order. */
function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let h = 0; h < b.length; h++) sum += a[h] * b[h];
  return sum;
}

/**
 * `dot` of four rows [4, H], each sum in the same order, to out[at], out[at + stride], …. Sums that do not wait for
 * each other take less than half the time.
 */
function dotsOfFour(out: Float64Array, at: number, stride: number, rows: Float32Array, query: Float32Array): void {
  const H = query.length;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let h = 0; h < H; h++) {
    const x = query[h];
    s0 += rows[h] * x;
    s1 += rows[H + h] * x;
    s2 += rows[2 * H + h] * x;
    s3 += rows[3 * H + h] * x;
  }
  out[at] = s0;
  out[at + stride] = s1;
  out[at + 2 * stride] = s2;
  out[at + 3 * stride] = s3;
}
