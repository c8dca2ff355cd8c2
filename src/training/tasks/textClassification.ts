import { listed } from "../../errors.ts";
import type { ProblemType } from "../../model/config.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { type SequenceFeature, sequenceFeatures } from "../data/features.ts";
import { type GlueTask, glueLabels } from "../data/glue.ts";
import { labelOf, oneLabel } from "../data/labels.ts";
import type { Located } from "../data/located.ts";
import type { LabelAt } from "../data/modelLabels.ts";
import type { TextExample } from "../data/textExamples.ts";
import { trainedLabels } from "../data/trainedLabels.ts";
import { binaryCrossEntropy } from "../losses.ts";
import { accuracy, f1Score, matthewsCorrelation } from "../metrics/classification.ts";
import { confusionMatrix } from "../metrics/confusionMatrix.ts";
import { pearsonCorrelation, spearmanCorrelation } from "../metrics/correlation.ts";
import { type Counts, scoresOf } from "../metrics/entityMetrics.ts";
import { glueMetrics } from "../metrics/glueMetrics.ts";
import type { Pairs } from "../metrics/pairs.ts";
import { Mean } from "./logitScores.ts";
import { type Classified, classify, evaluationOf, finite, type Outcomes } from "./outcomes.ts";
import { type Passes, passes } from "./passes.ts";
import type { Evaluation, EvaluationOptions, PreparedTask } from "./task.ts";

export interface TextClassificationOptions {
  readonly maxLength?: number | undefined;
  /**
   * Default: several labels at once where examples have lists, a regression where one has a broken number or the file
   * writes floats, else one label.
   */
  readonly problemType?: ProblemType | undefined;
  /** The labels in the order of their indices. Default: those of the examples to train with, sorted. */
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
  const labels = problemType === "regression" ? null : labelsOf(problemType, train, evaluation, options);
  if (labels?.length === 1 && problemType === "single_label_classification") throw oneLabel(labels[0]);
  const featureOptions = {
    ...(options.maxLength !== undefined && { maxLength: options.maxLength }),
    ...(labels && { labels }),
    problemType,
  };
  const question: Question = { labels, problem: problemType, task: options.glueTask };
  const features = sequenceFeatures(tokenizer, train, featureOptions);
  const evalFeatures = evaluation && sequenceFeatures(tokenizer, evaluation, featureOptions);
  return {
    labels: labels ?? ["LABEL_0"],
    problemType,
    lengths: features.map(({ inputIds }) => inputIds.length),
    batch: (indices) => ({
      input: indices.map((i) => features[i]),
      labels: { labels: indices.map((i) => features[i].labels) as number[] | Float32Array[] },
      name: listed(indices.map((i) => train[i].where)),
    }),
    metricNames: evaluation ? metricNames(question, evaluation.length) : [],
    ...(options.glueTask !== undefined && { settings: { glueTask: options.glueTask } }),
    evaluate: evaluation && evalFeatures && ((model, how) => evaluate(model, how, evaluation, evalFeatures, question)),
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
  problemType: ProblemType,
  train: readonly Located<TextExample>[],
  evaluation: readonly Located<TextExample>[] | null,
  { labels, glueTask, startLabels = null }: TextClassificationOptions,
): readonly string[] {
  if (labels !== undefined) return labels;
  if (glueTask !== undefined) return glueLabels(glueTask) as string[];
  const several = problemType === "multi_label_classification";
  return trainedLabels("label", labelsAt(train), labelsAt(evaluation ?? []), { start: startLabels, several });
}

function labelsAt(examples: readonly Located<TextExample>[]): LabelAt[] {
  return examples.flatMap((example) => [labelOf(example)].flat().map((label) => ({ label, where: example.where })));
}

/** What the model predicts of a text. */
interface Question {
  /** null for a regression. */
  readonly labels: readonly string[] | null;
  readonly problem: ProblemType;
  readonly task: GlueTask | undefined;
}

/** Which metrics so many examples have: those of right answers. */
function metricNames({ labels, problem, task }: Question, count: number): string[] {
  const scores = () => {
    if (labels === null) return numberScores(task, { predictions: [0, 1].slice(0, count), references: [0, 1].slice(0, count) }); // biome-ignore format: one line
    const one = { predictions: [0], references: [0] };
    return problem === "multi_label_classification" ? setScores([[0]], [[0]]) : classScores(task, one, labels);
  };
  return ["loss", ...Object.keys(scores())];
}

async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  examples: readonly Located<TextExample>[],
  features: readonly SequenceFeature[],
  question: Question,
): Promise<Evaluation> {
  const where = (i: number) => examples[i].where;
  const references = features.map(({ labels }) => labels);
  const asked = { items: features.map((feature) => [feature]), references, where };
  const outcomes = await ofProblem(question, asked, { model, how });
  const { shown } = outcomes;
  const told = {
    ...outcomes,
    where,
    tell(i: number) {
      const { text, text_pair } = examples[i];
      const input = text_pair === undefined ? text : `${text} | ${text_pair}`;
      return { input, expected: shown(references[i]), predicted: shown(outcomes.predictions[i]) };
    },
  };
  return evaluationOf(told, how);
}

type Target = SequenceFeature["labels"];

/** The items, and what is to be said of each. */
interface Asked extends Omit<Classified, "references"> {
  readonly references: readonly Target[];
}

interface Answered extends Pick<Outcomes, "metrics" | "losses" | "isWrong" | "confusionMatrix" | "classes"> {
  readonly predictions: readonly Target[];
  shown(value: Target): string;
}

function ofProblem({ labels, problem, task }: Question, asked: Asked, run: Passes): Promise<Answered> {
  if (problem === "regression" || labels === null) return ofNumbers(task, asked, run);
  if (problem === "multi_label_classification") return ofSets(labels, asked, run);
  return ofClasses(labels, task, { ...asked, references: asked.references as number[] }, run);
}

