import type { SentenceModules } from "../../load/sentenceModules.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { SentenceGroup } from "../data/sentenceExamples.ts";
import { pearsonCorrelation, spearmanCorrelation } from "../metrics/correlation.ts";
import { retrievalMetrics } from "../metrics/retrieval.ts";
import type { EncodedSentence } from "../sentence/encodeSentences.ts";
import { batchesWithoutDuplicates, numbersOf } from "../sentence/noDuplicates.ts";
import { textVectors } from "../sentence/textVectors.ts";
import { cosineOf, unitOf, type VectorLossSettings, vectorLoss } from "../sentence/vectorLosses.ts";
import { evaluationOf, finite } from "./outcomes.ts";
import { searched } from "./searched.ts";
import type { Evaluation, EvaluationOptions } from "./task.ts";

/** Examples to evaluate with, and how. */
export interface AskedSentences {
  readonly examples: readonly SentenceGroup[];
  /** [examples][texts] */
  readonly features: readonly (readonly EncodedSentence[])[];
  readonly loss: VectorLossSettings;
  /** The folder's modules, unless the options say which there are now. */
  readonly sentence: SentenceModules;
}

/** The vectors of the examples' texts, and their mean loss. */
interface EvaluatedVectors {
  /** [examples][texts][D] */
  readonly vectors: readonly (readonly Float64Array[])[];
  readonly loss: number;
  /** [examples]; null where the loss is no mean over examples. */
  readonly losses: readonly number[] | null;
}

/**
 * What vectors are worth: of scored pairs the correlation of cosines with scores, as EmbeddingSimilarityEvaluator; of
 * pairs how well the anchors find their positives among all of them, as InformationRetrievalEvaluator, and where there
 * are negatives how many of them are less near than the positive, as TripletEvaluator. The loss is the mean of that of
 * batches of `batchSize` examples, none with a text twice; its negatives are those of a batch, so it depends on their
 * size. All other numbers do not.
 */
export async function evaluateSentences(
  model: BertModel,
  how: EvaluationOptions,
  asked: AskedSentences,
): Promise<Evaluation> {
  const vectors = await vectorsOf(model, how, asked);
  const evaluated = { vectors, ...meanLoss(asked, vectors, how.batchSize) };
  return asked.examples[0].score === null ? ofPairs(asked, evaluated, how) : ofScores(asked, evaluated, how);
}

/** The metrics of `evaluateSentences` by name. */
export function sentenceMetricNames({ examples }: Pick<AskedSentences, "examples">): string[] {
  if (examples[0].score !== null) return examples.length < 2 ? ["loss"] : ["loss", ...CORRELATIONS];
  const hasNegatives = examples.some(({ texts }) => texts.length > 2);
  const ofSearch = Object.keys(retrievalMetrics([{ ranks: [1] }])).map((name) => `cosine_${name}`);
  return ["loss", ...(hasNegatives ? ["cosine_accuracy"] : []), ...ofSearch];
}

const CORRELATIONS = ["pearson_cosine", "spearman_cosine"];

/** The vectors of all texts; a text that stands twice is computed once. */
async function vectorsOf(
  model: BertModel,
  how: EvaluationOptions,
  { examples, features, sentence }: AskedSentences,
): Promise<Float64Array[][]> {
  const different = [...new Set(features.flat())];
  const vectors = await textVectors(model, different, { ...how, sentence });
  const known = new Map(different.map((text, i) => [text, vectors[i]]));
  return features.map((texts, i) =>
    texts.map((text) => {
      const vector = known.get(text) as Float64Array;
      finite(
        vector.reduce((sum, x) => sum + x, 0),
        examples[i].where,
      );
      return vector;
    }),
  );
}

