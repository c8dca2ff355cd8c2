/**
 * Element-wise sum, for residual connections and for the three embeddings: y = a + b.
 *
 * @param y out [N]; may be a or b itself @param a [N] @param b [N]
 */
export function add(y: Float32Array, a: Float32Array, b: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = a[i] + b[i];
}

/**
 * Embedding look-up: row r of y is row `indices[r]` of the table.
 *
 * @param y       out [R, H]
 * @param table   [N, H]
 * @param indices [R], each in 0 … N−1
 */
export function gatherRows(y: Float32Array, table: Float32Array, indices: Int32Array, H: number): void {
  for (let r = 0; r < indices.length; r++) {
    const row = indices[r] * H;
    y.set(table.subarray(row, row + H), r * H);
  }
}
