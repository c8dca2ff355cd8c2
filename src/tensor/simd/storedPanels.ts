import { emptyRows } from "../storage.ts";
import { type ReducedWeight, sizeOf } from "../tensor.ts";
import type { Kernels } from "./kernelNames.ts";
import type { TensorMemory } from "./memory.ts";
import { copyColumn, PANEL, PANEL_ROW, PART, partAt } from "./panels.ts";
import type { Scratch } from "./scratch.ts";

/**
 * A weight [O, I] in reduced precision is ⌊O/16⌋ panels in the order of panels.ts, whose elements take 16 bits each,
 * and after them one more panel for the rows that are left, filled up with zeros. An element is a number of float16 or
 * bfloat16, or a pair of int8. Of the 16 columns of a step, float16 and bfloat16 have c and c + 8 beside each other, as
 * the lower and the upper half of a word: one load and few shifts make two vectors of float32 of them.
 */

/** How many elements of 16 bits a row of K numbers takes. */
export function stepsOf(dtype: ReducedWeight["dtype"], K: number): number {
  return dtype === "int8" ? Math.ceil(K / 2) : K;
}

/**
 * Takes room in a memory for a weight, whose rows must then all be written.
 *
 * @returns the weight, and the arrays to release
 */
export function allocatePanels(
  memory: TensorMemory,
  dtype: ReducedWeight["dtype"],
  shape: readonly number[],
): { readonly weight: ReducedWeight; readonly arrays: readonly Float32Array[] } {
  const [O, I] = shape;
  const columns = Math.ceil(O / PANEL) * PANEL;
  const steps = stepsOf(dtype, I);
  const room = memory.allocate((columns * steps) / 2);
  if (dtype !== "int8") {
    const data = new Uint16Array(room.buffer, room.byteOffset, room.length * 2);
    return { weight: { dtype, data, shape }, arrays: [room] };
  }
  const scale = memory.allocate(columns).fill(0);
  const data = new Int8Array(room.buffer, room.byteOffset, room.byteLength);
  return { weight: { dtype, data, scale: scale.subarray(0, O), shape }, arrays: [room, scale] };
}

/**
 * Rounds rows of float32 numbers, as `encodeWeight` does, to rows `row`, `row + 1`, … of a weight in panels.
 *
 * @param row   a multiple of 16
 * @param data  [rows, I], in the kernels' memory; 16 rows or a multiple of them, or all that are left of the weight
 * @param scale for int8, the scale of each row: `data` are integers then, which are kept
 * @returns whether the type can hold every number: all are finite, before they are rounded and after
 */
export function narrowToPanels(
  k: Kernels,
  scratch: Scratch,
  weight: ReducedWeight,
  row: number,
  data: Float32Array,
  scale: Float32Array | null,
): boolean {
  const [O, I] = weight.shape;
  const { dtype } = weight;
  const [steps, rows] = [stepsOf(dtype, I), data.length / I];
  const stepBytes = dtype === "int8" ? 2 * PANEL_ROW : PANEL_ROW; // of a step in float32
  const panel = scratch.panels((steps * stepBytes) / PANEL_ROW);
  panel.fill(0, I * PANEL, (steps * stepBytes) / 4); // the second of a last pair, where I is odd
  let isWrong = 0;
  for (let r = 0; r < rows; r += PANEL) {
    k.packRows(panel.byteOffset, data.byteOffset + r * I * 4, I * 4, I, Math.min(PANEL, rows - r));
    const scales = weight.dtype === "int8" ? weight.scale.byteOffset + (row + r) * 4 : 0;
    if (scale) new Float32Array(data.buffer, scales, PANEL).fill(1);
    else if (dtype === "int8") k.columnScales!(scales, panel.byteOffset, I);
    const [at, column, panels] = placeOf(O, steps, row + r);
    for (let part = 0; part < steps; part += PART) {
      const count = Math.min(PART, steps - part);
      const to = weight.data.byteOffset + 2 * (at + partAt(column / PANEL, part, count, steps, panels));
      isWrong |= k.narrow!(to, panel.byteOffset + part * stepBytes, scales, count);
    }
  }
  if (weight.dtype !== "int8") return isWrong === 0;
  if (scale) weight.scale.set(scale, row);
  return weight.scale.subarray(row, row + rows).every(Number.isFinite);
}

/**
 * Copies rows of a weight in panels, one after the other, into one weight [1, I] in rows, and calls `visit` with it
 * each time.
 */
export function eachRow(weight: ReducedWeight, indices: Iterable<number>, visit: (row: ReducedWeight) => void): void {
  const [O, I] = weight.shape;
  const elements = elementsOf(weight);
  const target = new Uint16Array(stepsOf(weight.dtype, I));
  const row = emptyRows(weight.dtype, [1, I]);
  const { data } = row;
  const bytes = new Int8Array(target.buffer).subarray(0, sizeOf(row.shape));
  for (const index of indices) {
    const [at, column, panels] = placeOf(O, target.length, index);
    const stored = weight.dtype === "int8" ? column : interleaved(column);
    copyColumn(target, 0, elements.subarray(at), stored, target.length, panels);
    data.set(weight.dtype === "int8" ? bytes : target);
    if (row.dtype === "int8" && weight.dtype === "int8") row.scale[0] = weight.scale[index];
    visit(row);
  }
}

/**
 * Where a row of a weight stands: the element at which its panels begin, its column there, and how many panels these
 * are.
 */
function placeOf(O: number, steps: number, row: number): [at: number, column: number, panels: number] {
  const whole = O - (O % PANEL);
  return row < whole ? [0, row, whole / PANEL] : [whole * steps, row - whole, 1];
}

/** Where a column's elements of float16 or bfloat16 stand: column c and c + 8 of a panel are the halves of a word. */
function interleaved(column: number): number {
  const inPanel = column % PANEL;
  return column - inPanel + (inPanel < PANEL / 2 ? 2 * inPanel : 2 * inPanel - PANEL + 1);
}

function elementsOf({ data }: ReducedWeight): Uint16Array {
  return new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
}
