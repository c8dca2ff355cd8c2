import { expectKnownOptions, type OptionNames } from "../../options.ts";
import { log } from "../../tensor/kernels/transcendental.ts";
import { countOf, type Pairs, ratio } from "./pairs.ts";
import { averagePrecision, expectNumber } from "./relevance.ts";

export interface RankingOptions {
  /** k: MRR and nDCG look at so many of the best documents. Default 10. */
  readonly atK?: number;
}

/** `map`, `mrr@10`, `ndcg@10`, with `atK` in place of 10. */
export type RankingMetrics = Readonly<Record<string, number>>;

/**
 * How well documents are ranked for their queries, the mean over queries, named as by sentence-transformers'
 * CrossEncoderRerankingEvaluator, whose numbers these are:
 *
 *     MAP      the mean of average precisions (`averagePrecision`)
 *     MRR@k    1 / the rank of the first relevant document, 0 where it is not among the best k
 *     nDCG@k   DCG / the DCG of the best order        DCG = Σ_{i ≤ k} y_i / log₂(i + 1)   (Järvelin & Kekäläinen 2002)
 *
 * Documents of equal scores share the mean of their gains in nDCG, as in scikit-learn's `ndcg_score`; in MRR the
 * relevant ones stand last among them, where Python leaves the order to NumPy's sort. A query without any relevant
 * document counts 0 in all three. One with a single document, which scikit-learn refuses, counts 1 in nDCG if that is
 * relevant.
 *
 * @param queries for each query the scores of its documents, and 1 for each that is relevant, else 0
 * @throws BertError ERR_INPUT no query, or one of them as in `averagePrecision`; `atK` that is no whole number from 1
 * @example
 * rankingMetrics([{ predictions: [0.2, 0.9, 0.4], references: [1, 0, 0] }])["mrr@10"]; // 0.3333333333333333
 */
export function rankingMetrics(queries: readonly Pairs<number>[], options: RankingOptions = {}): RankingMetrics {
  const names: OptionNames<RankingOptions> = { atK: true };
  expectKnownOptions("rankingMetrics", options, names);
  const { atK = 10 } = options;
  expectNumber("rankingMetrics", "atK", atK, Number.isSafeInteger(atK) && atK >= 1, "a whole number from 1");
  countOf("rankingMetrics", { predictions: queries, references: queries });
  const mean = (score: (query: Pairs<number>) => number) =>
    queries.reduce((sum, query) => sum + score(query), 0) / queries.length;
  return {
    map: mean(averagePrecision),
    [`mrr@${atK}`]: mean((query) => reciprocalRank(query, atK)),
    [`ndcg@${atK}`]: mean((query) => normalizedGain(query, atK)),
  };
}

/** 1 / the rank of the first relevant document; 0 where it is not among the first k. */
function reciprocalRank({ predictions, references }: Pairs<number>, k: number): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < references.length; i++) if (references[i] === 1) best = Math.max(best, predictions[i]);
  let before = 0; // what stands before the first relevant document, all that is irrelevant and scores as much included
  for (let i = 0; i < references.length; i++) if (references[i] === 0 && predictions[i] >= best) before++;
  return best === Number.NEGATIVE_INFINITY || before >= k ? 0 : 1 / (before + 1);
}

/** nDCG of the first k. */
function normalizedGain({ predictions, references }: Pairs<number>, k: number): number {
  const order = Array.from({ length: references.length }, (_, i) => i).sort((a, b) => predictions[b] - predictions[a]);
  let gain = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let [relevant, discounts] = [0, 0];
    for (; to < order.length && predictions[order[to]] === predictions[order[from]]; to++) {
      relevant += references[order[to]];
      discounts += discount(to, k);
    }
    gain += (relevant / (to - from)) * discounts;
    from = to;
  }
  let [ideal, relevant] = [0, 0];
  for (let i = 0; i < references.length; i++) relevant += references[i];
  for (let rank = 0; rank < relevant; rank++) ideal += discount(rank, k);
  return ratio(gain, ideal);
}

/** 1 / log₂(rank + 2), by ranks from 0; 0 from k on. */
function discount(rank: number, k: number): number {
  return rank < k ? log(2) / log(rank + 2) : 0;
}
