import { listed } from "../../errors.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import type { TaggedSentence } from "../data/conll.ts";
import { type TokenFeature, tokenFeatures } from "../data/features.ts";
import { oneLabel } from "../data/labels.ts";
import type { Located } from "../data/located.ts";
import type { LabelAt } from "../data/modelLabels.ts";
import { recordError } from "../data/numberedLines.ts";
import { trainedLabels } from "../data/trainedLabels.ts";
import { accuracy, f1Score } from "../metrics/classification.ts";
import { confusionMatrix, entityConfusion } from "../metrics/confusionMatrix.ts";
import { entityMetrics, isEntityTag } from "../metrics/entityMetrics.ts";
import type { Pairs } from "../metrics/pairs.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { evaluationOf, finite } from "./outcomes.ts";
import { passes } from "./passes.ts";
import type { Evaluation, EvaluationOptions, PreparedTask } from "./task.ts";

export interface TokenClassificationOptions {
  readonly maxLength?: number | undefined;
  /** The tags in the order of their indices. Default: those of the examples to train with, sorted. */
  readonly labels?: readonly string[] | undefined;
  /** The tags of the classifier of tokens that training begins with, if it begins with one. */
  readonly startLabels?: readonly string[] | null;
}

/**
 * Token classification: a tag for each word, as Hugging Face's run_ner.py.
 *
 * @throws BertError ERR_INPUT, naming file and line: a tag that is none of the known; tags that are numbers where
 *   nobody says what they are the indices of; one tag alone
 */
export function tokenClassification(
  tokenizer: BertTokenizer,
  train: readonly Located<TaggedSentence>[],
  evaluation: readonly Located<TaggedSentence>[] | null,
  { labels: given, maxLength, startLabels = null }: TokenClassificationOptions,
): PreparedTask {
  const labels = given ?? tagsOf(train, evaluation ?? [], startLabels);
  if (labels.length === 1) throw oneLabel(labels[0]);
  const options = maxLength === undefined ? {} : { maxLength };
  const features = tokenFeatures(tokenizer, train, labels, options);
  const evalFeatures = evaluation && tokenFeatures(tokenizer, evaluation, labels, options);
  return {
    labels,
    lengths: features.map(({ inputIds }) => inputIds.length),
    batch: (indices) => ({
      input: indices.map((i) => features[i]),
      labels: { labels: indices.map((i) => features[i].labels) },
      name: listed(indices.map((i) => train[i].where)),
    }),
    metricNames: evaluation ? ["loss", ...(areEntities(labels) ? ENTITY_METRICS : TAG_METRICS)] : [],
    evaluate: evaluation && evalFeatures && ((model, how) => evaluate(model, how, evaluation, evalFeatures, labels)),
    *contents() {
      for (const feature of [...features, ...(evalFeatures ?? [])]) {
        yield feature.inputIds;
        yield feature.labels;
      }
    },
  };
}

function tagsOf(
  train: readonly Located<TaggedSentence>[],
  evaluation: readonly Located<TaggedSentence>[],
  startLabels: readonly string[] | null,
): readonly string[] {
  const labels = trainedLabels("tag", tagsAt(train), tagsAt(evaluation), { start: startLabels });
  const indexed = [...train, ...evaluation].find(({ tags }) => typeof tags[0] === "number");
  if (indexed === undefined || labels === startLabels) return labels;
  throw recordError(indexed.where, "labels", "given where tags are whole numbers, their indices", "none");
}

function tagsAt(sentences: readonly Located<TaggedSentence>[]): LabelAt[] {
  return sentences.flatMap(({ tags, where }) => tags.map((label) => ({ label, where })));
}

/**
 * Loss over the words' first tokens; entities as seqeval counts them. Tags that are none of entities, such as parts of
 * speech, are classes of words.
 */
