import { attentionRange } from "./attentionRange.ts";
import { type Kernels, TILINGS } from "./compile.ts";
import { PANEL, PANEL_ROW } from "./emitTile.ts";
import type { TensorMemory } from "./memory.ts";

/** Computes outputs begin … end − 1, the last two of its arguments. */
type RangeKernel = (...args: number[]) => void;

export type RangeKernels = Readonly<
  Record<"multiply" | "attention" | "layerNorm" | "gelu" | "geluNew" | "relu" | "silu" | "tanh" | "add", RangeKernel>
>;

/**
 * The kernels that threads share, each over a range of its outputs: panels, heads, rows or elements. An output is computed in
 * the same way whatever the range is, so how the work is cut does not change a bit.
 *
 * Addresses and strides are in bytes, as in `Kernels`.
 */
export function rangeKernels(k: Kernels, memory: TensorMemory): RangeKernels {
  const side = memory.allocate(TILINGS.wide.rows * PANEL).byteOffset; // a tile's sums between two parts: one for each thread
  const activation =
    (name: "gelu" | "geluNew" | "relu" | "silu" | "tanh") => (y: number, x: number, begin: number, end: number) =>
      k[name](y + begin * 4, x + begin * 4, end - begin);
  return {
    // biome-ignore format: addresses, strides, sizes
    multiply: (c, init, a, b, cStride, initStride, aStride, bStride, M, K, scale, begin, end) =>
      k.multiply(
        c + begin * PANEL_ROW, init + begin * PANEL_ROW, a, b + begin * bStride, side,
        cStride, initStride, aStride, bStride, M, K, end - begin, scale,
      ),
    attention: attentionRange(k, memory, side),
    layerNorm: (y, x, gamma, beta, H, eps, begin, end) =>
      k.layerNorm(y + begin * H * 4, x + begin * H * 4, gamma, beta, end - begin, H, eps),
    gelu: activation("gelu"),
    geluNew: activation("geluNew"),
    relu: activation("relu"),
    silu: activation("silu"),
    tanh: activation("tanh"),
    add: (y, a, b, begin, end) => k.add(y + begin * 4, a + begin * 4, b + begin * 4, end - begin),
  };
}
