import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type LinearParams, linear } from "./linear.ts";
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
  const B = offsets.length - 1;
  const H = x.shape[1];
  const first = k.empty([B, H]);
  k.gatherRows(first.data, x.data, offsets.subarray(0, B), H);
  const pooled = linear(k, p.dense, first);
  tap?.see("dense", pooled);
  k.tanh(pooled.data, pooled.data);
  tap?.see("activation", pooled);
  return pooled;
}
