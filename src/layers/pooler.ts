import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { gather } from "./gather.ts";
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
  const first = gather(k, x, offsets.subarray(0, -1));
  const pooled = linear(k, p.dense, first);
  tap?.see("dense", pooled);
  k.tanh(pooled.data, pooled.data);
  tap?.see("activation", pooled);
  return pooled;
}
