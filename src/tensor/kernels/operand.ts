import type { Matrix } from "../tensor.ts";

/**
 * One factor of a product: element [i, k] is `data[offset + i·step + k·next]`, i a row of a or a column of b, k the
 * summed index.
 */
export interface Operand {
  readonly data: Float32Array;
  readonly offset: number;
  /** How many rows of a, or columns of b, there are. */
  readonly count: number;
  readonly step: number;
  readonly next: number;
}

/** What is added to a product: a matrix such as the result itself or, with stride 0, the same row to each row. */
export type Addend = Pick<Matrix, "data" | "offset" | "stride">;

/** A matrix whose rows are multiplied: a of a b, or the b of a bᵀ. */
export function rowsOf(m: Matrix): Operand {
  return { data: m.data, offset: m.offset, count: m.rows, step: m.stride, next: 1 };
}

/** A matrix whose columns are multiplied: b of a b, or the a of aᵀ b. */
export function columnsOf(m: Matrix): Operand {
  return { data: m.data, offset: m.offset, count: m.cols, step: 1, next: m.stride };
}
