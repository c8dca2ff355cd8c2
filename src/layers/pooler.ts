import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import { gather, gatherBackward } from "./gather.ts";
import type { GradientsOf } from "./gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "./linear.ts";
import { type Pass, readOffsets, see } from "./pass.ts";

/** Checkpoint names: bert.pooler.dense.{weight,bias}; pre_classifier.{weight,bias} of a DistilBERT. */
export interface PoolerParams {
  readonly dense: LinearParams;
}

/**
 * One vector for each sequence: tanh of a linear map of its first token, [CLS] (the C of Devlin et al. 2019, figure 1;
 * the tanh is in Google's modeling.py alone). DistilBERT has ReLU in its place.
 *
 * On one page: `nextSentence` in docs/reading/onePage.ts.
 *
 * @param x [M, H], the rows of the encoder's output that are read: all first tokens among them
 * @returns [B, H]
 */
export function pooler(pass: Pass, p: PoolerParams, x: Tensor): Tensor {
  const { k } = pass;
  const first = gather(k, x, firstRows(pass));
  const pooled = see(pass, "pooler.dense", linear(k, p.dense, first));
  if (pass.config.poolerAct === "relu") k.relu(pooled.data, pooled.data);
  else k.tanh(pooled.data, pooled.data);
  return see(pass, "pooler.activation", pooled);
}

/** [B], where each sequence begins among the rows that are read. */
function firstRows(pass: Pick<Pass, "read" | "offsets">): Int32Array {
  return readOffsets(pass).subarray(0, -1);
}

/**
 * The gradients of `pooler`.
 *
 * On one page: `lossAndGradients` in docs/reading/onePageTraining.ts.
 *
 * @param encoded sequence [M, H] and pooled [B, H]: what pooler was given, and what it returned
 * @param dpooled [B, H], overwritten
 * @param dx      [M, H], added to in the first row of each sequence
 */
export function poolerBackward(
  pass: Pick<Pass, "config" | "read" | "offsets"> & { readonly k: TrainingBackend },
  p: PoolerParams,
  gradients: GradientsOf<PoolerParams>,
  encoded: { readonly sequence: Tensor; readonly pooled: Tensor },
  dpooled: Tensor,
  dx: Tensor,
): void {
  const { k } = pass;
  const first = gather(k, encoded.sequence, firstRows(pass));
  const dfirst = k.zeros(first.shape);
  // tanh′ is read from what tanh returned; and ReLU's is 1 where that is above 0
  k[`${pass.config.poolerAct}Backward`](dpooled.data, dpooled.data, encoded.pooled.data);
  linearBackward(k, p.dense, gradients.dense, first, dpooled, dfirst);
  gatherBackward(k, dx, firstRows(pass), dfirst);
}
