import type { Backend } from "../../tensor/backend.ts";
import type { Segment } from "./segment.ts";
import type { TimedTurns } from "./timedTurns.ts";

/** Numbers of vectors whose scores are computed at a time: 2 MB of them, which a core's second cache holds. */
export const TILE: number = 1 << 19;
/** Queries whose scores are computed together: with more, the scores of a tile leave that cache. */
export const MOST_QUERIES = 128;
/** The kernels' panels have so many columns. */
const PANEL = 16;

/** The scores of some rows and a group of queries, to choose by. */
export interface Scores {
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

/** What computes the scores of a group of queries, MOST_QUERIES at most. */
export function scoresOf(queries: Float32Array, H: number, k: Backend): Scores {
  return k.info.name === "plain" ? new PlainScores(queries, H) : new ProductScores(queries, H, k);
}

/** The scores of all rows, to choose by. */
export interface AllScores {
  /** [Q, places]: query by query, those of the rows of all segments, removed ones too. */
  readonly scores: Float32Array;
  /** How far a score may be from the exact one. */
  readonly slack: number;
}

/** The scores of all rows with a group of queries. @param queries [Q, H] */
export async function allScores(
  segments: readonly Segment[],
  queries: Float32Array,
  H: number,
  k: Backend,
  turns: TimedTurns,
): Promise<AllScores> {
  const Q = queries.length / H;
  const places = segments.reduce((sum, { numbers }) => sum + numbers.length, 0);
  const all = new Float32Array(Q * places);
  const tile = Math.max(1, Math.floor(TILE / H));
  const scorer = scoresOf(queries, H, k);
  try {
    let begin = 0; // the place of a tile's first row
    for (const { vectors } of segments) {
      for (let first = 0; first < vectors.length; first += tile * H) {
        const rows = vectors.subarray(first, first + tile * H);
        const scores = scorer.of(rows);
        const count = rows.length / H;
        for (let q = 0; q < Q; q++) {
          const to = q * places + begin;
          for (let n = 0; n < count; n++) all[to + n] = scores[n * scorer.stride + q];
        }
        begin += count;
        await turns.next();
      }
    }
  } finally {
    scorer.release();
  }
  return { scores: all, slack: scorer.slack + 2 ** -23 }; // twice what a number in float32 is off
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

/** Whether a vector is zeros: its text has no meaning for the model. */
export function isZero(vector: Float32Array): boolean {
  return vector.every((x) => x === 0);
}

/** Σ_h a_h b_h in float64, in order. */
export function dot(a: Float32Array, b: Float32Array): number {
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
