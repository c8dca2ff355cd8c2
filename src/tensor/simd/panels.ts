import type { StorageType } from "../tensor.ts";

/**
 * How a factor b [K, N] of a matrix product lies in memory. 16 columns are a panel; N is filled up to whole panels. 128
 * steps of k are a part, 16 panels a group, and the numbers are in the order
 *
 *     group · part · panel · k within the part · column within the panel
 *
 * `multiply` (emitMatmul.ts) reads them from front to back, and again what it read last, which is still in a cache.
 */

/** How many columns a panel has. */
export const PANEL = 16;

/** How many bytes one row of a panel takes: a cache line. */
export const PANEL_ROW: number = PANEL * 4;

/**
 * How many bytes one step of k of a panel takes. With int8 a step is two: of each column a pair of neighbours, the
 * lower k first; an odd K is filled up with zeros.
 */
export const STEP_BYTES: Readonly<Record<StorageType, number>> = {
  float32: PANEL_ROW,
  float16: 2 * PANEL,
  bfloat16: 2 * PANEL,
  int8: 2 * PANEL,
};

/**
 * How many steps of k are summed up without a break. The shorter, the smaller the error of a long sum, and the slower.
 * Base model, largest rms error of a layer as a share of PyTorch's (fused; with two roundings): parts of 96 have 0.84
 * (0.84), of 128 0.88 (0.98), of 256 1.3, no parts 2.1.
 */
export const PART = 128;

/**
 * How many panels a group has. One part of a group is 128 KB, which stays in a core's second cache (1 MB). For 16 rows,
 * groups of 8 are some 5 % slower, those of 24 and 48 are not; weights are packed group by group, so smaller ones need
 * less room.
 */
export const GROUP = 16;

/** Copies column `column` of a factor [K, 16 · panels] to target[at …]. */
export function copyColumn<Numbers extends Float32Array | Uint16Array>(
  target: Numbers,
  at: number,
  factor: Numbers,
  column: number,
  K: number,
  panels: number,
): void {
  for (let k = 0; k < K; k += PART) {
    const steps = Math.min(PART, K - k);
    let from = placeOf(column, k, steps, K, panels);
    for (let i = 0; i < steps; i++, from += PANEL) target[at + k + i] = factor[from];
  }
}

/** The element at which a part of a column begins: `steps` steps from k on, 16 elements from one another. */
function placeOf(column: number, k: number, steps: number, K: number, panels: number): number {
  return partAt(Math.floor(column / PANEL), k, steps, K, panels) + (column % PANEL);
}

/** The element at which a part of a panel begins: steps k … k + `steps` − 1 of K. */
export function partAt(panel: number, k: number, steps: number, K: number, panels: number): number {
  const group = panel - (panel % GROUP);
  const width = Math.min(GROUP, panels - group);
  return (group * K + width * k + (panel - group) * steps) * PANEL;
}
