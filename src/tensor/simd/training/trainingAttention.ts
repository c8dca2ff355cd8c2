import type { Kernels, TrainingKernels } from "../kernelNames.ts";
import type { TensorMemory } from "../memory.ts";
import { ROWS } from "../multiplyRange.ts";
import { PANEL } from "../panels.ts";
import type { RangeKernel } from "../rangeKernels.ts";

import { HeadSteps, type Place, padded } from "./headSteps.ts";

/**
 * Bytes from row to row of a matrix with a column for each row of a block; not a power of 2, so that rows do not share
 * cache sets.
 */
const TRANSPOSED_STRIDE = (ROWS + PANEL) * 4;

/** The name of a range kernel of attention while training. */
export type TrainingAttention = "attentionWithDropout" | "attentionBackward";

/** One head of one sequence. */
interface Head {
  /** How many tokens the sequence has: rows of key and value. */
  readonly T: number;
  /** How many of the tokens have a query. */
  readonly M: number;
  /** How many columns the head has. */
  readonly D: number;
  /** Bytes from row to row of each matrix. */
  readonly stride: number;
  /** Where the head's window begins, in bytes from the start of a matrix [R, H], such as key. */
  readonly at: number;
  /** Where the head's window begins, in bytes from the start of a matrix [M, H], such as query. */
  readonly queryAt: number;
  /** The number of the head's first row of probabilities among all rows of the dropout. */
  readonly row: number;
  /** seed, step, site, most, scale of emitDropout.ts; null without dropout. */
  readonly mask: readonly number[] | null;
  /** How many blocks of Threefry a row of the dropout takes. */
  readonly rowBlocks: number;
}

/**
 * The range kernels of attention while training (kernels/attention.ts): heads begin … end − 1, counted through all
 * sequences. A head's queries are taken 128 at a time, so that a block's probabilities and their gradients stay in a
 * core's second cache.
 *
 * Both have these arguments after their addresses: the address of the offsets and readOffsets, each [B + 1] of i32; B,
 * H, A; the words of a row of the dropout; seed, step, site, most, scale of emitDropout.ts, scale 0 for no dropout;
 * begin, end.
 */
export function trainingAttention(
  k: Kernels,
  t: TrainingKernels,
  memory: TensorMemory,
): Readonly<Record<TrainingAttention, RangeKernel>> {
  const steps = new HeadSteps(k, memory);
  return {
    attentionWithDropout: (out, query, key, value, ...rest) =>
      eachHead(memory, rest, (head) => headWithDropout(steps, t, head, out, query, key, value)),
    attentionBackward: (dquery, dkey, dvalue, dout, query, key, value, ...rest) =>
      eachHead(memory, rest, (head) => headBackward(steps, t, head, dquery, dkey, dvalue, dout, query, key, value)),
  };
}

/** Calls `visit` with each head of a range. @param rest the arguments that both range kernels have */
function eachHead({ memory }: TensorMemory, rest: readonly number[], visit: (head: Head) => void): void {
  const [offsets, B, H, A, words, seed, step, site, most, scale, begin, end] = rest;
  const D = H / A;
  const starts = new Int32Array(memory.buffer, offsets);
  const queryStarts = starts.subarray(B + 1);
  const mask = scale === 0 ? null : [seed, step, site, most, scale];
  for (let unit = begin; unit < end; unit++) {
    const b = Math.floor(unit / A);
    const a = unit % A;
    visit({
      T: starts[b + 1] - starts[b],
      M: queryStarts[b + 1] - queryStarts[b],
      D,
      stride: H * 4,
      at: (starts[b] * H + a * D) * 4,
      queryAt: (queryStarts[b] * H + a * D) * 4,
      row: a * queryStarts[B] + queryStarts[b],
      mask,
      rowBlocks: words / 2,
    });
  }
}

/**
 * P = softmax(Q Kᵀ / √D), out = dropout(P) V for one head. @param out, query, key, value addresses of whole matrices
 */
