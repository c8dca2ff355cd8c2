import { ACTIVATION_NAMES, type Activation } from "../kernels/activations.ts";
import type { Kernels } from "./kernelNames.ts";
import type { TensorMemory } from "./memory.ts";
import { GROUP, PANEL, PANEL_ROW, PART, STEP_BYTES } from "./panels.ts";

/**
 * Rows that are computed at a time: what a group of panels needs of them stays in a core's second cache, and each
 * thread reads all of its panels once for them. GFLOP/s on one core for 128 and 1024 rows, weights of the base model in
 * memory, Intel Xeon (2 MB of second cache, peak 128): 90 and 105 with 96 at a time, 100 and 104 with 128, 99 and 107
 * with 192. On an EPYC (1 MB, peak 112), 1024 × 3072 × 768: 94 with 48, 104 with 96, 95 with 192.
 */
export const ROWS = 128;

/** The number by which a range kernel knows the activation function that a product ends in: 0 if it ends in none. */
export function numberOfActivation(activation: Activation | null): number {
  return activation ? ACTIVATION_NAMES.indexOf(activation) + 1 : 0;
}

/** The activation function that has a number; null for 0. */
export function activationOf(k: Kernels, number: number): Kernels[Activation] | null {
  return number === 0 ? null : k[ACTIVATION_NAMES[number - 1]];
}

/**
 * Into how many blocks M rows are cut, as evenly as can be. Fewer rows are not cut for the threads' sake: these would
 * both read all of b from memory, where they do not share a cache. 12 rows on two cores: 25 ms in one block, 30 in two
 * (Intel Xeon).
 */
export function blocksOf(M: number): number {
  return Math.ceil(M / ROWS);
}

/**
 * The kernels of products. `multiplyStored` is the one of the variant's storage, two bytes for each column and step.
 */
type Multiply = "multiply" | "multiplyStored";

/**
 * Computes panels begin … end − 1 of at most 128 rows of a product (emitMatmul.ts). Addresses and strides as in
 * `multiplyRange`.
 */
export function multiplyBlock(
  k: Kernels,
  kernel: Multiply,
  c: number,
  init: number,
  a: number,
  b: number,
  cStride: number,
  initStride: number,
  aStride: number,
  rows: number,
  K: number,
  panels: number,
  scale: number,
  begin: number,
  end: number,
): void {
  const bytes = kernel === "multiply" ? STEP_BYTES.float32 : STEP_BYTES.int8;
  const multiply = k[kernel] as Kernels["multiply"];
  for (let panel = begin; panel < end; ) {
    const group = panel - (panel % GROUP);
    const next = Math.min(end, group + GROUP);
    const column = panel * PANEL_ROW;
    // biome-ignore format: addresses, strides, sizes
    multiply(
      c + column, init + column, a, b + group * K * bytes, cStride, initStride, aStride,
      rows, K, Math.min(GROUP, panels - group), panel - group, next - panel, scale,
    );
    panel = next;
  }
}

/** From so many rows on it pays to keep what has been decoded for all tiles. */
const KEPT_FROM = 32;
/** Panels that are kept at a time: a part of them takes 32 KB, which stay in a core's first cache. */
const KEPT_PANELS = 4;
/** The rows of the tile that keeps. */
export const KEEPING_ROWS = 4;

/**
 * `multiplyBlock` for float16 and many rows: as some panels come from memory, they are multiplied with a few rows and
 * left behind in float32, and with the other rows they are multiplied there. The operations are the same, so the bits
 * are. The encoder of the base model for 24, 32 and 128 tokens, milliseconds on one core of a Zen 5 EPYC: 48, 58 and
 * 197 so; 51, 63 and 202 where the panels are only decoded first; 43, 57 and 225 with every tile decoding what it
 * loads. float32 takes 38, 51 and 191.
 */
function multiplyKept(
  k: Kernels,
  kept: number,
  c: number,
  init: number,
  a: number,
  b: number,
  cStride: number,
  initStride: number,
  aStride: number,
  rows: number,
  K: number,
  panels: number,
  scale: number,
  begin: number,
  end: number,
): void {
  for (let panel = begin; panel < end; ) {
    const group = panel - (panel % GROUP);
    const next = Math.min(end, group + GROUP);
    const width = Math.min(GROUP, panels - group);
    for (let part = 0; part < K; part += PART) {
      const steps = Math.min(PART, K - part);
      const from = b + (group * K + width * part) * STEP_BYTES.float16;
      for (let at = panel; at < next; at += KEPT_PANELS) {
        const count = Math.min(KEPT_PANELS, next - at);
        const to = c + at * PANEL_ROW;
        const [first, stride] = part === 0 ? [init + at * PANEL_ROW, initStride] : [to, cStride];
        // biome-ignore format: addresses, strides, sizes
        k.multiplyKeeping!(
          to, first, a + part * 4, from, cStride, stride, aStride, KEEPING_ROWS, steps, width, at - group, count,
          scale, kept,
        );
        // biome-ignore format: addresses, strides, sizes
        k.multiply(
          to + KEEPING_ROWS * cStride, first + KEEPING_ROWS * stride, a + KEEPING_ROWS * aStride + part * 4, kept,
          cStride, stride, aStride, rows - KEEPING_ROWS, steps, count, 0, count, scale,
        );
      }
    }
    panel = next;
  }
}

