import { listed } from "../../errors.ts";
import type { ProblemType } from "../../model/config.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { type SequenceFeature, sequenceFeatures } from "../data/features.ts";
import { type GlueTask, glueLabels } from "../data/glue.ts";
import { labelNames, labelOf, oneLabel, orderOf } from "../data/labels.ts";
import type { Located } from "../data/located.ts";
import type { TextExample } from "../data/textExamples.ts";
import { binaryCrossEntropy } from "../losses.ts";
import { accuracy, f1Score, matthewsCorrelation } from "../metrics/classification.ts";
import { pearsonCorrelation, spearmanCorrelation } from "../metrics/correlation.ts";
import { glueMetrics } from "../metrics/glueMetrics.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { passes } from "./passes.ts";
import { type Evaluation, type EvaluationOptions, type PreparedTask, SHOWN_EXAMPLES } from "./task.ts";

export interface TextClassificationOptions {
  readonly maxLength?: number | undefined;
  /**
   * Default: several labels at once where examples have lists, a regression where one has a broken number or the file
   * writes floats, else one label.
   */
  readonly problemType?: ProblemType | undefined;
  /** The labels in the order of their indices. Default: those of the examples, sorted. */
  readonly labels?: readonly string[] | undefined;
  /** A task of GLUE, with its labels and metrics. */
  readonly glueTask?: GlueTask | undefined;
  /** The labels of the classifier that training begins with, if it begins with one. */
  readonly startLabels?: readonly string[] | null;
  /** Whether the file of the training examples writes their labels as floats. */
  readonly areFloats?: boolean;
}

/**
 * Sequence classification: one label, several, or a number for each text or pair, as Hugging Face's run_glue.py and
 * run_classification.py.
 */
export function textClassification(
  tokenizer: BertTokenizer,
  train: readonly Located<TextExample>[],
  evaluation: readonly Located<TextExample>[] | null,
  options: TextClassificationOptions,
): PreparedTask {
  const problemType = options.problemType ?? problemOf(train, options);
  const labels = problemType === "regression" ? null : labelsOf(train, evaluation, options);
  if (labels?.length === 1 && problemType === "single_label_classification") throw oneLabel(labels[0]);
  const featureOptions = {
    ...(options.maxLength !== undefined && { maxLength: options.maxLength }),
    ...(labels && { labels }),
    problemType,
  };
  const features = sequenceFeatures(tokenizer, train, featureOptions);
  const evalFeatures = evaluation && sequenceFeatures(tokenizer, evaluation, featureOptions);
  return {
    architecture: "BertForSequenceClassification",
    labels: labels ?? ["LABEL_0"],
    problemType,
    lengths: features.map(({ inputIds }) => inputIds.length),
    batch: (indices) => ({
      input: indices.map((i) => features[i]),
      labels: { labels: indices.map((i) => features[i].labels) as number[] | Float32Array[] },
      name: listed(indices.map((i) => train[i].where)),
    }),
    evaluate:
      evaluation &&
      evalFeatures &&
      ((model, how) =>
        evaluate(model, how, evaluation, evalFeatures, { labels, problem: problemType, task: options.glueTask })),
    *contents() {
      for (const { inputIds, tokenTypeIds, labels: label } of [...features, ...(evalFeatures ?? [])]) {
        yield inputIds;
        yield tokenTypeIds;
        yield typeof label === "number" ? [label] : label;
      }
    },
  };
}

function problemOf(
  examples: readonly Located<TextExample>[],
  { glueTask, areFloats = false }: TextClassificationOptions,
): ProblemType {
  if (glueTask !== undefined) return glueLabels(glueTask) === null ? "regression" : "single_label_classification";
  if (examples.some(({ label }) => typeof label === "object")) return "multi_label_classification";
  const isBroken = ({ label }: TextExample) => typeof label === "number" && !Number.isInteger(label);
  return areFloats || examples.some(isBroken) ? "regression" : "single_label_classification";
}

