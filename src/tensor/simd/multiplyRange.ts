import type { Kernels } from "./compile.ts";
import { GROUP, PANEL_ROW } from "./panels.ts";

/**
 * Rows that are computed at a time: what a group of panels needs of them stays in a core's second cache, and each thread reads
 * all of its panels once for them. GFLOP/s on one core for 128 and 1024 rows, weights of the base model in memory, Intel Xeon
 * (2 MB of second cache, peak 128): 90 and 105 with 96 at a time, 100 and 104 with 128, 99 and 107 with 192. On an EPYC (1 MB,
 * peak 112), 1024 × 3072 × 768: 94 with 48, 104 with 96, 95 with 192.
 */
export const ROWS = 128;

/** The activation functions that a product can end in, by number; 0 is none. */
export const ACTIVATIONS = ["none", "gelu", "geluNew", "relu", "silu"] as const;

/** Panels of a unit of work: their rows share what the processor fetches at once, 128 bytes. */
const UNIT = 2;

/**
 * Into how many blocks the rows are cut, as evenly as can be. Fewer rows are not cut for the threads' sake: these would both read
 * all of b from memory, where they do not share a cache. 12 rows on two cores: 25 ms in one block, 30 in two (Intel Xeon).
 */
export function blocksOf(M: number): number {
  return Math.ceil(M / ROWS);
}

/** How many units of work a product is: those of the first block of rows, then those of the next. */
export function unitsOf(blocks: number, panels: number): number {
  return blocks * Math.ceil(panels / UNIT);
}

/**
 * Panels begin … end − 1 of at most 96 rows of a product (emitMatmul.ts). Addresses and strides as in `multiplyRange`.
 */
export function multiplyBlock(
  k: Kernels,
  ...[c, init, a, b, cStride, initStride, aStride, rows, K, panels, scale, begin, end]: number[]
): void {
  for (let panel = begin; panel < end; ) {
    const group = panel - (panel % GROUP);
    const next = Math.min(end, group + GROUP);
    const column = panel * PANEL_ROW;
    // biome-ignore format: addresses, strides, sizes
    k.multiply(
      c + column, init + column, a, b + group * K * PANEL_ROW, cStride, initStride, aStride,
      rows, K, Math.min(GROUP, panels - group), panel - group, next - panel, scale,
    );
    panel = next;
  }
}

/**
 * The range kernel of matrix products, units begin … end − 1 of c (`unitsOf`):
 *
 *     c[m, n] = act(init[m, n] + scale · Σₖ a[m, k] b[k, n])
 *
 * Arguments: the addresses c, init, a, b (in the order of panels.ts); the bytes from row to row cStride, initStride,
 * aStride; M and its blocks, K and all panels of b; scale, the number of the activation function, begin, end.
 */
export function multiplyRange(k: Kernels): (...args: number[]) => void {
  return (c, init, a, b, cStride, initStride, aStride, M, blocks, K, panels, scale, activation, begin, end) => {
    const units = Math.ceil(panels / UNIT);
    const act = activation > 0 ? k[ACTIVATIONS[activation] as "gelu"] : null;
    for (let unit = begin; unit < end; ) {
      const block = Math.floor(unit / units);
      const first = unit - block * units;
      const last = Math.min(units, first + end - unit);
      const row = Math.floor((block * M) / blocks);
      const rows = Math.floor(((block + 1) * M) / blocks) - row;
      const [from, to] = [first * UNIT, Math.min(panels, last * UNIT)];
      const rowOfC = c + row * cStride;
      // biome-ignore format: addresses, strides, sizes
      multiplyBlock(
        k, rowOfC, init + row * initStride, a + row * aStride, b, cStride, initStride, aStride,
        rows, K, panels, scale, from, to,
      );
      if (act) {
        const numbers = ((to - from) * PANEL_ROW) / 4;
        for (let at = rowOfC + from * PANEL_ROW, r = 0; r < rows; r++, at += cStride) act(at, at, numbers);
      }
      unit += last - first;
    }
  };
}
