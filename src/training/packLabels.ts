import { BertError, shown } from "../errors.ts";
import { bertClassOf } from "../model/architectures.ts";
import type { Batch } from "../model/batch.ts";
import type { BertConfig, ProblemType } from "../model/config.ts";
import { IGNORED } from "../tensor/kernels/crossEntropy.ts";
import type { DistillationTargets } from "./distillation/distillationLoss.ts";
import type { CrossEntropyWeights } from "./losses.ts";
import type { VectorBatch, VectorLossSettings } from "./sentence/vectorLosses.ts";

/** The labels of a batch, named as Hugging Face's models name them. Which are needed depends on the architecture. */
export interface Labels {
  /**
   * BertForMaskedLM, BertForPreTraining: for each sequence the id that each token should be, −100 where that is not
   * counted. BertForTokenClassification: the same with classes. BertForSequenceClassification: [B] classes, or for
   * regression [B] numbers or [B][labels], or for several labels at once [B][labels] of 0 and 1. BertForMultipleChoice:
   * for each question the index of the right choice; the sequences of a question follow each other, as many for each.
   * BertForNextSentencePrediction: [B], 0 where the second text follows the first, 1 where it does not.
   */
  readonly labels?: ArrayLike<number> | readonly ArrayLike<number>[];
  /** BertForPreTraining: [B], 0 where the second text follows the first, 1 where it does not. */
  readonly nextSentenceLabel?: ArrayLike<number>;
  /** BertForQuestionAnswering: [B], the index of the span's first token; one outside the sequence is not counted. */
  readonly startPositions?: ArrayLike<number>;
  /** BertForQuestionAnswering: [B], the index of the span's last token, the same. */
  readonly endPositions?: ArrayLike<number>;
  /** BertForSequenceClassification: what `labels` mean where that is another than config.json says. */
  readonly problemType?: ProblemType;
  /** How many times what is positive counts, where labels do not exclude each other. Default 1. */
  readonly posWeight?: number;
  /** How many times each class counts, where a sequence or token is of one: [labels], each above 0. Default: once. */
  readonly classWeights?: ArrayLike<number>;
  /** The share of each label that is spread over all classes, where a sequence or token is of one. Default 0. */
  readonly labelSmoothing?: number;
  /** BertModel with modules that make a vector of each sequence: which belong together, and their loss. */
  readonly vectors?: VectorLabels;
}

/** What is to be learned of the vectors of sequences. */
export interface VectorLabels extends Omit<VectorBatch, "vectors"> {
  /** Or a teacher's vectors, one for each sequence; each is a group then. */
  readonly loss: VectorLossSettings | DistillationTargets;
  /** [N], how many of the first tokens are [CLS] and the prompt's; 0 where it does not matter. */
  readonly promptLengths: ArrayLike<number>;
}

/** Labels that were checked, as the losses take them. */
export interface PackedLabels {
  /** The labels of tokens: only rows of the packed batch that have one. */
  readonly tokens?: TokenLabels;
  /** The class of each sequence, or of each question. */
  readonly classes?: Int32Array;
  /** The targets of sequences: [B · labels] numbers. */
  readonly targets?: { readonly values: Float64Array; readonly problem: ProblemType };
  /** What they weigh. */
  readonly weighting: LabelWeighting;
  /** [B] each, by packed tokens; −1 if not counted. */
  readonly span?: readonly [starts: Int32Array, ends: Int32Array];
  readonly vectors?: VectorLabels;
}

/** How much labels count. */
export interface LabelWeighting {
  readonly posWeight: number;
  /** null where each class counts once and no label is smoothed. */
  readonly ofClasses: CrossEntropyWeights | null;
}

interface TokenLabels {
  /** [N], rows of the packed batch, ascending. */
  readonly rows: Int32Array;
  /** [N] */
  readonly labels: Int32Array;
}

/**
 * Checks the labels of a batch. Those of padding count for nothing.
 *
 * @throws BertError ERR_INPUT labels that are missing, too many, out of range or all ignored; a model without a head
 */
export function packLabels(labels: Labels, batch: Batch, c: BertConfig): PackedLabels {
  return { ...packed(labels, batch, c), weighting: weightingOf(labels) };
}

function weightingOf({ posWeight = 1, classWeights, labelSmoothing = 0 }: Labels): LabelWeighting {
  const isPlain = classWeights === undefined && labelSmoothing === 0;
  return { posWeight, ofClasses: isPlain ? null : { classWeights: classWeights ?? null, labelSmoothing } };
}

