import type { Kernels } from "../kernelNames.ts";
import type { TensorMemory } from "../memory.ts";
import { multiplyBlock, ROWS } from "../multiplyRange.ts";
import { type Pack, packFactor } from "../packing.ts";
import { PANEL } from "../panels.ts";
import type { RangeKernel } from "../rangeKernels.ts";
import type { TrainingKernels } from "./compileTraining.ts";
import { copyColumns } from "./unpackedProduct.ts";

/**
 * Bytes from row to row of a matrix with a column for each row of a block; not a power of 2, so that rows do not share
 * cache sets.
 */
const TRANSPOSED_STRIDE = (ROWS + PANEL) * 4;

/** The name of a range kernel of attention while training. */
export type TrainingAttention = "attentionWithDropout" | "attentionBackward";

/** A thread's own arrays by name. Each grows to the largest length that was needed. */
class Room {
  private readonly memory: TensorMemory;
  private readonly arrays = new Map<string, Float32Array>();

  constructor(memory: TensorMemory) {
    this.memory = memory;
  }

  /** The address of an array of at least `length` numbers; those of a new array are zeros. */
  at(name: string, length: number): number {
    const found = this.arrays.get(name);
    if (found && found.length >= length) return found.byteOffset;
    if (found) this.memory.release(found);
    const array = this.memory.allocate(length).fill(0);
    this.arrays.set(name, array);
    return array.byteOffset;
  }
}

/** One head of one sequence. */
interface Head {
  /** How many tokens the sequence has: rows of key and value. */
  readonly T: number;
  /** How many of the tokens have a query. */
  readonly M: number;
  /** Where the head's window begins, in bytes from the start of a matrix [R, H], such as key. */
  readonly at: number;
  /** Where the head's window begins, in bytes from the start of a matrix [M, H], such as query. */
  readonly queryAt: number;
  /** The number of the head's first row of probabilities among all rows of the dropout. */
  readonly row: number;
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
  const room = new Room(memory);

  function eachHead(
    [offsets, B, H, A, words, seed, step, site, most, scale, begin, end]: readonly number[],
    visit: (head: Head, D: number, stride: number, mask: readonly number[] | null, rowBlocks: number) => void,
  ): void {
    const D = H / A;
    const starts = new Int32Array(memory.memory.buffer, offsets);
    const queryStarts = starts.subarray(B + 1);
    const mask = scale === 0 ? null : [seed, step, site, most, scale];
    for (let unit = begin; unit < end; unit++) {
      const b = Math.floor(unit / A);
      const a = unit % A;
      const head = {
        T: starts[b + 1] - starts[b],
        M: queryStarts[b + 1] - queryStarts[b],
        at: (starts[b] * H + a * D) * 4,
        queryAt: (queryStarts[b] * H + a * D) * 4,
        row: a * queryStarts[B] + queryStarts[b],
      };
      visit(head, D, H * 4, mask, words / 2);
    }
  }

  /**
   * Packs a window [rows, cols] as the factor b (`packColumns`) or as its transpose (`packRows`).
   *
   * @returns its address
   */
  function packed(name: string, kernel: Pack, source: number, stride: number, rows: number, cols: number): number {
    const [K, N] = kernel === "packRows" ? [cols, rows] : [rows, cols];
    const to = room.at(name, K * padded(N));
    packFactor(k, kernel, to, source, stride, K, N);
    return to;
  }

  /** c [M, N] = scale · a b, or c + scale · a b; whole panels of c are written. */
  function multiply(
    c: number,
    cStride: number,
    a: number,
    aStride: number,
    b: number,
    M: number,
    K: number,
    N: number,
    scale: number,
    adds: boolean,
  ): void {
    const panels = Math.ceil(N / PANEL);
    const [init, initStride] = adds ? [c, cStride] : [room.at("zeros", padded(N)), 0];
    // biome-ignore format: addresses, strides, sizes
    multiplyBlock(k, "multiply", c, init, a, b, cStride, initStride, aStride, M, K, panels, scale, 0, panels);
  }

  /** softmax(Q Kᵀ / √D) for some queries. @returns the address of [rows, T], whole panels from row to row */
  function probabilities(query: number, stride: number, keys: number, rows: number, T: number, D: number): number {
    const wide = padded(T) * 4;
    const scores = room.at("scores", ROWS * padded(T));
    multiply(scores, wide, query, stride, keys, rows, D, T, 1 / Math.sqrt(D), false);
    k.softmaxRows(scores, wide, rows, T);
    return scores;
  }

