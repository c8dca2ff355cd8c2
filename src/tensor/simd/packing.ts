import type { Kernels } from "./kernelNames.ts";
import { GROUP, PANEL, PANEL_ROW, PART } from "./panels.ts";

/** The kernels that put a factor into panels: from its transpose, [N, K], or from itself, [K, N]. */
export const PACKS = ["packRows", "packColumns"] as const;

/** The kernel that puts a factor into panels. */
export type Pack = (typeof PACKS)[number];

/**
 * Puts a matrix in rows into the order of panels.ts, as the factor b [K, N] of a product.
 *
 * @param to     address of the panels, room for K · ⌈N/16⌉ rows of 64 bytes
 * @param source address of the matrix: b itself, [K, N] (`packColumns`), or its transpose, [N, K] (`packRows`)
 * @param stride bytes from row to row of the source
 */
export function packFactor(
  k: Kernels,
  kernel: Pack,
  to: number,
  source: number,
  stride: number,
  K: number,
  N: number,
): void {
  const [perPanel, perStep] = kernel === "packRows" ? [PANEL * stride, 4] : [PANEL_ROW, stride];
  const panels = Math.ceil(N / PANEL);
  for (let group = 0; group < panels; group += GROUP) {
    const end = Math.min(panels, group + GROUP);
    for (let part = 0; part < K; part += PART) {
      const steps = Math.min(PART, K - part);
      for (let panel = group; panel < end; panel++, to += steps * PANEL_ROW) {
        k[kernel](to, source + panel * perPanel + part * perStep, stride, steps, Math.min(PANEL, N - panel * PANEL));
      }
    }
  }
}