function labelsOf(
  train: readonly Located<TextExample>[],
  evaluation: readonly Located<TextExample>[] | null,
  { labels, glueTask, startLabels = null }: TextClassificationOptions,
): readonly string[] {
  if (labels !== undefined) return labels;
  if (glueTask !== undefined) return glueLabels(glueTask) as string[];
  const found = labelNames([...train, ...(evaluation ?? [])].flatMap((example) => labelOf(example)));
  return orderOf(startLabels, found);
}

/** What the model predicts of a text. */
interface Question {
  /** null for a regression. */
  readonly labels: readonly string[] | null;
  readonly problem: ProblemType;
  readonly task: GlueTask | undefined;
}

async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  examples: readonly Located<TextExample>[],
  features: readonly SequenceFeature[],
  { labels, problem, task }: Question,
): Promise<Evaluation> {
  const loss = new Mean();
  const predictions: (number | number[])[] = [];
  for await (const { indices, output } of passes(
    model,
    features.map((feature) => [feature]),
    how,
  )) {
    const { data, shape } = output.logits as Tensor;
    const C = shape[1];
    for (const [b, i] of indices.entries()) {
      const { labels: target } = features[i];
      if (problem === "regression") {
        predictions.push(data[b]);
        const difference = data[b] - (target as number);
        loss.add(difference * difference);
      } else if (problem === "single_label_classification") {
        predictions.push(argmax(data, b * C, C));
        loss.add(crossEntropyOf(data, b * C, C, target as number));
      } else {
        const logits = data.subarray(b * C, (b + 1) * C);
        predictions.push(Array.from(logits, (z) => (z > 0 ? 1 : 0)));
        for (const [c, z] of logits.entries()) loss.add(binaryCrossEntropy(z, (target as Float32Array)[c]));
      }
    }
  }
  const shown = (value: number | ArrayLike<number>): string => {
    if (typeof value === "number") return labels ? labels[value] : value.toPrecision(4);
    return (labels ?? []).filter((_, c) => value[c] === 1).join(", ") || "none";
  };
  return {
    metrics: { loss: loss.value, ...metricsOf(predictions, features, labels, problem, task) },
    examples: examples.slice(0, SHOWN_EXAMPLES).map(({ text, text_pair }, i) => ({
      input: text_pair === undefined ? text : `${text} | ${text_pair}`,
      expected: shown(features[i].labels),
      predicted: shown(predictions[i]),
    })),
  };
}

/**
 * The metrics as run_glue.py names them; beside GLUE's also macro F1 and Matthews correlation, which do not reward
 * guessing the commonest label.
 */
function metricsOf(
  predictions: readonly (number | number[])[],
  features: readonly SequenceFeature[],
  labels: readonly string[] | null,
  problem: ProblemType,
  task: GlueTask | undefined,
): Record<string, number> {
  const references = features.map((feature) => feature.labels);
  if (problem === "multi_label_classification") {
    const rows = references as Float32Array[];
    const same = predictions.filter((row, i) => (row as number[]).every((value, c) => value === rows[i][c]));
    const ofLabel = (c: number) => ({
      predictions: predictions.map((row) => (row as number[])[c]),
      references: rows.map((row) => row[c]),
    });
    const C = labels?.length ?? 0;
    const flat = { predictions: predictions.flat(), references: rows.flatMap((row) => Array.from(row)) };
    const each = Array.from({ length: C }, (_, c) => f1Score(ofLabel(c), { average: "macro", labels: [1] }));
    return {
      accuracy: same.length / predictions.length,
      f1_micro: f1Score(flat, { average: "macro", labels: [1] }),
      f1_macro: each.reduce((sum, f1) => sum + f1, 0) / C,
    };
  }
  const pairs = { predictions: predictions as number[], references: references as number[] };
  if (task !== undefined) return { ...glueMetrics(task, pairs) };
  if (problem === "single_label_classification") {
    return {
      accuracy: accuracy(pairs),
      f1_macro: f1Score(pairs, { average: "macro" }),
      matthews_correlation: matthewsCorrelation(pairs),
    };
  }
  if (predictions.length < 2) return {};
  return { pearson: pearsonCorrelation(pairs), spearmanr: spearmanCorrelation(pairs) };
}
