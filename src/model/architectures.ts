import { BertError } from "../errors.ts";
import type { GradientsOf } from "../layers/gradientsOf.ts";
import type { LinearParams } from "../layers/linear.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";
import { FAMILIES, type ModelType } from "./family.ts";
import type { ForwardOptions, HeadOutputName } from "./forward.ts";
import {
  classifier,
  classifierBackward,
  type HeadBackwardPass,
  type HeadPass,
  type MlmHeadParams,
  mlmHead,
  mlmHeadBackward,
} from "./heads.ts";
import type { ParamsBuilder } from "./paramsBuilder.ts";

/** The model classes of Hugging Face that share BERT's encoder; a checkpoint's config.json names one. */
export const ARCHITECTURES = [
  "BertModel",
  "BertForPreTraining",
  "BertForMaskedLM",
  "BertForNextSentencePrediction",
  "BertForSequenceClassification",
  "BertForTokenClassification",
  "BertForQuestionAnswering",
  "BertForMultipleChoice",
  "DistilBertModel",
  "DistilBertForMaskedLM",
  "DistilBertForSequenceClassification",
  "DistilBertForTokenClassification",
  "DistilBertForQuestionAnswering",
  "DistilBertForMultipleChoice",
] as const;
/**
 * A model class, which says which heads there are: none ("BertModel"), the pretraining heads
 * ("BertForPreTraining", "BertForMaskedLM", "BertForNextSentencePrediction") or a classifier
 * ("BertForSequenceClassification", …). It decides which weights are read and which outputs there are.
 */
export type Architecture = (typeof ARCHITECTURES)[number];
/** One of BERT's own classes; those of other families have the same heads, or some of them. */
export type BertClass = Exclude<Architecture, `Distil${string}`>;

/** What heads read of config.json; `BertConfig` has it. */
interface HeadConfig {
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** The names of a classifier's classes. */
  readonly labels: readonly string[];
  readonly hiddenDropoutProb: number;
  readonly classifierDropout: number | null;
  readonly qaDropout: number;
}

/** The weights of heads, by their names in the checkpoint. */
export interface HeadParams {
  readonly "cls.predictions": MlmHeadParams;
  readonly "cls.seq_relationship": LinearParams;
  readonly classifier: LinearParams;
  readonly qa_outputs: LinearParams;
}
/** The names of heads in the checkpoint. */
export type HeadName = keyof HeadParams;
/** The weights of a head. */
export type AnyHeadParams = HeadParams[HeadName];

/**
 * All that differs between one head and another. Its functions are only ever given the weights that its own `params`
 * made.
 */
export interface Head<P extends AnyHeadParams = AnyHeadParams> {
  /** Its name in the checkpoint, which is that of its tap too. */
  readonly name: HeadName;
  /**
   * Which rows of the encoder's output it reads: of the first tokens through the pooler, of every token, or of the
   * tokens that `maskedLmPositions` lists (every token without it).
   */
  readonly reads: "pooled" | "tokens" | "listed tokens";
  /** How many logits it has for each row. */
  size(c: HeadConfig): number;
  /**
   * @param words [V, H], the decoder's weight where it is tied to the word embeddings; null where it is a matrix of its
   *   own
   */
  params(build: ParamsBuilder, c: HeadConfig, words: Weight | null): P;
  /** @param x [N, H] @returns [N, size] */
  logits(pass: HeadPass, p: P, x: Tensor): Tensor;
  /** The gradients of `logits`. @param dlogits [N, size] @param dx [N, H], added to */
  backward(pass: HeadBackwardPass, p: P, gradients: GradientsOf<P>, dlogits: Tensor, dx: Tensor): void;
  /** The probability by which training drops what it reads; null: it drops nothing. */
  readonly dropout: ((c: HeadConfig) => number) | null;
  /** The taps within it, and their sizes. */
  taps?(c: HeadConfig): readonly (readonly [name: string, size: number])[];
  /** What its logits are called in the output of `forward`. */
  readonly outputs: readonly HeadOutputName[];
  /**
   * Turns logits, [B, size], [B, T, size] or of listed tokens [N, size], into the outputs; left out:
   * they are the one output.
   */
  split?(logits: Tensor, options: ForwardOptions): readonly Tensor[];
  /** Whether one output combines several sequences, so that `forwardStream` refuses the model. */
  readonly joins?: boolean;
}

const maskedLm = (output: "logits" | "predictionLogits"): Head<MlmHeadParams> => ({
  name: "cls.predictions",
  reads: "listed tokens",
  size: (c) => c.vocabSize,
  params: (build, { hiddenSize: H, vocabSize: V }, words) => ({
    transform: {
      dense: build.linear("cls.predictions.transform.dense", H, H),
      LayerNorm: build.layerNorm("cls.predictions.transform.LayerNorm", H),
    },
    decoder: {
      weight: words ?? build.matrix("cls.predictions.decoder", V, H).weight,
      bias: build.vector("cls.predictions.bias", V),
    },
  }),
  logits: mlmHead,
  backward: mlmHeadBackward,
  dropout: null,
  taps: ({ hiddenSize: H, vocabSize: V }) => [
    ...["transform.dense", "transform.transform_act_fn", "transform.LayerNorm"].map(
      (name) => [`cls.predictions.${name}`, H] as const,
    ),
    ["cls.predictions.decoder", V],
  ],
  outputs: [output],
});

