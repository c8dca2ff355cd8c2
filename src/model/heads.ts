import { BertError } from "../errors.ts";
import { layerNorm } from "../layers/addAndNorm.ts";
import { activated } from "../layers/feedForward.ts";
import { gather } from "../layers/gather.ts";
import { linear } from "../layers/linear.ts";
import { scoped, type Tap } from "../layers/tap.ts";
import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Batch, owned, rowsAt, unpack } from "./batch.ts";
import type { Encoded } from "./bert.ts";
import type { BertConfig } from "./config.ts";
import type { BertOutput, ForwardOptions } from "./forward.ts";
import type { MlmHeadParams, ModelParams } from "./params.ts";
import { placesIn, type ReadRows } from "./readRows.ts";

/**
 * The masked-language-model head: for each row a score for every word piece of the vocabulary. The paper (§3.1) says
 * "an output softmax over the vocabulary"; the transform before it is in Google's code (run_pretraining.py,
 * get_masked_lm_output):
 *
 *     logits = LayerNorm(act(x Wᵀ + b)) Eᵀ + b_V        E the word embeddings
 *
 * @param x [M, H], hidden states of the tokens that are asked for
 * @param tap named below cls.predictions
 * @returns [M, V]
 */
export function mlmHead(k: Backend, p: MlmHeadParams, x: Tensor, c: BertConfig, tap?: Tap): Tensor {
  const dense = activated(k, p.transform.dense, x, c.hiddenAct, tap, "transform.dense");
  tap?.see("transform.transform_act_fn", dense);
  const transformed = layerNorm(k, p.transform.LayerNorm, dense, c.layerNormEps);
  tap?.see("transform.LayerNorm", transformed);
  tap?.see("transform", transformed);
  const logits = linear(k, p.decoder, transformed);
  tap?.see("decoder", logits);
  return logits;
}

/**
 * The logits that the architecture has, under the names of Hugging Face.
 *
 * @param read which rows `encoded` has; null if all
 * @throws BertError ERR_INPUT maskedLmPositions or numChoices that do not fit
 */
export function headOutputs(
  k: Backend,
  { cls, classifier, qa_outputs }: ModelParams,
  encoded: Encoded,
  batch: Batch,
  read: ReadRows | null,
  config: BertConfig,
  options: ForwardOptions,
  tap?: Tap,
): Partial<BertOutput> {
  const output: { -readonly [name in keyof BertOutput]?: BertOutput[name] } = {};
  const pooled = encoded.pooled as Tensor; // every architecture that reads it has it: params.ts
  if (options.maskedLmPositions && !cls.predictions) {
    throw new BertError(
      "ERR_INPUT",
      `forward: maskedLmPositions must be left out for ${config.architecture}, which has no masked-language-model head`,
    );
  }
  if (cls.predictions) {
    const rows = options.maskedLmPositions && rowsAt(options.maskedLmPositions, batch);
    const x = rows ? gather(k, encoded.sequence, read ? placesIn(read, rows) : rows) : encoded.sequence;
    const logits = mlmHead(k, cls.predictions, x, config, scoped(tap, "cls.predictions"));
    tap?.see("cls.predictions", logits);
    output[cls.seq_relationship ? "predictionLogits" : "logits"] = rows ? owned(logits) : unpack(logits, batch);
  }
  if (cls.seq_relationship) {
    const logits = linear(k, cls.seq_relationship, pooled);
    tap?.see("cls.seq_relationship", logits);
    output[cls.predictions ? "seqRelationshipLogits" : "logits"] = owned(logits);
  }
  if (classifier) {
    const perToken = config.architecture === "BertForTokenClassification";
    const logits = linear(k, classifier, perToken ? encoded.sequence : pooled);
    tap?.see("classifier", logits);
    output.logits = perToken ? unpack(logits, batch) : owned(logits);
    if (config.architecture === "BertForMultipleChoice") output.logits = byQuestion(output.logits, options.numChoices);
  }
  if (qa_outputs) {
    const logits = linear(k, qa_outputs, encoded.sequence); // [R, 2]
    tap?.see("qa_outputs", logits);
    const both = unpack(logits, batch);
    output.startLogits = column(both, 0);
    output.endLogits = column(both, 1);
  }
  return output;
}

/** [B · choices, 1] → [B, choices] */
function byQuestion({ data }: Tensor, numChoices = data.length): Tensor {
  if (!Number.isInteger(numChoices) || numChoices < 1 || data.length % numChoices !== 0) {
    throw new BertError(
      "ERR_INPUT",
      `forward: numChoices must divide the number of sequences, ${data.length}, got ${numChoices}`,
    );
  }
  return { data, shape: [data.length / numChoices, numChoices] };
}

/** [B, T, 2] → [B, T] */
function column({ data, shape: [B, T, N] }: Tensor, n: number): Tensor {
  return { data: Float32Array.from({ length: B * T }, (_, i) => data[i * N + n]), shape: [B, T] };
}
