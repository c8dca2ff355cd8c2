import { listed } from "../../errors.ts";
import { type ScoreActivation, SIGMOID } from "../../load/crossEncoder.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import { sigmoid } from "../../tensor/kernels/transcendental.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { encodeAt, type Sequence, sequenceOf } from "../data/features.ts";
import type { Located } from "../data/located.ts";
import { contradictions, type LabelledPair, pairsOf, type RankingExample } from "../data/rankingExamples.ts";
import { binaryCrossEntropy } from "../losses.ts";
import { confusionMatrix } from "../metrics/confusionMatrix.ts";
import { pearsonCorrelation, spearmanCorrelation } from "../metrics/correlation.ts";
import type { Pairs } from "../metrics/pairs.ts";
import { rankingMetrics } from "../metrics/ranking.ts";
import { relevanceMetrics } from "../metrics/relevance.ts";
import { Mean } from "./logitScores.ts";
import { evaluationOf, finite } from "./outcomes.ts";
import { type Passes, passes } from "./passes.ts";
import type { Evaluation, EvaluationOptions, PreparedTask } from "./task.ts";

export interface TextRankingOptions {
  readonly maxLength?: number | undefined;
  /** How many times what is relevant counts in training. Default 1. */
  readonly posWeight?: number | undefined;
  /** k of MRR@k and nDCG@k. Default 10. */
  readonly atK?: number | undefined;
}

/** A pair as the model takes it: [CLS] query [SEP] text [SEP]. */
interface PairFeature extends LabelledPair, Sequence {}

/**
 * Reranking: one number for a query and a text, which are read together; binary cross-entropy of its sigmoid with how
 * relevant the text is (Nogueira & Cho 2019, eq. 1, with one logit), as sentence-transformers' BinaryCrossEntropyLoss
 * for CrossEncoder. Lists are trained as pairs, each on its own, in any order.
 *
 * @throws BertError ERR_INPUT, naming file and line: an example that is neither a pair nor lists
 */
export function textRanking(
  tokenizer: BertTokenizer,
  train: readonly Located<RankingExample>[],
  evaluation: readonly Located<RankingExample>[] | null,
  { maxLength, posWeight = 1, atK = 10 }: TextRankingOptions,
): PreparedTask {
  const cut = { truncation: true, ...(maxLength !== undefined && { maxLength }) };
  const featuresOf = (examples: readonly Located<RankingExample>[]) =>
    pairsOf(examples).map((pair): PairFeature => {
      const { where, query, text } = pair;
      return { ...pair, ...sequenceOf(encodeAt(tokenizer, where, query, { ...cut, textPair: text })) };
    });
  const features = featuresOf(train);
  const evalFeatures = evaluation && featuresOf(evaluation);
  return {
    labels: ["LABEL_0"],
    problemType: null, // as CrossEncoder leaves it
    activation: SIGMOID,
    notes: contradictions(features),
    settings: { ...(posWeight !== 1 && { posWeight }), ...(evaluation && atK !== 10 && { atK }) },
    lengths: features.map(({ inputIds }) => inputIds.length),
    batch: (indices) => ({
      input: indices.map((i) => features[i]),
      labels: {
        labels: indices.map((i) => features[i].target),
        problemType: "multi_label_classification", // one label that holds or does not
        posWeight,
      },
      name: listed(indices.map((i) => features[i].where)),
    }),
    metricNames: evalFeatures
      ? ["loss", ...Object.keys(judged(evalFeatures, targetsOf(evalFeatures), atK).metrics)]
      : [],
    evaluate: evalFeatures && ((model, how) => evaluate(model, how, evalFeatures, atK)),
    *contents() {
      for (const { inputIds, tokenTypeIds, target, group } of [...features, ...(evalFeatures ?? [])]) {
        yield inputIds;
        yield tokenTypeIds;
        yield [target, group];
      }
    },
  };
}

