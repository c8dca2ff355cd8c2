import type { ReadRows } from "../layers/pass.ts";
import type { Batch } from "./batch.ts";

/**
 * The rows of the last hidden state that are read; the last layer need not compute the others.
 *
 * @param tokens      packed rows of tokens that heads read; null if they read all
 * @param readsPooled whether the pooler reads the first token of each sequence, [CLS]
 * @returns null if all are read
 */
export function readRows(
  batch: Pick<Batch, "offsets">,
  tokens: Int32Array | null,
  readsPooled: boolean,
): ReadRows | null {
  if (tokens === null) return null;
  const B = batch.offsets.length - 1;
  const R = batch.offsets[B];
  const isRead = new Uint8Array(R);
  if (readsPooled) for (const first of batch.offsets.subarray(0, -1)) isRead[first] = 1;
  for (const row of tokens) isRead[row] = 1;
  const offsets = new Int32Array(B + 1);
  const rows: number[] = [];
  for (let b = 0; b < B; b++) {
    for (let row = batch.offsets[b]; row < batch.offsets[b + 1]; row++) if (isRead[row]) rows.push(row);
    offsets[b + 1] = rows.length;
  }
  return rows.length === R ? null : { rows: Int32Array.from(rows), offsets };
}

/** Where rows of the packed batch are among those that are read: themselves where all are. */
export function indicesIn(read: ReadRows | null, rows: Int32Array): Int32Array {
  if (read === null) return rows;
  const indices = new Map(Array.from(read.rows, (row, index) => [row, index]));
  return rows.map((row) => indices.get(row) as number);
}