function meanLoss(
  { examples, loss: settings }: AskedSentences,
  vectors: readonly (readonly Float64Array[])[],
  batchSize: number,
): Pick<EvaluatedVectors, "loss" | "losses"> {
  const isScored = examples[0].score !== null;
  const numbers = numbersOf(examples.map(({ texts }, i) => (isScored ? [String(i)] : texts)));
  const losses: number[] = [];
  let sum = 0;
  for (const batch of batchesWithoutDuplicates(Array.from(examples.keys()), numbers, batchSize)) {
    const groups = batch.map((i) => vectors[i].length);
    const scores = isScored ? batch.map((i) => examples[i].score as number) : null;
    const { loss, terms } = vectorLoss(settings, { vectors: batch.flatMap((i) => vectors[i]), groups, scores });
    sum += finite(loss, examples[batch[0]].where) * batch.length;
    for (const [b, i] of batch.entries()) if (terms) losses[i] = terms[b];
  }
  return { loss: sum / examples.length, losses: losses.length > 0 ? losses : null };
}

/** Cosines against scores. Where the loss says nothing of one example, an error is how far off its rank is. */
function ofScores(
  { examples }: AskedSentences,
  { vectors, loss, losses }: EvaluatedVectors,
  how: EvaluationOptions,
): Evaluation {
  const predictions = vectors.map(([a, b]) => cosineOf(a, b));
  const references = examples.map(({ score }) => score as number);
  const pairs = { predictions, references };
  const correlations =
    examples.length < 2
      ? {}
      : { pearson_cosine: pearsonCorrelation(pairs), spearman_cosine: spearmanCorrelation(pairs) };
  const outcomes = {
    metrics: { loss, ...correlations },
    losses: losses ?? rankErrors(predictions, references),
    ...(losses === null && { errorName: "rank error" }),
    where: (i: number) => examples[i].where,
    isWrong: (i: number) => outcomes.losses[i] > 0,
    tell: (i: number) => ({
      input: examples[i].texts.join(" | "),
      expected: references[i].toPrecision(4),
      predicted: predictions[i].toPrecision(4),
    }),
  };
  return evaluationOf(outcomes, how);
}

/**
 * How far each example's rank by one number is from its rank by another, as a share of the most that it can be. Equal
 * numbers have all the ranks that they take together, so that their order is no error.
 */
function rankErrors(predictions: readonly number[], references: readonly number[]): number[] {
  const [a, b] = [predictions, references].map((values) => {
    const sorted = Float64Array.from(values).sort();
    return values.map((value) => [sorted.indexOf(value), sorted.lastIndexOf(value)] as const);
  });
  return a.map(([first, last], i) => {
    const apart = Math.max(0, b[i][0] - last, first - b[i][1]);
    return apart / Math.max(a.length - 1, 1);
  });
}

/** A search for the positives, and triplets. An example is wrong where another positive is nearer to its anchor. */
function ofPairs(
  { examples }: AskedSentences,
  { vectors, loss, losses }: EvaluatedVectors,
  how: EvaluationOptions,
): Evaluation {
  const units = vectors.map((texts) => texts.map((vector) => unitOf(vector).unit));
  const { queries, first } = searched(examples, units);
  const found = Object.entries(retrievalMetrics(queries)).map(([name, value]) => [`cosine_${name}`, value]);
  const outcomes = {
    metrics: { loss, ...tripletAccuracy(vectors), ...Object.fromEntries(found) },
    losses: losses as readonly number[],
    where: (i: number) => examples[i].where,
    isWrong: (i: number) => first[i].isOther,
    tell: (i: number) => ({ input: examples[i].texts[0], expected: examples[i].texts[1], predicted: first[i].text }),
  };
  return evaluationOf(outcomes, how);
}

/** The share of negatives that are less near to the anchor than the positive is; nothing where there are none. */
function tripletAccuracy(vectors: readonly (readonly Float64Array[])[]): Record<string, number> {
  const right = vectors.flatMap(([anchor, positive, ...negatives]) => {
    const score = cosineOf(anchor, positive);
    return negatives.map((negative): number => (score > cosineOf(anchor, negative) ? 1 : 0));
  });
  return right.length === 0 ? {} : { cosine_accuracy: right.reduce((sum, one) => sum + one, 0) / right.length };
}
