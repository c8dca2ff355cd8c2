import type { PackedBatch } from "../layers/packedBatch.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Batch } from "./batch.ts";

/** Batches that are computed in one pass, the sequences of all end to end. */
export interface JoinedBatch extends PackedBatch {
  /** [batches + 1]: batch i has the rows rows[i] … rows[i+1] − 1. */
  readonly rows: readonly number[];
  /** [batches + 1]: batch i has the sequences sequences[i] … sequences[i+1] − 1. */
  readonly sequences: readonly number[];
}

/** As no sequence can see its neighbours, each has the same numbers here, to the bit, as in its own batch. */
export function joinBatches(batches: readonly Batch[]): JoinedBatch {
  const rows = startsOf(batches.map(({ inputIds }) => inputIds.length));
  const sequences = startsOf(batches.map(({ B }) => B));
  const offsets = new Int32Array(sequences[batches.length] + 1);
  for (const [i, batch] of batches.entries()) {
    for (let b = 0; b < batch.B; b++) offsets[sequences[i] + b + 1] = rows[i] + batch.offsets[b + 1];
  }
  return {
    inputIds: joined(batches.map(({ inputIds }) => inputIds)),
    tokenTypeIds: joined(batches.map(({ tokenTypeIds }) => tokenTypeIds)),
    positionIds: joined(batches.map(({ positionIds }) => positionIds)),
    offsets,
    rows,
    sequences,
  };
}

/** Where each of several lists begins if they are laid end to end, and where the last ends. */
export function startsOf(lengths: readonly number[]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  return starts;
}

export function joined(lists: readonly Int32Array[]): Int32Array {
  if (lists.length === 1) return lists[0];
  const starts = startsOf(lists.map(({ length }) => length));
  const all = new Int32Array(starts[lists.length]);
  for (const [i, list] of lists.entries()) all.set(list, starts[i]);
  return all;
}

/** Rows from … to − 1 of a tensor, in place. */
export function rowsOf({ data, shape: [rows, ...rest] }: Tensor, from: number, to: number): Tensor {
  if (from === 0 && to === rows) return { data, shape: [rows, ...rest] };
  const N = rest.reduce((product, size) => product * size, 1);
  return { data: data.subarray(from * N, to * N), shape: [to - from, ...rest] };
}

/**
 * Sequences from … to − 1 of a batch. They stay laid out in rows of the batch's T, so that the outputs of a batch's
 * parts, end to end, are the output of the batch.
 */
export function partOf(batch: Batch, from: number, to: number): Batch {
  const [first, end] = [batch.offsets[from], batch.offsets[to]];
  return {
    B: to - from,
    T: batch.T,
    inputIds: batch.inputIds.slice(first, end),
    tokenTypeIds: batch.tokenTypeIds.slice(first, end),
    positionIds: batch.positionIds.slice(first, end),
    offsets: batch.offsets.slice(from, to + 1).map((row) => row - first),
    padded: batch.padded.slice(first, end).map((to) => to - from * batch.T),
  };
}