  /** Where a result [rows, D] is computed: in its place if it is whole panels wide, else beside it. */
  function target(name: string, place: number, stride: number, rows: number, D: number): [at: number, stride: number] {
    return D % PANEL === 0 ? [place, stride] : [room.at(name, rows * padded(D)), padded(D) * 4];
  }

  return {
    attentionWithDropout: (out, query, key, value, ...rest) =>
      eachHead(rest, ({ T, M, at, queryAt, row }, D, stride, mask, rowBlocks) => {
        if (M === 0) return;
        const keys = packed("keys", "packRows", key + at, stride, T, D);
        const values = packed("values", "packColumns", value + at, stride, T, D);
        const wide = padded(T) * 4;
        for (let m = 0; m < M; m += ROWS) {
          const rows = Math.min(ROWS, M - m);
          const from = queryAt + m * stride;
          const P = probabilities(query + from, stride, keys, rows, T, D);
          if (mask) t.dropout(P, P, wide, rows, padded(T), (row + m) * rowBlocks, rowBlocks, ...mask);
          const [to, toStride] = target("out", out + from, stride, ROWS, D);
          multiply(to, toStride, P, wide, values, rows, T, D, 1, false);
          if (to !== out + from) copyColumns(memory, out + from, stride, to, toStride, rows, D);
        }
      }),

    attentionBackward: (dquery, dkey, dvalue, dout, query, key, value, ...rest) =>
      eachHead(rest, ({ T, M, at, queryAt, row }, D, stride, mask, rowBlocks) => {
        const keys = packed("keys", "packRows", key + at, stride, T, D);
        const valueRows = packed("value rows", "packRows", value + at, stride, T, D);
        const keyColumns = packed("key columns", "packColumns", key + at, stride, T, D);
        const [dk, dkStride] = target("dk", dkey + at, stride, T, D);
        const [dv, dvStride] = target("dv", dvalue + at, stride, T, D);
        const wide = padded(T) * 4;
        const scale = 1 / Math.sqrt(D);
        const transposed = room.at("transposed", (T * TRANSPOSED_STRIDE) / 4);
        for (let m = 0; m < M || m === 0; m += ROWS) {
          const rows = Math.min(ROWS, M - m);
          const from = queryAt + m * stride;
          const adds = m > 0;
          if (rows > 0) {
            const P = probabilities(query + from, stride, keys, rows, T, D);
            const dP = room.at("dP", ROWS * padded(T));
            multiply(dP, wide, dout + from, stride, valueRows, rows, D, T, 1, false);
            const dropped = mask ? room.at("dropped", ROWS * padded(T)) : P;
            const block = (row + m) * rowBlocks;
            if (mask) t.dropoutTwo(dropped, P, dP, dP, wide, rows, padded(T), block, rowBlocks, ...mask);
            t.transpose(transposed, dropped, TRANSPOSED_STRIDE, wide, rows, T);
            const gradients = packed("dout", "packColumns", dout + from, stride, rows, D);
            multiply(dv, dvStride, transposed, TRANSPOSED_STRIDE, gradients, T, rows, D, 1, adds);
            t.softmaxRowsBackward(dP, P, wide, rows, T); // dS
            const [dq, dqStride] = target("out", dquery + from, stride, ROWS, D);
            multiply(dq, dqStride, dP, wide, keyColumns, rows, T, D, scale, false);
            if (dq !== dquery + from) copyColumns(memory, dquery + from, stride, dq, dqStride, rows, D);
            t.transpose(transposed, dP, TRANSPOSED_STRIDE, wide, rows, T);
            const queries = packed("queries", "packColumns", query + from, stride, rows, D);
            multiply(dk, dkStride, transposed, TRANSPOSED_STRIDE, queries, T, rows, D, scale, adds);
          }
        }
        if (M === 0) for (const [d, s] of [[dk, dkStride], [dv, dvStride]]) copyColumns(memory, d, s, room.at("zeros", D), 0, T, D); // biome-ignore format: one line
        if (dk !== dkey + at) copyColumns(memory, dkey + at, stride, dk, dkStride, T, D);
        if (dv !== dvalue + at) copyColumns(memory, dvalue + at, stride, dv, dvStride, T, D);
      }),
  };
}

/** How many columns the panels of N columns have. */
function padded(N: number): number {
  return Math.ceil(N / PANEL) * PANEL;
}
