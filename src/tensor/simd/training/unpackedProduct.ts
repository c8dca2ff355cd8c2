import type { Kernels } from "../kernelNames.ts";
import type { TensorMemory } from "../memory.ts";
import { activationOf, blocksOf, multiplyBlock, ROWS } from "../multiplyRange.ts";
import { PACKS, packFactor } from "../packing.ts";
import { PANEL, PANEL_ROW } from "../panels.ts";
import type { RangeKernel } from "../rangeKernels.ts";

/**
 * Panels of a unit of work: a thread packs them for itself, just before it multiplies by them. GFLOP/s on one core
 * whose peak is 109, 1024 rows, of `linear` and its gradients by input and weight: 768 → 768 with 4 panels 103, 103,
 * 97, with 8 102, 101, 98, with 16 97, 99, 94; 768 → 3072 102, 91, 87, then 102, 97, 93 and 100, 98, 97.
 */
export const UNIT_PANELS = 8;

/**
 * The range kernel of products whose factor b is in rows, not packed: units of 8 panels of c.
 *
 *     c[m, n] = act(init[m, n] + Σₖ a[m, k] b[k, n])        m < M, n < N
 *
 * Arguments: the addresses c, init, a and source; the bytes from row to row cStride, initStride, aStride, sourceStride;
 * M, K, N; which of PACKS, the number of the activation function; begin, end. c may be init.
 */
export function unpackedProduct(k: Kernels, memory: TensorMemory): RangeKernel {
  let room = memory.allocate(0); // each thread has its own
  const side = memory.allocate(ROWS * PANEL);
  const sideInit = memory.allocate(ROWS * PANEL);

  return (c, init, a, source, cStride, initStride, aStride, sourceStride, M, K, N, pack, activation, begin, end) => {
    if (room.length < K * UNIT_PANELS * PANEL) {
      memory.release(room);
      room = memory.allocate(K * UNIT_PANELS * PANEL);
    }
    const b = room.byteOffset;
    const blocks = blocksOf(M);
    const act = activationOf(k, activation);
    const activate = (at: number, stride: number, rows: number, numbers: number) => {
      if (act) for (let r = 0; r < rows; r++) act(at + r * stride, at + r * stride, numbers);
    };
    for (let unit = begin; unit < end; unit++) {
      const first = unit * UNIT_PANELS * PANEL;
      const width = Math.min(UNIT_PANELS * PANEL, N - first);
      const whole = Math.floor(width / PANEL);
      const [kernel, from] = [PACKS[pack], source + first * (pack === 0 ? sourceStride : 4)];
      packFactor(k, kernel, b, from, sourceStride, K, width);
      const panels = Math.ceil(width / PANEL);
      for (let block = 0; block < blocks; block++) {
        const row = Math.floor((block * M) / blocks);
        const rows = Math.floor(((block + 1) * M) / blocks) - row;
        const to = c + row * cStride + first * 4;
        const start = init + row * initStride + first * 4;
        const aRow = a + row * aStride;
        if (whole > 0) {
          // biome-ignore format: addresses, strides, sizes
          multiplyBlock(k, "multiply", to, start, aRow, b, cStride, initStride, aStride, rows, K, panels, 1, 0, whole);
          activate(to, cStride, rows, whole * PANEL);
        }
        if (whole === panels) continue;
        // The panel that is not full is computed beside c: a tile would write past the ends of its rows.
        const last = whole * PANEL_ROW;
        const left = width - whole * PANEL;
        copyColumns(memory, sideInit.byteOffset, PANEL_ROW, start + last, initStride, rows, left);
        // The kernel counts from the panel's column in c and init; `side` is that column.
        const [sideC, sideI] = [side.byteOffset - last, sideInit.byteOffset - last];
        // biome-ignore format: addresses, strides, sizes
        multiplyBlock(k, "multiply", sideC, sideI, aRow, b, PANEL_ROW, PANEL_ROW, aStride, rows, K, panels, 1, whole, panels);
        activate(side.byteOffset, PANEL_ROW, rows, PANEL);
        copyColumns(memory, to + last, cStride, side.byteOffset, PANEL_ROW, rows, left);
      }
    }
  };
}

/** Copies a matrix [rows, cols]; addresses and strides in bytes. */
export function copyColumns(
  { memory }: TensorMemory,
  to: number,
  toStride: number,
  from: number,
  fromStride: number,
  rows: number,
  cols: number,
): void {
  const numbers = new Float32Array(memory.buffer);
  for (let r = 0; r < rows; r++) {
    const [t, f] = [(to + r * toStride) / 4, (from + r * fromStride) / 4];
    for (let c = 0; c < cols; c++) numbers[t + c] = numbers[f + c];
  }
}
