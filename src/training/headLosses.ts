import { gather, gatherBackward } from "../layers/gather.ts";
import type { GradientsOf } from "../layers/gradientsOf.ts";
import { type AnyHeadParams, HEADS, type Head } from "../model/architectures.ts";
import type { BertPass, BertTraining, Encoded } from "../model/bert.ts";
import type { BertConfig } from "../model/config.ts";
import type { ModelParams } from "../model/params.ts";
import { indicesIn } from "../model/readRows.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import {
  binaryCrossEntropyLoss,
  crossEntropyLoss,
  type Loss,
  meanSquaredError,
  spanLoss,
  weightedCrossEntropyLoss,
} from "./losses.ts";
import type { PackedLabels } from "./packLabels.ts";

/** What a loss is made of; the whole is their sum, of start and end their mean. */
export type LossPart =
  | ("maskedLm" | "nextSentence" | "classification" | "regression" | "start" | "end")
  | ("vectors" | "similarities");
/** The parts that a loss has. */
export type LossParts = { readonly [part in LossPart]?: Loss };

/** A forward pass that trains. */
export interface TrainingPass extends BertPass {
  readonly k: TrainingBackend;
  readonly config: BertConfig;
  readonly training: BertTraining;
}

/**
 * Forward and backward of the architecture's heads with their losses, in one go: nothing is kept.
 *
 * @param encoded what the heads read
 * @param scale   what the gradients are multiplied by
 * @returns the loss, which is the sum of its parts, of start and end their mean; and the gradients of `encoded`
 */
export function headLosses(
  pass: TrainingPass,
  p: ModelParams,
  gradients: GradientsOf<ModelParams>,
  { sequence, pooled }: Encoded,
  labels: PackedLabels,
  scale: number,
): { readonly loss: number; readonly parts: LossParts; readonly dencoded: Encoded } {
  const dencoded = { sequence: pass.k.zeros(sequence.shape), pooled: pooled && pass.k.zeros(pooled.shape) };
  const k = pass.k.scope();
  const parts: { [part in LossPart]?: Loss } = {};
  for (const head of HEADS[pass.config.architecture]) {
    const params = p.heads[head.name] as AnyHeadParams;
    const into = gradients.heads[head.name] as GradientsOf<AnyHeadParams>;
    const loss = (x: Tensor, dx: Tensor) => {
      const dropout = head.dropout ? pass.training.dropout.classifier : null;
      const record = {};
      const training = { kernels: k, dropout, record };
      const logits = head.logits({ ...pass, k, training }, params, x);
      Object.assign(parts, lossesOf(k, head, logits, labels, pass.offsets, scale));
      head.backward({ ...pass, k, dropout, record }, params, into, logits, dx); // logits are their gradient now
    };
    if (head.reads === "pooled") loss(pooled as Tensor, dencoded.pooled as Tensor);
    else if (!labels.tokens) loss(sequence, dencoded.sequence);
    else {
      const rows = indicesIn(pass.read, labels.tokens.rows);
      const x = gather(k, sequence, rows);
      const dx = k.zeros(x.shape);
      loss(x, dx);
      gatherBackward(k, dencoded.sequence, rows, dx);
    }
  }
  k.release();
  const sum = Object.values(parts).reduce((total, part) => total + part.loss, 0);
  return { loss: labels.span ? sum / 2 : sum, parts, dencoded };
}

/**
 * The losses of a head. The gradient of its logits, times `scale`, takes the logits' place.
 *
 * @param logits [N, size] in, gradient out
 */
function lossesOf(
  k: TrainingBackend,
  { name }: Head,
  logits: Tensor,
  labels: PackedLabels,
  offsets: Int32Array,
  scale: number,
): LossParts {
  const { tokens, targets, span, weighting } = labels;
  const { ofClasses, posWeight } = weighting;
  const classes = labels.classes as Int32Array; // of heads that read vectors of sequences
  const ofOne = (z: Tensor, y: Int32Array) =>
    ofClasses ? weightedCrossEntropyLoss(z, y, ofClasses, scale) : crossEntropyLoss(k, z, y, scale);
  if (name === "cls.predictions" && tokens) return { maskedLm: ofOne(logits, tokens.labels) };
  if (name === "cls.seq_relationship") return { nextSentence: ofOne(logits, classes) };
  if (span) return spanLoss(k, logits, offsets, span, scale);
  if (tokens) return { classification: ofOne(logits, tokens.labels) };
  if (targets?.problem === "regression") return { regression: meanSquaredError(logits, targets.values, scale) };
  if (targets) return { classification: binaryCrossEntropyLoss(logits, targets.values, scale, posWeight) };
  const shape = [classes.length, logits.data.length / classes.length]; // of choices [B · choices, 1] is [B, choices]
  return { classification: ofOne({ data: logits.data, shape }, classes) };
}
