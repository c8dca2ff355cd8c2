import { layerNorm, layerNormBackward } from "../layers/addAndNorm.ts";
import { activation, activationBackward } from "../layers/feedForward.ts";
import { gather, gatherBackward } from "../layers/gather.ts";
import type { GradientsOf } from "../layers/gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "../layers/linear.ts";
import type { Encoded } from "../model/bert.ts";
import type { BertConfig } from "../model/config.ts";
import type { MlmHeadParams, ModelParams } from "../model/params.ts";
import type { DropoutMask } from "../tensor/kernels/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import { binaryCrossEntropyLoss, crossEntropyLoss, type Loss, meanSquaredError, spanLoss } from "./losses.ts";
import type { PackedLabels } from "./packLabels.ts";

/** What a loss is made of; the whole is their sum, of start and end their mean. */
export type LossPart = "maskedLm" | "nextSentence" | "classification" | "regression" | "start" | "end";

/** The losses of the heads, and the gradients of the encoder's two outputs. */
export interface HeadLosses {
  readonly parts: { readonly [part in LossPart]?: Loss };
  /** [R, H], or [M, H] of M read rows */
  readonly dsequence: Tensor;
  /** [B, H]; null without a pooler */
  readonly dpooled: Tensor | null;
}

/**
 * Forward and backward of the architecture's heads with their losses, in one go: nothing is kept.
 *
 * @param kept   where the gradients come from
 * @param places where the labelled tokens are among the rows of the sequence
 * @param scale  what the gradients are multiplied by
 */
export function headLosses(
  kept: TrainingBackend,
  p: ModelParams,
  gradients: GradientsOf<ModelParams>,
  { sequence, pooled }: Encoded,
  offsets: Int32Array,
  labels: PackedLabels,
  places: Int32Array,
  c: BertConfig,
  dropout: DropoutMask | null,
  scale: number,
): HeadLosses {
  const dsequence = kept.zeros(sequence.shape);
  const dpooled = pooled && kept.zeros(pooled.shape);
  const k = kept.scope();
  const parts: { [part in LossPart]?: Loss } = {};
  const { cls, classifier, qa_outputs } = p;
  if (cls.predictions && gradients.cls.predictions && labels.tokens) {
    const x = gather(k, sequence, places); // [M, H]
    const head = gradients.cls.predictions;
    const { loss, dx } = mlmLoss(k, cls.predictions, head, x, labels.tokens.labels, c, scale);
    gatherBackward(k, dsequence, places, dx);
    parts.maskedLm = loss;
  }
  const onPooled = (params: LinearParams, head: GradientsOf<LinearParams>, mask: DropoutMask | null, lossOf: LossOf) =>
    classifierLoss(k, params, head, pooled as Tensor, dpooled as Tensor, mask, lossOf);
  const classLoss: LossOf = (logits) => crossEntropyLoss(k, logits, labels.classes as Int32Array, scale);
  if (cls.seq_relationship && gradients.cls.seq_relationship) {
    parts.nextSentence = onPooled(cls.seq_relationship, gradients.cls.seq_relationship, null, classLoss);
  }
  if (classifier && gradients.classifier) {
    const { tokens, targets, classes } = labels;
    if (tokens) {
      const x = gather(k, sequence, places);
      const dx = k.zeros(x.shape);
      parts.classification = classifierLoss(k, classifier, gradients.classifier, x, dx, dropout, (logits) =>
        crossEntropyLoss(k, logits, tokens.labels, scale),
      );
      gatherBackward(k, dsequence, places, dx);
    } else if (targets) {
      const isRegression = targets.problem === "regression";
      parts[isRegression ? "regression" : "classification"] = onPooled(
        classifier,
        gradients.classifier,
        dropout,
        (logits) => (isRegression ? meanSquaredError : binaryCrossEntropyLoss)(logits, targets.values, scale),
      );
    } else {
      const B = classes?.length ?? 0; // of multiple choice [B · choices, 1] is [B, choices]
      parts.classification = onPooled(classifier, gradients.classifier, dropout, ({ data }) =>
        classLoss({ data, shape: [B, data.length / B] }),
      );
    }
  }
  if (qa_outputs && gradients.qa_outputs && labels.span) {
    const { span } = labels;
    classifierLoss(k, qa_outputs, gradients.qa_outputs, sequence, dsequence, null, (logits) => {
      Object.assign(parts, spanLoss(k, logits, offsets, span, scale));
    });
  }
  k.release();
  return { parts, dsequence, dpooled };
}

/** Takes logits, leaves their gradient in their place. */
type LossOf<T = Loss> = (logits: Tensor) => T;

/**
 * A linear map to logits, after dropout, and back:  z = dropout(x) Wᵀ + b.
 *
 * @param x  [N, H]
 * @param dx [N, H], added to
 */
function classifierLoss<T>(
  k: TrainingBackend,
  p: LinearParams,
  gradients: GradientsOf<LinearParams>,
  x: Tensor,
  dx: Tensor,
  mask: DropoutMask | null,
  lossOf: LossOf<T>,
): T {
  let [input, dinput] = [x, dx];
  if (mask) {
    [input, dinput] = [k.empty(x.shape), k.zeros(x.shape)];
    k.dropout(input.data, x.data, mask);
  }
  const logits = linear(k, p, input);
  const loss = lossOf(logits);
  linearBackward(k, p, gradients, input, logits, dinput);
  if (mask) {
    k.dropout(dinput.data, dinput.data, mask);
    k.add(dx.data, dx.data, dinput.data);
  }
  return loss;
}

/**
 * The masked-language-model head (model/heads.ts) with its loss, and back:
 *
 *     z = LayerNorm(act(x Wᵀ + b)) Eᵀ + b_V
 *
 * E is the word embeddings where they are tied; both uses add to one gradient.
 *
 * @param x [M, H]
 * @returns dx [M, H]
 */
function mlmLoss(
  k: TrainingBackend,
  p: MlmHeadParams,
  gradients: GradientsOf<MlmHeadParams>,
  x: Tensor,
  labels: Int32Array,
  c: BertConfig,
  scale: number,
): { loss: Loss; dx: Tensor } {
  const before = linear(k, p.transform.dense, x);
  const activated = activation(k, before, c.hiddenAct);
  const transformed = layerNorm(k, p.transform.LayerNorm, activated, c.layerNormEps);
  const logits = linear(k, p.decoder, transformed); // [M, V]
  const loss = crossEntropyLoss(k, logits, labels, scale);

  const dtransformed = k.zeros(transformed.shape);
  linearBackward(k, p.decoder, gradients.decoder, transformed, logits, dtransformed);
  layerNormBackward(k, p.transform.LayerNorm, gradients.transform.LayerNorm, activated, dtransformed, c.layerNormEps);
  activationBackward(k, dtransformed, before, c.hiddenAct);
  const dx = k.zeros(x.shape);
  linearBackward(k, p.transform.dense, gradients.transform.dense, x, dtransformed, dx);
  return { loss, dx };
}
