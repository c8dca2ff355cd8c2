import { listed } from "../../errors.ts";
import type { SentenceModules } from "../../load/sentenceModules.ts";
import { sentenceSize } from "../../load/sentenceVector.ts";
import type { SentenceGroup } from "../data/sentenceExamples.ts";
import { Random } from "../random.ts";
import { type EncodedSentence, rolesOf, sentenceEncoder } from "../sentence/encodeSentences.ts";
import { emptyBatches, expectLearnable } from "../sentence/learnable.ts";
import {
  expectCosines,
  kindOf,
  lossFacts,
  lossNotes,
  lossSettings,
  type VectorLossOptions,
} from "../sentence/lossSettings.ts";
import { batchesWithoutDuplicates, leastBatches, numbersOf } from "../sentence/noDuplicates.ts";
import { modulesText } from "../sentence/trainedModules.ts";
import { evaluateSentences, sentenceMetricNames } from "./sentenceEvaluation.ts";
import type { EpochOptions, PreparedTask, TaskModel } from "./task.ts";

export interface SentenceEmbeddingOptions extends VectorLossOptions {
  readonly maxLength?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * Sentence embedding: one vector for each text, near to those of texts that belong to it, as sentence-transformers
 * trains it. Which loss is that of the examples to train with (`lossSettings`).
 *
 * The batches of an epoch are cut from a random order; where examples are pairs no text stands twice in a batch. There
 * are as many as all examples need at least (`leastBatches`), so that an epoch has always the same number: what would
 * stand in further ones is left out of it.
 *
 * @param where the function that errors name
 * @throws BertError ERR_INPUT options or examples that do not fit the loss, naming file and line
 */
export function sentenceEmbedding(
  where: string,
  model: TaskModel & { readonly sentence: SentenceModules },
  train: readonly SentenceGroup[],
  evaluation: readonly SentenceGroup[] | null,
  options: SentenceEmbeddingOptions,
): PreparedTask {
  const { sentence } = model;
  const size = sentenceSize(sentence, model.config.hiddenSize);
  const D = train.length > 0 ? size : Math.min(sentence.truncateDim ?? size, size); // training cuts no vector
  const learned = train.length > 0 ? train : (evaluation as readonly SentenceGroup[]);
  const kind = kindOf(learned);
  const loss = lossSettings(where, kind, options, D);
  expectCosines(loss, train);
  const { batchSize = 8, seed = 42 } = options;
  const numbers = numbersOf(train.map(({ texts }, i) => (kind === "pairs" ? texts : [String(i)])));
  const allBatches = (how: EpochOptions) => {
    const order = new Random(how.seed, how.epoch).shuffle(Array.from(train.keys()));
    return batchesWithoutDuplicates(order, numbers, how.batchSize);
  };
  const batches = (how: EpochOptions) => allBatches(how).slice(0, leastBatches(numbers, how.batchSize));
  const first = allBatches({ batchSize, seed, epoch: 0 }).map((indices) => indices.map((i) => train[i]));
  if (train.length > 0) expectLearnable(where, train, loss.name, batchSize, first);
  const encode = sentenceEncoder(model, sentence, options.maxLength);
  const encoded = (examples: readonly SentenceGroup[]): EncodedSentence[][] =>
    examples.map(({ texts, score, where: place }) => {
      const roles = rolesOf(texts, score);
      return texts.map((text, i) => encode(text, roles[i], place));
    });
  const features = encoded(train);
  const evalFeatures = evaluation && encoded(evaluation);
  const asked = evaluation && {
    ...{ examples: evaluation, features: evalFeatures as EncodedSentence[][], sentence },
    loss: kindOf(evaluation) === kind ? loss : lossSettings(where, kindOf(evaluation), {}, D),
  };
  if (asked) expectCosines(asked.loss, asked.examples);
  const hasNegatives = features.some(({ length }) => length > 2);
  const read = first.slice(0, leastBatches(numbers, batchSize));
  return {
    labels: null,
    problemType: null,
    tellsErrors: evaluation !== null && kindOf(evaluation) === "scored pairs",
    identity: { ...lossFacts(loss), modules: modulesText(sentence.modules) },
    notes:
      train.length > 0
        ? [
            ...lossNotes(hasNegatives ? "pairs with negatives" : kind, loss, D),
            ...leftOut(train.length - read.flat().length),
            ...emptyBatches(read, loss.name),
          ]
        : [],
    lengths: features.map((texts) => texts.reduce((sum, { sequence }) => sum + sequence.inputIds.length, 0)),
    batches,
    batchCount: (size) => leastBatches(numbers, size),
    batch(indices) {
      const texts = indices.flatMap((i) => features[i]);
      return {
        input: texts.map(({ sequence }) => sequence),
        labels: {
          vectors: {
            loss,
            groups: indices.map((i) => features[i].length),
            scores: kind === "pairs" ? null : indices.map((i) => train[i].score as number),
            promptLengths: texts.map(({ promptLength }) => promptLength),
          },
        },
        name: listed(indices.map((i) => train[i].where)),
      };
    },
    ...(options.maxLength !== undefined && { settings: { maxLength: options.maxLength } }),
    metricNames: asked ? sentenceMetricNames(asked) : [],
    evaluate: asked && ((bert, how) => evaluateSentences(bert, how, asked)),
    *contents() {
      for (const texts of [...features, ...(evalFeatures ?? [])]) {
        for (const { sequence } of texts) yield sequence.inputIds;
        yield [texts.length];
      }
      for (const { score } of [...train, ...(evaluation ?? [])]) yield score === null ? [] : [score];
    },
  };
}

function leftOut(count: number): string[] {
  if (count === 0) return [];
  const many = count === 1 ? "1 example is" : `${count} examples are`;
  return [`${many} left out of the first epoch, as no text may stand twice in a batch; other epochs leave out others`];
}