async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  sentences: readonly Located<TaggedSentence>[],
  features: readonly TokenFeature[],
  labels: readonly string[],
): Promise<Evaluation> {
  const words = await taggedWords(model, how, sentences, features);
  const [predictions, references] = (["predicted", "expected"] as const).map((side) =>
    words.sentences.map((sentence) => sentence.map((word) => labels[word[side]])),
  );
  const pairs = { predictions, references };
  const text = (i: number) => sentences[i].words.join(" ");
  const outcomes = {
    ...(areEntities(labels) ? ofEntities(words.loss, pairs) : ofTags(words, labels)),
    // The largest of a sentence's wrong words, else of all: as sure as the model was of something wrong.
    losses: words.sentences.map((sentence) => Math.max(0, ...(wrongIn(sentence) ?? sentence).map(({ loss }) => loss))),
    where: (i: number) => sentences[i].where,
    isWrong: (i: number) => wrongIn(words.sentences[i]) !== null,
    tell: (i: number) => ({ input: text(i), expected: references[i].join(" "), predicted: predictions[i].join(" ") }),
    tellMistake(i: number) {
      const wrong = wrongIn(words.sentences[i]) ?? [];
      const [expected, predicted] = (["expected", "predicted"] as const).map((side) =>
        wrong.map((word) => `${sentences[i].words[word.at]} ${labels[word[side]]}`).join(", "),
      );
      return { input: text(i), expected, predicted };
    },
  };
  return evaluationOf(outcomes, how);
}

/** A word with a tag. */
interface TaggedWord {
  /** Its place in the sentence. */
  readonly at: number;
  readonly expected: number;
  readonly predicted: number;
  readonly loss: number;
}

interface TaggedWords {
  /** [N], the words that are not cut off and have tokens. */
  readonly sentences: readonly (readonly TaggedWord[])[];
  readonly loss: number;
}

async function taggedWords(
  model: BertModel,
  how: EvaluationOptions,
  sentences: readonly Located<TaggedSentence>[],
  features: readonly TokenFeature[],
): Promise<TaggedWords> {
  const loss = new Mean();
  const tagged: TaggedWord[][] = [];
  const items = features.map((feature) => [feature]);
  for await (const { indices, output } of passes(items, { model, how })) {
    const { data, shape } = output.logits!; // [B, T, C]
    const [, T, C] = shape;
    for (const [b, i] of indices.entries()) {
      tagged[i] = [];
      for (const [t, expected] of features[i].labels.entries()) {
        if (expected < 0) continue;
        const from = (b * T + t) * C;
        const term = finite(crossEntropyOf(data, from, C, expected), sentences[i].where);
        loss.add(term);
        tagged[i].push({ at: features[i].wordIds[t], expected, predicted: argmax(data, from, C), loss: term });
      }
    }
  }
  return { sentences: tagged, loss: loss.value };
}

function wrongIn(sentence: readonly TaggedWord[]): readonly TaggedWord[] | null {
  const wrong = sentence.filter(({ expected, predicted }) => expected !== predicted);
  return wrong.length > 0 ? wrong : null;
}

const ENTITY_METRICS = ["precision", "recall", "f1", "accuracy"];
const TAG_METRICS = ["accuracy", "f1_macro"];

function areEntities(labels: readonly string[]): boolean {
  return labels.every((label) => isEntityTag(label));
}

function ofEntities(loss: number, pairs: Pairs<readonly string[]>) {
  const { micro, perType, ...rest } = entityMetrics(pairs);
  const { precision, recall, f1 } = micro;
  return {
    metrics: { loss, precision, recall, f1, accuracy: rest.accuracy },
    confusionMatrix: entityConfusion(pairs),
    classes: Array.from(perType, ([label, scores]) => ({ label, ...scores })),
  };
}

function ofTags({ sentences, loss }: TaggedWords, labels: readonly string[]) {
  const words = sentences.flat();
  const pairs = {
    predictions: words.map(({ predicted }) => predicted),
    references: words.map(({ expected }) => expected),
  };
  return {
    metrics: { loss, accuracy: accuracy(pairs), f1_macro: f1Score(pairs, { average: "macro" }) },
    confusionMatrix: confusionMatrix(pairs, labels),
  };
}
