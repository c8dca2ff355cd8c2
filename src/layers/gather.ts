import type { Backend } from "../tensor/backend.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";

/**
 * Some rows of a matrix, in any order: embedding look-up, and the tokens that a head reads.
 *
 * @param table [N, H], of any storage type
 * @param rows  [R], each in 0 … N−1
 * @returns     [R, H]
 */
export function gather(k: Backend, table: Weight, rows: Int32Array): Tensor {
  const H = table.shape[1];
  const y = k.empty([rows.length, H]);
  if ("dtype" in table) k.gatherNarrow(y.data, table, rows);
  else k.gatherRows(y.data, table.data, rows, H);
  return y;
}
