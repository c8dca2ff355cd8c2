import type { Backend } from "../../tensor/backend.ts";
import { dot, isZero, MOST_QUERIES, type Scores, scoresOf, TILE } from "./dotProducts.ts";
import { isLive, type Segment } from "./segment.ts";
import { TimedTurns } from "./timedTurns.ts";

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
 * first. A vector of zeros finds nothing, and is not found. Scores are sums in float64, element by element, on every
 * backend.
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
  const turns = new TimedTurns(wanted.signal);
  for (let q = 0; q < Q; q += MOST_QUERIES) {
    const end = Math.min(Q, q + MOST_QUERIES);
    const group = queries.subarray(q * H, end * H);
    const scorer = scoresOf(group, H, k);
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
  turns: TimedTurns,
): Promise<void> {
  const { stride, slack, queries, H } = scorer;
  const tile = Math.max(1, Math.floor(TILE / H));
  /** What a query's score must be above, so that the exact one can be among the best. */
  const limits = Float64Array.from(found, (best, q) =>
    isZero(queries.subarray(q * H, (q + 1) * H)) ? Number.POSITIVE_INFINITY : best.least - slack,
  );
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
          if (score <= found[q].least || (score === 0 && isZero(vector)) || !accepts(segment, row)) continue;
          found[q].add({ segment, row, score });
          limits[q] = found[q].least - slack;
        }
      }
      await turns.next();
    }
  }
}

/** The best rows of a query so far, best first. */
export class Best<Row extends Found = Found> {
  readonly rows: Row[] = [];
  /** A score must be above it to be among them. */
  least: number = Number.NEGATIVE_INFINITY;
  private readonly k: number;

  constructor(k: number) {
    this.k = k;
  }

  add(found: Row): void {
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
