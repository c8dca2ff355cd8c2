import { log } from "../../tensor/kernels/transcendental.ts";

/** What a search has found for a query. */
export interface RankedQuery {
  /** The ranks, from 1, of the documents that belong to the query, ascending. */
  readonly ranks: readonly number[];
}

const HITS = [1, 3, 5, 10];
const BEST = 10;
const MAP = 100;

/**
 * What a search is worth, as InformationRetrievalEvaluator of sentence-transformers counts it, each the mean over all
 * queries; r_1 < r_2 < … are the ranks of the R documents that belong to a query:
 *
 *     accuracy@1  1 if r_1 = 1     recall@k  how many r_i ≤ k, divided by R     mrr@k  1/r_1 if r_1 ≤ k
 *     ndcg@k  Σ_(r_i ≤ k) 1/log₂(r_i + 1), divided by the most it can be     map@k  Σ_(r_i ≤ k) i/r_i, by min(k, R)
 *
 * Järvelin & Kekäläinen 2002 for nDCG, with gains of 0 and 1.
 *
 * Where each query has one document, accuracy@k is recall@k; so that of other k is left out.
 *
 * @returns by name: accuracy@1, recall@1, @3, @5, @10, mrr@10, ndcg@10, map@100
 */
export function retrievalMetrics(queries: readonly RankedQuery[]): Readonly<Record<string, number>> {
  const mean = (of: (ranks: readonly number[]) => number) =>
    queries.reduce((sum, { ranks }) => sum + of(ranks), 0) / queries.length;
  const recalls = HITS.map((k) => [`recall@${k}`, mean((ranks) => within(ranks, k).length / ranks.length)] as const);
  return {
    "accuracy@1": mean(([first]) => (first === 1 ? 1 : 0)),
    ...Object.fromEntries(recalls),
    [`mrr@${BEST}`]: mean(([first]) => (first <= BEST ? 1 / first : 0)),
    [`ndcg@${BEST}`]: mean((ranks) => gainOf(within(ranks, BEST)) / gainOf(within(firstRanks(ranks.length), BEST))),
    [`map@${MAP}`]: mean((ranks) => precisions(within(ranks, MAP)) / Math.min(MAP, ranks.length)),
  };
}

function within(ranks: readonly number[], k: number): readonly number[] {
  return ranks.filter((rank) => rank <= k);
}

function firstRanks(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Σ 1/log₂(r + 1) */
function gainOf(ranks: readonly number[]): number {
  return ranks.reduce((sum, rank) => sum + Math.LN2 / log(rank + 1), 0);
}

/** Σ i/r_i: how many of what was found until then belong to the query. */
function precisions(ranks: readonly number[]): number {
  return ranks.reduce((sum, rank, i) => sum + (i + 1) / rank, 0);
}
