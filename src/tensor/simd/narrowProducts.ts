import type { Backend } from "../backend.ts";
import { levels } from "../kernels/narrow.ts";
import { ACTIVATIONS, blocksOf } from "./multiplyRange.ts";
import { stepsOf } from "./narrowPanels.ts";
import { PANEL, PANEL_ROW } from "./panels.ts";
import type { Scratch } from "./scratch.ts";
import { CHUNK_ELEMENTS, CHUNK_PRODUCTS, runRange, type SimdCore } from "./simdCore.ts";

/** The rows that are multiplied: float32, or integers in pairs with their scales. */
interface Rows {
  readonly address: number;
  /** From row to row, in bytes. */
  readonly stride: number;
  readonly R: number;
  /** Numbers of a row, or pairs. */
  readonly steps: number;
  /** Address of the scales; null of float32. */
  readonly scales: number | null;
}

/** Panels of a weight that lie together, and where their results go. */
interface Columns {
  readonly out: number;
  /** From row to row of `out`, in bytes. */
  readonly stride: number;
  readonly b: number;
  readonly bias: number;
  /** Address of the columns' scales; of int8 alone. */
  readonly scale: number;
  readonly panels: number;
}

/** `linearNarrow` of kernels/narrow.ts, for weights in the order of narrowPanels.ts. */
export class NarrowProducts {
  private readonly core: SimdCore;
  private readonly scratch: Scratch;

  constructor(core: SimdCore, scratch: Scratch) {
    this.core = core;
    this.scratch = scratch;
  }

  linear(...[y, x, weight, bias, R, activation = null]: Parameters<Backend["linearNarrow"]>): void {
    if (R === 0) return;
    const [O, I] = weight.shape;
    const act = activation ? ACTIVATIONS.indexOf(activation) : 0;
    const rows =
      weight.dtype === "int8"
        ? this.integers(x, R, I)
        : { address: x.byteOffset, stride: I * 4, R, steps: I, scales: null };
    const whole = Math.floor(O / PANEL);
    const b = weight.data.byteOffset;
    const scale = weight.dtype === "int8" ? weight.scale.byteOffset : 0;
    const columns = { out: y.byteOffset, stride: O * 4, b, bias: bias.byteOffset, scale, panels: whole };
    if (whole > 0) this.multiply(rows, columns, act);
    const left = O - whole * PANEL;
    if (left === 0) return;
    // The panel that is not full is computed beside y: a tile would write past the ends of its rows.
    const side = this.scratch.side(R);
    this.scratch.lastInit.fill(0);
    this.scratch.lastInit.set(bias.subarray(whole * PANEL, O));
    const last = {
      out: side.byteOffset,
      stride: PANEL_ROW,
      b: b + whole * rows.steps * PANEL * 2,
      bias: this.scratch.lastInit.byteOffset,
      scale: scale + whole * PANEL_ROW,
      panels: 1,
    };
    this.multiply(rows, last, act);
    for (let r = 0; r < R; r++) y.set(side.subarray(r * PANEL, r * PANEL + left), r * O + whole * PANEL);
  }

  /** `quantizeRow` of kernels/narrow.ts for each row of x [R, K]. */
  private integers(x: Float32Array, R: number, K: number): Rows {
    const steps = stepsOf("int8", K);
    const address = this.scratch.integers(R * steps).byteOffset;
    const scales = this.scratch.scales(R).byteOffset;
    const grain = Math.ceil(CHUNK_ELEMENTS / K);
    runRange(this.core, "quantizeRows", [address, scales, x.byteOffset, steps * 4, K, levels(K)], R, grain);
    return { address, stride: steps * 4, R, steps, scales };
  }

  private multiply(
    { address, stride, R, steps, scales }: Rows,
    { out, stride: cStride, b, bias, scale, panels }: Columns,
    act: number,
  ): void {
    const blocks = blocksOf(R);
    const total = blocks * panels;
    const grain = Math.ceil((CHUNK_PRODUCTS * blocks) / (R * steps * PANEL));
    // biome-ignore format: addresses, strides, sizes
    if (scales === null)
      runRange(this.core, "multiplyNarrow",
        [out, bias, address, b, cStride, 0, stride, R, blocks, steps, panels, 1, act], total, grain);
    else {
      const zeros = this.scratch.zeros(panels * PANEL).byteOffset;
      runRange(this.core, "multiplyInt8",
        [out, zeros, address, b, bias, scale, scales, cStride, stride, R, blocks, steps, panels, act], total, grain);
    }
  }
}
