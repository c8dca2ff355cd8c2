import { listed } from "../../errors.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import type { TaggedSentence } from "../data/conll.ts";
import { type TokenFeature, tokenFeatures } from "../data/features.ts";
import { labelNames, oneLabel, orderOf } from "../data/labels.ts";
import type { Located } from "../data/located.ts";
import { recordError } from "../data/numberedLines.ts";
import { entityMetrics } from "../metrics/entityMetrics.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { passes } from "./passes.ts";
import { type Evaluation, type EvaluationOptions, type PreparedTask, SHOWN_EXAMPLES } from "./task.ts";

export interface TokenClassificationOptions {
  readonly maxLength?: number | undefined;
  /** The tags in the order of their indices. Default: those of the examples, sorted. */
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
  const labels = given ?? tagsOf([...train, ...(evaluation ?? [])], startLabels);
  if (labels.length === 1) throw oneLabel(labels[0]);
  const options = maxLength === undefined ? {} : { maxLength };
  const features = tokenFeatures(tokenizer, train, labels, options);
  const evalFeatures = evaluation && tokenFeatures(tokenizer, evaluation, labels, options);
  return {
    architecture: "BertForTokenClassification",
    labels,
    problemType: null,
    lengths: features.map(({ inputIds }) => inputIds.length),
    batch: (indices) => ({
      input: indices.map((i) => features[i]),
      labels: { labels: indices.map((i) => features[i].labels) },
      name: listed(indices.map((i) => train[i].where)),
    }),
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
  sentences: readonly Located<TaggedSentence>[],
  startLabels: readonly string[] | null,
): readonly string[] {
  const labels = orderOf(startLabels, labelNames(sentences.flatMap(({ tags }) => tags)));
  const indexed = sentences.find(({ tags }) => typeof tags[0] === "number");
  if (indexed === undefined || labels === startLabels) return labels;
  throw recordError(indexed.where, "labels", "given where tags are whole numbers, their indices", "none");
}

/** Loss over the words' first tokens; entities as seqeval counts them. */
async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  sentences: readonly Located<TaggedSentence>[],
  features: readonly TokenFeature[],
  labels: readonly string[],
): Promise<Evaluation> {
  const loss = new Mean();
  const predictions: string[][] = [];
  const references: string[][] = [];
  const items = features.map((feature) => [feature]);
  for await (const { indices, output } of passes(model, items, how)) {
    const { data, shape } = output.logits as Tensor; // [B, T, C]
    const [, T, C] = shape;
    for (const [b, i] of indices.entries()) {
      const predicted: string[] = [];
      const expected: string[] = [];
      for (const [t, label] of features[i].labels.entries()) {
        if (label < 0) continue;
        const from = (b * T + t) * C;
        loss.add(crossEntropyOf(data, from, C, label));
        predicted.push(labels[argmax(data, from, C)]);
        expected.push(labels[label]);
      }
      predictions.push(predicted);
      references.push(expected);
    }
  }
  const { micro, accuracy } = entityMetrics({ predictions, references });
  return {
    metrics: { loss: loss.value, precision: micro.precision, recall: micro.recall, f1: micro.f1, accuracy },
    examples: sentences.slice(0, SHOWN_EXAMPLES).map(({ words }, i) => ({
      input: words.join(" "),
      expected: references[i].join(" "),
      predicted: predictions[i].join(" "),
    })),
  };
}
