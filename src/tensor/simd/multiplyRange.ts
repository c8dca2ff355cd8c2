import type { Kernels } from "./compile.ts";
import { GROUP, PANEL_ROW } from "./panels.ts";

/**
 * Rows that are computed at a time: what a group needs of them stays in a core's second cache. GFLOP/s for 1024 × 3072 ×
 * 768 on one core: 94 with 48 rows, 104 with 96, 95 with 192.
 */
const ROWS = 96;

/** The activation functions that a product can end in, by number; 0 is none. */
export const ACTIVATIONS = ["none", "gelu", "geluNew", "relu", "silu"] as const;

/**
 * The range kernel of matrix products (emitMatmul.ts), panels begin … end − 1 of c:
 *
 *     c[m, n] = act(init[m, n] + scale · Σₖ a[m, k] b[k, n])
 *
 * Arguments: the addresses c, init, a, b (in the order of panels.ts); the bytes from row to row cStride, initStride,
 * aStride; M, K and all panels of b; scale, the number of the activation function, begin, end.
 */
export function multiplyRange(k: Kernels): (...args: number[]) => void {
  return (c, init, a, b, cStride, initStride, aStride, M, K, panels, scale, activation, begin, end) => {
    const blocks = Math.ceil(M / ROWS);
    const act = activation > 0 ? k[ACTIVATIONS[activation] as "gelu"] : null;
    for (let block = 0; block < blocks; block++) {
      const row = Math.floor((block * M) / blocks);
      const rows = Math.floor(((block + 1) * M) / blocks) - row;
      const rowOfC = c + row * cStride;
      for (let panel = begin; panel < end; ) {
        const group = panel - (panel % GROUP);
        const next = Math.min(end, group + GROUP);
        const column = panel * PANEL_ROW;
        // biome-ignore format: addresses, strides, sizes
        k.multiply(
          rowOfC + column, init + row * initStride + column, a + row * aStride, b + group * K * PANEL_ROW,
          cStride, initStride, aStride,
          rows, K, Math.min(GROUP, panels - group), panel - group, next - panel, scale,
        );
        panel = next;
      }
      if (!act) continue;
      const numbers = ((end - begin) * PANEL_ROW) / 4;
      for (let at = rowOfC + begin * PANEL_ROW, r = 0; r < rows; r++, at += cStride) act(at, at, numbers);
    }
  };
}