/** The labels alone, checked. */
function packed(labels: Labels, batch: Batch, c: BertConfig): Omit<PackedLabels, "weighting"> {
  switch (bertClassOf(c.architecture)) {
    case "BertModel":
      if (labels.vectors) return { vectors: expectGroups(labels.vectors, batch.B) };
      throw inputError(`config.architecture must be one with a head, got ${c.architecture}`);
    case "BertForPreTraining":
      return {
        tokens: tokenLabels(labels.labels, batch, c.vocabSize),
        classes: classesOf("nextSentenceLabel", labels.nextSentenceLabel, batch.B, 2),
      };
    case "BertForMaskedLM":
      return { tokens: tokenLabels(labels.labels, batch, c.vocabSize) };
    case "BertForTokenClassification":
      return { tokens: tokenLabels(labels.labels, batch, c.labels.length) };
    case "BertForNextSentencePrediction":
      return { classes: classesOf("labels", labels.labels, batch.B, 2) };
    case "BertForMultipleChoice": {
      const questions = labels.labels?.length ?? 0;
      if (questions === 0 || batch.B % questions !== 0) {
        throw inputError(`labels must be one for each question of ${batch.B} sequences, got ${questions}`);
      }
      return { classes: classesOf("labels", labels.labels, questions, batch.B / questions) };
    }
    case "BertForQuestionAnswering":
      return { span: [positionsOf("start", labels, batch), positionsOf("end", labels, batch)] };
    case "BertForSequenceClassification": {
      const problem = problemTypeOf(c, labels);
      return problem === "single_label_classification"
        ? { classes: classesOf("labels", labels.labels, batch.B, c.labels.length) }
        : { targets: { values: targetsOf(labels.labels, batch.B, c.labels.length), problem } };
    }
  }
}

/** Every sequence must be of one group, or its vector would have no part in the loss. */
function expectGroups(vectors: VectorLabels, B: number): VectorLabels {
  const sum = Array.from(vectors.groups).reduce((total, size) => total + size, 0);
  if (sum !== B) throw inputError(`vectors.groups must have ${B} sequences in all, got ${sum}`);
  return vectors;
}

/**
 * config.json's, or what Hugging Face concludes from the labels: one class means regression, lists mean several labels.
 */
function problemTypeOf(c: BertConfig, { labels, problemType }: Labels): ProblemType {
  if (problemType) return problemType;
  if (c.problemType) return c.problemType;
  if (c.labels.length === 1) return "regression";
  return labels && typeof labels[0] === "object" ? "multi_label_classification" : "single_label_classification";
}

function tokenLabels(labels: Labels["labels"], batch: Batch, count: number): TokenLabels {
  expectLength("labels", labels, batch.B);
  const rows: number[] = [];
  const found: number[] = [];
  batch.padded.forEach((at, row) => {
    const [b, t] = [Math.floor(at / batch.T), at % batch.T];
    const label = (labels?.[b] as ArrayLike<number>)?.[t];
    if (label === IGNORED) return;
    rows.push(row);
    found.push(classOf(label, `labels[${b}][${t}]`, count));
  });
  if (rows.length === 0) throw inputError("labels must have at least one that is not -100, got none");
  return { rows: Int32Array.from(rows), labels: Int32Array.from(found) };
}

function classesOf(name: string, labels: Labels["labels"], length: number, count: number): Int32Array {
  expectLength(name, labels, length);
  return Int32Array.from({ length }, (_, b) => classOf(labels?.[b], `${name}[${b}]`, count));
}

function targetsOf(labels: Labels["labels"], B: number, N: number): Float64Array {
  expectLength("labels", labels, B);
  return Float64Array.from({ length: B * N }, (_, i) => {
    const b = Math.floor(i / N);
    const row = labels?.[b];
    const value = N === 1 && typeof row === "number" ? row : (row as ArrayLike<number>)[i % N];
    const fits = typeof row === "number" || (row as ArrayLike<number>).length === N;
    if (fits && Number.isFinite(value)) return value;
    throw inputError(`labels[${b}] must be ${N} finite numbers, got ${shown(row)}`);
  });
}

function positionsOf(side: "start" | "end", labels: Labels, batch: Batch): Int32Array {
  const name = `${side}Positions` as const;
  const positions = labels[name];
  expectLength(name, positions, batch.B);
  const rowOf = new Map(Array.from(batch.padded, (at, row) => [at, row]));
  const packed = Int32Array.from({ length: batch.B }, (_, b) => {
    const t = positions?.[b] as number;
    if (!Number.isInteger(t)) throw inputError(`${name}[${b}] must be a whole number, got ${t}`);
    const row = t >= 0 && t < batch.T ? rowOf.get(b * batch.T + t) : undefined;
    return row === undefined ? -1 : row - batch.offsets[b];
  });
  if (packed.every((at) => at < 0)) throw inputError(`${name} must have at least one within its sequence, got none`);
  return packed;
}

function expectLength(name: string, labels: ArrayLike<unknown> | undefined, length: number): void {
  if (labels?.length === length) return;
  throw inputError(`${name} must have ${length} entries, got ${labels === undefined ? "none" : labels.length}`);
}

function classOf(label: unknown, name: string, count: number): number {
  if (Number.isInteger(label) && (label as number) >= 0 && (label as number) < count) return label as number;
  throw inputError(`${name} must be a whole number from 0 to ${count - 1}, got ${shown(label)}`);
}

function inputError(what: string): BertError {
  return new BertError("ERR_INPUT", `lossAndGradients: ${what}`);
}
