import type { TensorMemory } from "./memory.ts";
import { PANEL } from "./panels.ts";

/** Arrays that kernels use between two calls and nobody keeps; they grow to the largest size asked for. */
export class Scratch {
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

  /** [rows, 16] beside an output. */
  side(rows: number): Float32Array {
    return this.atLeast("side", rows * PANEL);
  }

  /** Nobody writes there. */
  zeros(length: number): Float32Array {
    return this.atLeast("zeros", length, 0);
  }

  /** Rows of activations as integers, in pairs of 16 bits. */
  integers(pairs: number): Float32Array {
    return this.atLeast("integers", pairs);
  }

  /** One scale for each of them. */
  scales(rows: number): Float32Array {
    return this.atLeast("scales", rows);
  }

  /** One head's scores. */
  scores(length: number): Float32Array {
    return this.atLeast("scores", length);
  }

  /** As many 32-bit integers. */
  offsets(length: number): Float32Array {
    return this.atLeast("offsets", length);
  }

  /** A matrix that is multiplied by from the left, transposed. */
  transposed(length: number): Float32Array {
    return this.atLeast("transposed", length);
  }

  /** Sums of blocks of rows. */
  sums(length: number): Float32Array {
    return this.atLeast("sums", length);
  }

  /** A float64 sum for each of some rows. */
  exponentials(rows: number): Float32Array {
    return this.atLeast("exponentials", 2 * rows);
  }

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