function headWithDropout(
  s: HeadSteps,
  t: TrainingKernels,
  { T, M, D, stride, at, queryAt, row, mask, rowBlocks }: Head,
  out: number,
  query: number,
  key: number,
  value: number,
): void {
  if (M === 0) return;
  const keys = s.packed("keys", "packRows", key + at, stride, T, D);
  const values = s.packed("values", "packColumns", value + at, stride, T, D);
  for (let m = 0; m < M; m += ROWS) {
    const rows = Math.min(ROWS, M - m);
    const from = queryAt + m * stride;
    const P = s.probabilities({ at: query + from, stride }, keys, rows, T, D);
    if (mask) t.dropout(P.at, P.at, P.stride, rows, padded(T), (row + m) * rowBlocks, rowBlocks, ...mask);
    const place = { at: out + from, stride };
    const computed = s.target("out", place, ROWS, D);
    s.multiply(computed, P, values, rows, T, D, 1, false);
    s.settle(place, computed, rows, D);
  }
}

/**
 * The gradients of one head, see `attentionBackward` in kernels/attention.ts. Numbers are addresses of whole matrices.
 */
function headBackward(
  s: HeadSteps,
  t: TrainingKernels,
  head: Head,
  dquery: number,
  dkey: number,
  dvalue: number,
  dout: number,
  query: number,
  key: number,
  value: number,
): void {
  const { T, M, D, stride, at, queryAt } = head;
  const [dK, dV] = [dkey, dvalue].map((matrix) => ({ at: matrix + at, stride }));
  const operands = {
    keys: s.packed("keys", "packRows", key + at, stride, T, D),
    valueRows: s.packed("value rows", "packRows", value + at, stride, T, D),
    keyColumns: s.packed("key columns", "packColumns", key + at, stride, T, D),
    dK: s.target("dk", dK, T, D),
    dV: s.target("dv", dV, T, D),
  };
  for (let m = 0; m < M; m += ROWS) {
    const [dQ, dO, Q] = [dquery, dout, query].map((matrix) => ({ at: matrix + queryAt + m * stride, stride }));
    blockBackward(s, t, head, operands, m, dQ, dO, Q);
  }
  if (M === 0) for (const gradient of [operands.dK, operands.dV]) s.clear(gradient, T, D);
  s.settle(dK, operands.dK, T, D);
  s.settle(dV, operands.dV, T, D);
}

/** What all blocks of queries of a head have in common: packed factors, and the gradients that they add to. */
interface Operands {
  /** Kᵀ, packed. */
  readonly keys: number;
  /** Vᵀ, packed. */
  readonly valueRows: number;
  /** K, packed. */
  readonly keyColumns: number;
  /** [T, D] */
  readonly dK: Place;
  /** [T, D] */
  readonly dV: Place;
}

/** The gradients of queries m … m + 127 of a head. The first block writes dK and dV, the others add to them. */
function blockBackward(
  s: HeadSteps,
  t: TrainingKernels,
  { T, M, D, row, mask, rowBlocks }: Head,
  { keys, valueRows, keyColumns, dK, dV }: Operands,
  m: number,
  dQ: Place,
  dO: Place,
  Q: Place,
): void {
  const rows = Math.min(ROWS, M - m);
  const adds = m > 0;
  const scale = 1 / Math.sqrt(D);
  const transposed = { at: s.room("transposed", (T * TRANSPOSED_STRIDE) / 4), stride: TRANSPOSED_STRIDE };
  const P = s.probabilities(Q, keys, rows, T, D);
  const dP = { at: s.room("dP", ROWS * padded(T)), stride: P.stride };
  s.multiply(dP, dO, valueRows, rows, D, T, 1, false); // dO Vᵀ
  const dropped = mask ? s.room("dropped", ROWS * padded(T)) : P.at;
  const block = (row + m) * rowBlocks;
  if (mask) t.dropoutTwo(dropped, P.at, dP.at, dP.at, P.stride, rows, padded(T), block, rowBlocks, ...mask);

  t.transpose(transposed.at, dropped, transposed.stride, P.stride, rows, T);
  const gradients = s.packed("dout", "packColumns", dO.at, dO.stride, rows, D);
  s.multiply(dV, transposed, gradients, T, rows, D, 1, adds); // dV = dropout(P)ᵀ dO

  t.softmaxRowsBackward(dP.at, P.at, P.stride, rows, T); // dS
  const computed = s.target("out", dQ, ROWS, D);
  s.multiply(computed, dP, keyColumns, rows, T, D, scale, false); // dQ = dS K / √D
  s.settle(dQ, computed, rows, D);

  t.transpose(transposed.at, dP.at, transposed.stride, dP.stride, rows, T);
  const queries = s.packed("queries", "packColumns", Q.at, Q.stride, rows, D);
  s.multiply(dK, transposed, queries, T, rows, D, scale, adds); // dK = dSᵀ Q / √D
}
