import type { Kernels } from "../kernelNames.ts";
import type { TensorMemory } from "../memory.ts";
import { multiplyBlock, ROWS } from "../multiplyRange.ts";
import { type Pack, packFactor } from "../packing.ts";
import { PANEL } from "../panels.ts";
import { copyColumns } from "./unpackedProduct.ts";

/** A matrix in memory: its address, and the bytes from row to row. */
export interface Place {
  readonly at: number;
  readonly stride: number;
}

/**
 * The steps of which attention while training consists, with one thread's own arrays for their results. Addresses and
 * strides are in bytes.
 */
export class HeadSteps {
  private readonly k: Kernels;
  private readonly memory: TensorMemory;
  private readonly arrays = new Map<string, Float32Array>();

  constructor(k: Kernels, memory: TensorMemory) {
    this.k = k;
    this.memory = memory;
  }

  /** The address of the array that has a name and at least `length` numbers; those of a new array are zeros. */
  room(name: string, length: number): number {
    const found = this.arrays.get(name);
    if (found && found.length >= length) return found.byteOffset;
    if (found) this.memory.release(found);
    const array = this.memory.allocate(length).fill(0);
    this.arrays.set(name, array);
    return array.byteOffset;
  }

  /**
   * Packs a window [rows, cols] as the factor b (`packColumns`) or as its transpose (`packRows`).
   *
   * @returns its address
   */
  packed(name: string, kernel: Pack, source: number, stride: number, rows: number, cols: number): number {
    const [K, N] = kernel === "packRows" ? [cols, rows] : [rows, cols];
    const to = this.room(name, K * padded(N));
    packFactor(this.k, kernel, to, source, stride, K, N);
    return to;
  }

  /** Computes c [M, N] = scale · a b, or adds that to c; whole panels of c are written. @param b packed */
  multiply(c: Place, a: Place, b: number, M: number, K: number, N: number, scale: number, adds: boolean): void {
    const panels = Math.ceil(N / PANEL);
    const init = adds ? c : { at: this.room("zeros", padded(N)), stride: 0 };
    // biome-ignore format: addresses, strides, sizes
    multiplyBlock(
      this.k, "multiply", c.at, init.at, a.at, b, c.stride, init.stride, a.stride, M, K, panels, scale, 0, panels,
    );
  }

  /** P = softmax(Q Kᵀ / √D) for some queries. @returns [rows, T], whole panels from row to row */
  probabilities(queries: Place, keys: number, rows: number, T: number, D: number): Place {
    const P = { at: this.room("scores", ROWS * padded(T)), stride: padded(T) * 4 };
    this.multiply(P, queries, keys, rows, D, T, 1 / Math.sqrt(D), false);
    this.k.softmaxRows(P.at, P.stride, rows, T);
    return P;
  }

  /** The place where a result [rows, D] is computed: its own if it is whole panels wide, else one beside it. */
  target(name: string, place: Place, rows: number, D: number): Place {
    return D % PANEL === 0 ? place : { at: this.room(name, rows * padded(D)), stride: padded(D) * 4 };
  }

  /** Copies a result [rows, D] from where `target` had it computed to its own place, if that is another. */
  settle(place: Place, computed: Place, rows: number, D: number): void {
    if (computed !== place) copyColumns(this.memory, place.at, place.stride, computed.at, computed.stride, rows, D);
  }

  /** Writes zeros to a matrix [rows, D]. */
  clear({ at, stride }: Place, rows: number, D: number): void {
    copyColumns(this.memory, at, stride, this.room("zeros", D), 0, rows, D);
  }
}

/** How many columns the panels of N columns have. */
export function padded(N: number): number {
  return Math.ceil(N / PANEL) * PANEL;
}
