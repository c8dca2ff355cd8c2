import { type LayerNormParams, layerNorm, layerNormBackward } from "../layers/addAndNorm.ts";
import { activated, activationBackward } from "../layers/feedForward.ts";
import type { GradientsOf } from "../layers/gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "../layers/linear.ts";
import { keep, type Pass, see } from "../layers/pass.ts";
import type { DropoutMask } from "../tensor/kernels/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";

/** A forward pass through a head. */
export interface HeadPass extends Pick<Pass, "k" | "config" | "tap"> {
  /** What training adds; null in inference. */
  readonly training: {
    readonly kernels: TrainingBackend;
    /** Of what a classifier reads; null for none. */
    readonly dropout: DropoutMask | null;
    /** Is filled by the forward pass. */
    readonly record: Partial<HeadRecord>;
  } | null;
}

/** The way back through a head, whose record has what its forward has kept. */
export interface HeadBackwardPass extends Pick<Pass, "config"> {
  readonly k: TrainingBackend;
  readonly dropout: DropoutMask | null;
  readonly record: Partial<HeadRecord>;
}

/** What the backward of a head needs of its forward. */
export interface HeadRecord {
  /** [N, H], what the last matrix multiplies. */
  readonly input: Tensor;
  /** [N, H], of the masked-language-model head: what it read, x Wᵀ + b, and act(x Wᵀ + b). */
  readonly x: Tensor;
  readonly before: Tensor;
  readonly activated: Tensor;
}

/** cls.predictions.*: the masked-language-model head. */
export interface MlmHeadParams {
  readonly transform: { readonly dense: LinearParams; readonly LayerNorm: LayerNormParams };
  /** weight [V, H]: the word embeddings themselves where they are tied; bias [V] is cls.predictions.bias. */
  readonly decoder: LinearParams;
}

/**
 * The masked-language-model head: for each row a score for every word piece of the vocabulary. The paper (§3.1) says
 * "an output softmax over the vocabulary"; the transform before it is in Google's code (run_pretraining.py,
 * get_masked_lm_output):
 *
 *     logits = LayerNorm(act(x Wᵀ + b)) Eᵀ + b_V        E the word embeddings
 *
 * On one page: `maskedLanguageModel` in docs/reading/onePage.ts.
 *
 * @param x [N, H], hidden states of tokens
 * @returns [N, V]
 */
export function mlmHead(pass: HeadPass, p: MlmHeadParams, x: Tensor): Tensor {
  const { k, config, training } = pass;
  const name = "cls.predictions.transform";
  const dense = activated(pass, p.transform.dense, x, `${name}.dense`);
  see(pass, `${name}.transform_act_fn`, dense);
  const input = see(pass, `${name}.LayerNorm`, layerNorm(k, p.transform.LayerNorm, dense, config.layerNormEps));
  keep(training?.record, { x, activated: dense, input });
  return see(pass, "cls.predictions.decoder", linear(k, p.decoder, input));
}

/**
 * The gradients of `mlmHead`. E is the word embeddings where they are tied; both uses add to one gradient.
 *
 * On one page: `lossAndGradients` in docs/reading/onePageTraining.ts.
 *
 * @param dlogits [N, V]
 * @param dx      [N, H], added to
 */
export function mlmHeadBackward(
  { k, config, record }: HeadBackwardPass,
  p: MlmHeadParams,
  gradients: GradientsOf<MlmHeadParams>,
  dlogits: Tensor,
  dx: Tensor,
): void {
  const { x, before, activated: dense, input } = record as HeadRecord;
  const dinput = k.zeros(input.shape);
  linearBackward(k, p.decoder, gradients.decoder, input, dlogits, dinput);
  layerNormBackward(k, p.transform.LayerNorm, gradients.transform.LayerNorm, dense, dinput, config.layerNormEps);
  activationBackward(k, dinput, before, dense, config.hiddenAct);
  linearBackward(k, p.transform.dense, gradients.transform.dense, x, dinput, dx);
}

/**
 * A linear map to logits, with dropout before it while a model trains:  z = dropout(x) Wᵀ + b.
 *
 * It is the head of next-sentence prediction (Devlin et al. 2019, §3.1, task 2: C to two classes, without dropout), of
 * classification (§4.1: C, or each T_i, to the labels), of multiple choice (§4.4: C to one score), and of questions
 * about a text (§4.2: each T_i to a start and an end score, the vectors S and E as rows of W, without dropout).
 *
 * On one page: `nextSentence` in docs/reading/onePage.ts.
 *
 * @param x [N, H], vectors of sequences or of tokens
 * @returns [N, classes]
 */
export function classifier({ k, training }: HeadPass, p: LinearParams, x: Tensor): Tensor {
  let input = x;
  if (training?.dropout) {
    input = k.empty(x.shape);
    training.kernels.dropout(input.data, x.data, training.dropout);
  }
  keep(training?.record, { input });
  return linear(k, p, input);
}

/**
 * The gradients of `classifier`.
 *
 * On one page: `lossAndGradients` in docs/reading/onePageTraining.ts.
 *
 * @param dlogits [N, classes]
 * @param dx      [N, H], added to
 */
export function classifierBackward(
  { k, dropout, record }: HeadBackwardPass,
  p: LinearParams,
  gradients: GradientsOf<LinearParams>,
  dlogits: Tensor,
  dx: Tensor,
): void {
  const { input } = record as HeadRecord;
  const dinput = dropout ? k.zeros(dx.shape) : dx;
  linearBackward(k, p, gradients, input, dlogits, dinput);
  if (!dropout) return;
  k.dropout(dinput.data, dinput.data, dropout);
  k.add(dx.data, dx.data, dinput.data);
}
