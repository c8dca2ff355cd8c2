/**
 * Element-wise sum, for residual connections and for the three embeddings: y = a + b. It needs no backward of its own:
 * da = db = dy, and `add` adds up the gradients of what was used twice.
 *
 * On one page: `add` in docs/reading/onePage.ts.
 *
 * @param y out [N]; may be a or b itself @param a [N] @param b [N]
 */
export function add(y: Float32Array, a: Float32Array, b: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = a[i] + b[i];
}

/**
 * Embedding look-up: row r of y is row `indices[r]` of the table.
 *
 * On one page: `embeddings` in docs/reading/onePage.ts.
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

/**
 * The gradient of `gatherRows`: row `indices[r]` of dtable gets row r of dy added. Rows that were read several times
 * get the sum, taken in float64 in the order of r.
 *
 * On one page: `embeddings` in docs/reading/onePageTraining.ts.
 *
 * @param dtable  [N, H], added to
 * @param dy      [R, H]
 * @param indices [R], each in 0 … N−1
 */
export function gatherRowsBackward(dtable: Float32Array, dy: Float32Array, indices: Int32Array, H: number): void {
  const order = Int32Array.from(indices.keys()).sort((a, b) => indices[a] - indices[b] || a - b);
  const sum = new Float64Array(H);
  for (let i = 0; i < order.length; i++) {
    for (let h = 0; h < H; h++) sum[h] += dy[order[i] * H + h];
    const index = indices[order[i]];
    if (i + 1 < order.length && indices[order[i + 1]] === index) continue;
    for (let h = 0; h < H; h++) dtable[index * H + h] += sum[h];
    sum.fill(0);
  }
}
