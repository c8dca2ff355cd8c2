import type { Backend } from "../tensor/backend.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";

/**
 * Some rows of a matrix, in any order: embedding look-up, and the tokens that a head reads.
 *
 * On one page: `embeddings` in docs/reading/onePage.ts.
 *
 * @param table [N, H], stored in any way
 * @param rows  [R], each in 0 … N−1
 * @returns     [R, H]
 */
export function gather(k: Backend, table: Weight, rows: Int32Array): Tensor {
  const H = table.shape[1];
  const y = k.empty([rows.length, H]);
  if (table.dtype) k.gatherStored(y.data, table, rows);
  else k.gatherRows(y.data, table.data, rows, H);
  return y;
}

/**
 * The gradient of `gather`: each row of dy is added to the row of the table that it was read from.
 *
 * On one page: `embeddings` in docs/reading/onePageTraining.ts.
 *
 * @param dtable [N, H], null where it is not computed
 * @param rows   [R]
 * @param dy     [R, H]
 */
export function gatherBackward(k: TrainingBackend, dtable: Tensor | null, rows: Int32Array, dy: Tensor): void {
  if (dtable) k.gatherRowsBackward(dtable.data, dy.data, rows, dtable.shape[1]);
}