/** What is said of pairs: their labels are 0 or 1, or numbers between. */
interface Judged {
  readonly metrics: Readonly<Record<string, number>>;
  /** A score from which on a text counts as relevant. */
  readonly threshold: number;
}

/** @param scores [pairs] */
function judged(pairs: readonly PairFeature[], scores: readonly number[], atK: number): Judged & { isBinary: boolean } {
  const isBinary = pairs.every(({ target }) => target === 0 || target === 1);
  return { ...(isBinary ? ofRelevant(pairs, scores, atK) : ofScores(pairs, scores)), isBinary };
}

function targetsOf(pairs: readonly PairFeature[]): number[] {
  return pairs.map(({ target }) => target);
}

async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  pairs: readonly PairFeature[],
  atK: number,
): Promise<Evaluation> {
  const { losses, scores, loss } = await scored(pairs, { model, how }, how.scoreActivation ?? sigmoid);
  const { metrics, threshold, isBinary } = judged(pairs, scores, atK);
  const isRelevant = (i: number) => Number(scores[i] >= threshold);
  const expected = (i: number) => Number(pairs[i].target >= (isBinary ? 1 : threshold));
  const names = ["irrelevant", "relevant"];
  const all = Array.from(pairs.keys());
  const outcomes = {
    metrics: { loss, ...metrics },
    losses,
    where: (i: number) => pairs[i].where,
    isWrong: (i: number) => isRelevant(i) !== expected(i),
    tell: (i: number) => ({
      input: `${pairs[i].query} | ${pairs[i].text}`,
      expected: isBinary ? names[expected(i)] : pairs[i].target.toPrecision(4),
      predicted: isBinary ? `${names[isRelevant(i)]} (${scores[i].toPrecision(4)})` : scores[i].toPrecision(4),
    }),
    confusionMatrix: isBinary
      ? confusionMatrix({ predictions: all.map(isRelevant), references: all.map(expected) }, names)
      : null,
  };
  return evaluationOf(outcomes, how);
}

/** Losses and scores of pairs, scores in float32 as CrossEncoder gives them: thresholds and ties are the same then. */
async function scored(pairs: readonly PairFeature[], run: Passes, activation: ScoreActivation) {
  const loss = new Mean();
  const [losses, scores]: [number[], number[]] = [[], []];
  const items = pairs.map((pair) => [pair]);
  for await (const { indices, output } of passes(items, run)) {
    for (const [b, i] of indices.entries()) {
      const logit = output.logits!.data[b];
      losses.push(finite(binaryCrossEntropy(logit, pairs[i].target), pairs[i].where));
      scores.push(Math.fround(activation(logit)));
      loss.add(losses[i]);
    }
  }
  return { losses, scores, loss: loss.value };
}

/** Of relevant and irrelevant texts; how they are ranked, where a query has several of them. */
function ofRelevant(pairs: readonly PairFeature[], scores: readonly number[], atK: number): Judged {
  const relevance = relevanceMetrics({ predictions: scores, references: targetsOf(pairs) });
  const queries = new Map<number, { predictions: number[]; references: number[] }>();
  for (const [i, { group, target }] of pairs.entries()) {
    const query = queries.get(group) ?? { predictions: [], references: [] };
    query.predictions.push(scores[i]);
    query.references.push(target);
    queries.set(group, query);
  }
  const lists: Pairs<number>[] = [...queries.values()];
  const isRanked = lists.some(({ references }) => references.length > 1);
  const metrics = { ...relevance, ...(isRanked && rankingMetrics(lists, { atK })) };
  return { metrics, threshold: relevance.accuracy_threshold };
}

/** Of numbers between: how scores go with them, as CrossEncoderCorrelationEvaluator. */
function ofScores(pairs: readonly PairFeature[], predictions: readonly number[]): Judged {
  const both = { predictions, references: targetsOf(pairs) };
  const correlations = () => ({ pearson: pearsonCorrelation(both), spearmanr: spearmanCorrelation(both) });
  return { metrics: pairs.length < 2 ? {} : correlations(), threshold: 0.5 };
}