/**
 * The range kernel of matrix products, panels begin … end − 1 of c, those of the first block of rows, then those of the
 * next:
 *
 *     c[m, n] = act(init[m, n] + scale · Σₖ a[m, k] b[k, n])
 *
 * Arguments: the addresses c, init, a, b (in the order of panels.ts); the bytes from row to row cStride, initStride,
 * aStride; M and its blocks, K and all panels of b; scale, the number of the activation function, begin, end.
 */
export function multiplyRange(k: Kernels, kernel: Multiply, memory: TensorMemory): (...args: number[]) => void {
  let kept: Float32Array | null = null; // each thread has its own
  return (c, init, a, b, cStride, initStride, aStride, M, blocks, K, panels, scale, activation, begin, end) => {
    eachBlock(M, blocks, panels, begin, end, (row, rows, from, to) => {
      const rowOfC = c + row * cStride;
      const rowOfInit = init + row * initStride;
      const rowOfA = a + row * aStride;
      if (kernel === "multiplyStored" && k.multiplyKeeping && rows >= KEPT_FROM) {
        kept ??= memory.allocate(KEPT_PANELS * PART * PANEL);
        // biome-ignore format: addresses, strides, sizes
        multiplyKept(
          k, kept.byteOffset, rowOfC, rowOfInit, rowOfA, b, cStride, initStride, aStride, rows, K, panels, scale, from, to,
        );
      } else {
        // biome-ignore format: addresses, strides, sizes
        multiplyBlock(
          k, kernel, rowOfC, rowOfInit, rowOfA, b, cStride, initStride, aStride, rows, K, panels, scale, from, to,
        );
      }
      activate(k, activation, rowOfC, cStride, rows, from, to);
    });
  };
}

/**
 * The range kernel of products of integers: c[m, n] = act(float32(Σₖ a[m, k] b[k, n]) · (t[m] · s[n]) + bias[n]).
 *
 * Arguments: the addresses c, zeros (16 for each panel), a and b in pairs of k, bias, s, t; the bytes from row to row
 * cStride and aStride; M and its blocks, pairs of k, all panels of b, the number of the activation function, begin,
 * end.
 */
export function multiplyInt8Range(k: Kernels): (...args: number[]) => void {
  return (c, zeros, a, b, bias, s, t, cStride, aStride, M, blocks, pairs, panels, activation, begin, end) => {
    eachBlock(M, blocks, panels, begin, end, (row, rows, from, to) => {
      const rowOfC = c + row * cStride;
      const column = from * PANEL_ROW;
      // biome-ignore format: addresses, strides, sizes
      multiplyBlock(
        k, "multiplyStored", rowOfC, zeros, a + row * aStride, b, cStride, 0, aStride, rows, pairs, panels, 1, from, to,
      );
      k.scaleSums!(rowOfC + column, bias + column, s + column, t + row * 4, cStride, rows, to - from);
      activate(k, activation, rowOfC, cStride, rows, from, to);
    });
  };
}

/** Calls `visit` for the part of each block of rows that begin … end − 1 have: its rows, and panels from … to − 1. */
function eachBlock(
  M: number,
  blocks: number,
  panels: number,
  begin: number,
  end: number,
  visit: (row: number, rows: number, from: number, to: number) => void,
): void {
  for (let at = begin; at < end; ) {
    const block = Math.floor(at / panels);
    const first = at - block * panels;
    const last = Math.min(panels, first + end - at);
    const row = Math.floor((block * M) / blocks);
    const rows = Math.floor(((block + 1) * M) / blocks) - row;
    visit(row, rows, first, last);
    at += last - first;
  }
}

/** Panels from … to − 1 of some rows through an activation function, in place. */
function activate(
  k: Kernels,
  activation: number,
  c: number,
  cStride: number,
  rows: number,
  from: number,
  to: number,
): void {
  const act = activationOf(k, activation);
  if (!act) return;
  const numbers = ((to - from) * PANEL_ROW) / 4;
  for (let at = c + from * PANEL_ROW, r = 0; r < rows; r++, at += cStride) act(at, at, numbers);
}
