import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import { gather, gatherBackward } from "./gather.ts";
import type { GradientsOf } from "./gradientsOf.ts";
import { type LinearParams, linear, linearBackward } from "./linear.ts";
import type { Tap } from "./tap.ts";

/** Checkpoint names: bert.pooler.dense.{weight,bias}. */
export interface PoolerParams {
  readonly dense: LinearParams;
}

/**
 * One vector for each sequence: tanh of a linear map of its first token, [CLS] (the C of Devlin et al. 2019, figure 1;
 * the tanh is in Google's modeling.py alone).
 *
 * @param x       [R, H]
 * @param offsets [B + 1]
 * @returns       [B, H]
 */
export function pooler(k: Backend, p: PoolerParams, x: Tensor, offsets: Int32Array, tap?: Tap): Tensor {
  const first = gather(k, x, offsets.subarray(0, -1));
  const pooled = linear(k, p.dense, first);
  tap?.see("dense", pooled);
  k.tanh(pooled.data, pooled.data);
  tap?.see("activation", pooled);
  return pooled;
}

/**
 * The gradients of `pooler`.
 *
 * @param x       [R, H]
 * @param offsets [B + 1]
 * @param pooled  [B, H], what pooler returned
 * @param dpooled [B, H], used up
 * @param dx      [R, H], added to in the first row of each sequence; null if nobody wants it
 */
export function poolerBackward(
  k: TrainingBackend,
  p: PoolerParams,
  gradients: GradientsOf<PoolerParams>,
  x: Tensor,
  offsets: Int32Array,
  pooled: Tensor,
  dpooled: Tensor,
  dx: Tensor | null,
): void {
  const firstRows = offsets.subarray(0, -1);
  const first = gather(k, x, firstRows);
  const dfirst = dx && k.zeros(first.shape);
  k.tanhBackward(dpooled.data, dpooled.data, pooled.data);
  linearBackward(k, p.dense, gradients.dense, first, dpooled, dfirst);
  if (dfirst) gatherBackward(k, dx, firstRows, dfirst);
}