/** A head that is one linear map. */
const linearHead = (
  name: HeadName,
  head: Pick<Head<LinearParams>, "reads" | "size" | "dropout" | "outputs" | "split" | "joins">,
): Head<LinearParams> => ({
  ...head,
  name,
  params: (build, c) => build.linear(name, head.size(c), c.hiddenSize),
  logits: classifier,
  backward: classifierBackward,
});

const nextSentence = (output: "logits" | "seqRelationshipLogits") =>
  linearHead("cls.seq_relationship", { reads: "pooled", size: () => 2, dropout: null, outputs: [output] });

const ofClassifier = (c: HeadConfig): number => c.classifierDropout ?? c.hiddenDropoutProb;

const labels = (reads: "pooled" | "tokens", dropout = ofClassifier) =>
  linearHead("classifier", { reads, size: (c) => c.labels.length, dropout, outputs: ["logits"] });

/** One score for each sequence: [B, 1] becomes [B / numChoices, numChoices]. */
const choices = linearHead("classifier", {
  reads: "pooled",
  size: () => 1,
  dropout: ofClassifier,
  outputs: ["logits"],
  split: (logits, { numChoices }) => [byQuestion(logits, numChoices)],
  joins: true,
});

/** [B, T, 2]: the first column says where an answer starts, the second where it ends. */
const span = linearHead("qa_outputs", {
  reads: "tokens",
  size: () => 2,
  dropout: (c) => c.qaDropout,
  outputs: ["startLogits", "endLogits"],
  split: (logits) => [column(logits, 0), column(logits, 1)],
});

/**
 * The heads of each architecture. Names and shapes of weights, the rows that inference reads, logits, outputs, taps and
 * streams all follow from this table; training reads the tokens that have a label.
 */
export const HEADS: Readonly<Record<Architecture, readonly Head[]>> = {
  BertModel: [],
  BertForPreTraining: [maskedLm("predictionLogits"), nextSentence("seqRelationshipLogits")],
  BertForMaskedLM: [maskedLm("logits")],
  BertForNextSentencePrediction: [nextSentence("logits")],
  BertForSequenceClassification: [labels("pooled")],
  BertForTokenClassification: [labels("tokens")],
  BertForQuestionAnswering: [span],
  BertForMultipleChoice: [choices],
  DistilBertModel: [],
  DistilBertForMaskedLM: [maskedLm("logits")],
  DistilBertForSequenceClassification: [labels("pooled")],
  DistilBertForTokenClassification: [labels("tokens", (c) => c.hiddenDropoutProb)],
  DistilBertForQuestionAnswering: [span],
  DistilBertForMultipleChoice: [choices],
};

/** Which of BERT's classes has the same heads. */
export function bertClassOf(architecture: Architecture): BertClass {
  return architecture.replace(/^Distil/, "") as BertClass;
}

/** The classes of a family, first that of the encoder alone. */
export function architecturesOf(family: ModelType): readonly Architecture[] {
  return ARCHITECTURES.filter((name) => name.startsWith(FAMILIES[family].classes));
}

/**
 * What a model must be for the heads of a class, where its family has no class with them: a BERT. Null: the family has
 * one.
 */
export function otherFamilyFor(name: Architecture, family: ModelType): string | null {
  if (architecturesOf(family).some((own) => bertClassOf(own) === bertClassOf(name))) return null;
  const { title } = FAMILIES[family];
  return `a BERT with a next-sentence head, such as google-bert/bert-base-uncased: a ${title} has none`;
}

/**
 * A class of a model's family, by its name or by that of BERT's class with the same heads: tasks are written for these.
 *
 * @param where the function that errors name
 * @throws BertError ERR_INPUT the family has no such class
 */
export function inFamily(where: string, name: Architecture, family: ModelType): Architecture {
  const known = architecturesOf(family);
  const found = known.find((own) => own === name || bertClassOf(own) === name);
  if (found) return found;
  const other = otherFamilyFor(name, family);
  if (other !== null) throw new BertError("ERR_INPUT", `${where}: the model must be ${other}`);
  const must = `one of ${known.join(", ")}, as config.json's model_type is ${family}`;
  throw new BertError("ERR_INPUT", `${where}: architecture must be ${must}, got ${name}`);
}

/** [B · choices, 1] → [B, choices] */
function byQuestion({ data }: Tensor, numChoices = data.length): Tensor {
  return { data, shape: [data.length / numChoices, numChoices] };
}

/** [B, T, 2] → [B, T] */
function column({ data, shape: [B, T, N] }: Tensor, n: number): Tensor {
  return { data: Float32Array.from({ length: B * T }, (_, i) => data[i * N + n]), shape: [B, T] };
}
