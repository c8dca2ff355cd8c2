import type { PackedWeight, Tensor } from "../tensor.ts";
import type { Kernels } from "./kernelNames.ts";
import { packFactor } from "./packing.ts";
import { copyColumn, GROUP, PANEL } from "./panels.ts";
import type { Scratch } from "./scratch.ts";

/**
 * Packs a weight [O, I] in place: ⌊O/16⌋ panels in the order of panels.ts and after them the rows that are left, as
 * they were. So it takes no more room, and the word embeddings serve as the decoder's weight too.
 *
 * @param weight I is not 0
 */
export function packInPlace(k: Kernels, scratch: Scratch, { data, shape }: Tensor): PackedWeight {
  const [O, I] = shape;
  const whole = O - (O % PANEL);
  const rows = GROUP * PANEL; // of one group, which stay where they are together
  for (let row = 0; row < whole; row += rows) {
    const N = Math.min(rows, whole - row);
    const panels = scratch.panels((I * N) / PANEL);
    packFactor(k, "packRows", panels.byteOffset, data.byteOffset + row * I * 4, I * 4, I, N);
    data.set(panels.subarray(0, I * N), row * I);
  }
  return { dtype: "float32", data, shape };
}

/** Copies row `row` of a packed weight [O, I] to target[at …]. */
export function copyPackedRow(target: Float32Array, at: number, { data, shape }: PackedWeight, row: number): void {
  const [O, I] = shape;
  const whole = O - (O % PANEL);
  if (row < whole) copyColumn(target, at, data, row, I, whole / PANEL);
  else target.set(data.subarray(row * I, (row + 1) * I), at);
}
