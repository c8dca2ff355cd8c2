import type { TensorMemory } from "./memory.ts";
import { PANEL } from "./panels.ts";

/**
 * Arrays that hold intermediate results within one call of a kernel. Each grows to the largest length that was needed.
 */
export class Scratch {
  /** [16], what a product that is no whole panel starts from. */
  readonly lastInit: Float32Array;
  private readonly memory: TensorMemory;
  private readonly arrays = new Map<string, Float32Array>();

  constructor(memory: TensorMemory) {
    this.memory = memory;
    this.lastInit = memory.allocate(PANEL);
  }

  /** Room for `rows` rows of panels. */
  panels(rows: number): Float32Array {
    return this.atLeast("panels", rows * PANEL);
  }

  /** [rows, 16], where a panel that is not full is computed, before its columns are copied to the output. */
  side(rows: number): Float32Array {
    return this.atLeast("side", rows * PANEL);
  }

  /** Zeros, which every call leaves as they are. */
  zeros(length: number): Float32Array {
    return this.atLeast("zeros", length, 0);
  }

  /** Rows of quantized activations: pairs of integers of 16 bits. */
  integers(pairs: number): Float32Array {
    return this.atLeast("integers", pairs);
  }

  /** The scale of each row of quantized activations. */
  scales(rows: number): Float32Array {
    return this.atLeast("scales", rows);
  }

  /** The attention scores of one head. */
  scores(length: number): Float32Array {
    return this.atLeast("scores", length);
  }

  /** Room for so many offsets, integers of 32 bits. */
  offsets(length: number): Float32Array {
    return this.atLeast("offsets", length);
  }

  /** The transpose of a matrix. */
  transposed(length: number): Float32Array {
    return this.atLeast("transposed", length);
  }

  /** Partial sums in float32, one for each block of rows. */
  sums(length: number): Float32Array {
    return this.atLeast("sums", length);
  }

  /** A sum of exponentials in float64 for each row. */
  exponentials(rows: number): Float32Array {
    return this.atLeast("exponentials", 2 * rows);
  }

  /** The factor of each head. */
  masks(length: number): Float32Array {
    return this.atLeast("masks", length);
  }

  private atLeast(name: string, length: number, value?: number): Float32Array {
    const found = this.arrays.get(name);
    if (found && found.length >= length) return found;
    if (found) this.memory.release(found);
    const array = this.memory.allocate(length);
    if (value !== undefined) array.fill(value);
    this.arrays.set(name, array);
    return array;
  }
}