/**
 * The metrics as run_glue.py names them; beside GLUE's also macro F1 and Matthews correlation, which do not reward
 * guessing the commonest label.
 */
async function ofClasses(
  labels: readonly string[],
  task: GlueTask | undefined,
  asked: Classified,
  run: Passes,
): Promise<Answered> {
  const { predictions, losses, loss } = await classify(asked, run);
  const pairs = { predictions, references: asked.references };
  return {
    ...{ predictions, losses },
    metrics: { loss, ...classScores(task, pairs, labels) },
    isWrong: (i) => predictions[i] !== asked.references[i],
    confusionMatrix: confusionMatrix(pairs, labels),
    shown: (index) => labels[index as number],
  };
}

function classScores(
  task: GlueTask | undefined,
  pairs: Pairs<number>,
  labels: readonly string[],
): Readonly<Record<string, number>> {
  return task === undefined ? usualScores(pairs) : glueMetrics(task, inOrderOf(glueLabels(task) ?? [], pairs, labels));
}

function usualScores(pairs: Pairs<number>): Record<string, number> {
  return {
    accuracy: accuracy(pairs),
    f1_macro: f1Score(pairs, { average: "macro" }),
    matthews_correlation: matthewsCorrelation(pairs),
  };
}

/** Indices of labels as GLUE numbers them: a model may have another order. */
function inOrderOf(order: readonly string[], pairs: Pairs<number>, labels: readonly string[]): Pairs<number> {
  const ids = labels.map((label, id) =>
    order.includes(label.toLowerCase()) ? order.indexOf(label.toLowerCase()) : id,
  );
  const renumbered = (indices: ArrayLike<number>) => Array.from(indices, (id) => ids[id]);
  return { predictions: renumbered(pairs.predictions), references: renumbered(pairs.references) };
}

/** A number each; the loss is the square of the error. */
async function ofNumbers(
  task: GlueTask | undefined,
  { items, references, where }: Asked,
  run: Passes,
): Promise<Answered> {
  const loss = new Mean();
  const losses: number[] = [];
  const predictions: number[] = [];
  for await (const { indices, output } of passes(items, run)) {
    for (const [b, i] of indices.entries()) {
      predictions.push(output.logits!.data[b]);
      const difference = predictions[i] - (references[i] as number);
      losses.push(finite(difference * difference, where(i)));
      loss.add(losses[i]);
    }
  }
  const scores = numberScores(task, { predictions, references: references as number[] });
  return {
    ...{ predictions, losses },
    metrics: { loss: loss.value, ...scores },
    isWrong: (i) => losses[i] > 0,
    shown: (value) => (value as number).toPrecision(4),
  };
}

/** Correlations; of fewer than two numbers there are none. */
function numberScores(task: GlueTask | undefined, pairs: Pairs<number>): Readonly<Record<string, number>> {
  if (pairs.predictions.length < 2) return {};
  if (task !== undefined) return glueMetrics(task, pairs);
  return { pearson: pearsonCorrelation(pairs), spearmanr: spearmanCorrelation(pairs) };
}

/** Any number of labels each: those with a logit above 0. */
async function ofSets(labels: readonly string[], { items, references, where }: Asked, run: Passes): Promise<Answered> {
  const C = labels.length;
  const loss = new Mean();
  const losses: number[] = [];
  const predictions: Float32Array[] = [];
  const rows = references as Float32Array[];
  for await (const { indices, output } of passes(items, run)) {
    for (const [b, i] of indices.entries()) {
      const logits = output.logits!.data.subarray(b * C, (b + 1) * C);
      const own = new Mean();
      for (const [c, z] of logits.entries()) {
        const term = finite(binaryCrossEntropy(z, rows[i][c]), where(i));
        loss.add(term);
        own.add(term);
      }
      predictions.push(logits.map((z) => (z > 0 ? 1 : 0)));
      losses.push(own.value);
    }
  }
  const isWrong = (i: number) => !areSame(predictions[i], rows[i]);
  return {
    ...{ predictions, losses, isWrong },
    metrics: { loss: loss.value, ...setScores(predictions, rows) },
    classes: labels.map((label, c) => ({ label, ...scoresOf(countsOf(column(predictions, c), column(rows, c))) })),
    shown: (value) => labels.filter((_, c) => (value as Float32Array)[c] === 1).join(", ") || "none",
  };
}

type Rows = readonly ArrayLike<number>[];

function column(rows: Rows, c: number): number[] {
  return rows.map((row) => row[c]);
}

function areSame(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return Array.from(a).every((value, c) => value === b[c]);
}

/** @param predictions [N][C], 1 where a label holds @param references [N][C] */
function setScores(predictions: Rows, references: Rows): Readonly<Record<string, number>> {
  const C = references[0].length;
  const flat = (rows: Rows) => rows.flatMap((row) => Array.from(row));
  const positive = { average: "macro", labels: [1] } as const;
  const each = Array.from({ length: C }, (_, c) =>
    f1Score({ predictions: column(predictions, c), references: column(references, c) }, positive),
  );
  return {
    accuracy: predictions.filter((row, i) => areSame(row, references[i])).length / predictions.length,
    f1_micro: f1Score({ predictions: flat(predictions), references: flat(references) }, positive),
    f1_macro: each.reduce((sum, f1) => sum + f1, 0) / C,
  };
}

/** Of one label: 1 where it holds. */
function countsOf(predictions: readonly number[], references: readonly number[]): Counts {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    right: sum(predictions.map((value, i) => value * references[i])),
    predicted: sum(predictions),
    actual: sum(references),
  };
}
