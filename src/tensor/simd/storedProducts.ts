import type { Activation } from "../kernels/activations.ts";
import { levels } from "../kernels/storedWeights.ts";
import type { ReducedWeight } from "../tensor.ts";
import { blocksOf, numberOfActivation } from "./multiplyRange.ts";
import { PANEL, PANEL_ROW } from "./panels.ts";
import type { Scratch } from "./scratch.ts";
import { CHUNK_ELEMENTS, CHUNK_PRODUCTS, runRange, type SimdCore } from "./simdCore.ts";
import { stepsOf } from "./storedPanels.ts";

/** The rows x that are multiplied: float32 numbers, or integers in pairs with a scale for each row. */
interface Rows {
  /** The address of the first row. */
  readonly address: number;
  /** Bytes from row to row. */
  readonly stride: number;
  /** How many rows there are. */
  readonly R: number;
  /** How many numbers, or pairs of integers, a row has. */
  readonly steps: number;
  /** The address of the scales of integers; null for float32. */
  readonly scales: number | null;
}

/** Panels of a weight that lie together, and where their results go. */
interface Columns {
  /** The address of the first result. */
  readonly out: number;
  /** Bytes from row to row of the results. */
  readonly stride: number;
  /** The address of the panels. */
  readonly b: number;
  /** The address of the bias of the first column. */
  readonly bias: number;
  /** The address of the columns' scales, which int8 has; else not read. */
  readonly scale: number;
  /** How many panels there are. */
  readonly panels: number;
}

/** Products with weights in reduced precision, which are in the order of storedPanels.ts. */
export class StoredProducts {
  private readonly core: SimdCore;
  private readonly scratch: Scratch;

  constructor(core: SimdCore, scratch: Scratch) {
    this.core = core;
    this.scratch = scratch;
  }

  /** `linearStored` of kernels/storedWeights.ts, which says the shapes. */
  linear(
    y: Float32Array,
    x: Float32Array,
    weight: ReducedWeight,
    bias: Float32Array,
    R: number,
    activation: Activation | null,
  ): void {
    if (R === 0) return;
    const [O, I] = weight.shape;
    const act = numberOfActivation(activation);
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

  /** `quantizeRow` of kernels/storedWeights.ts for each row of x [R, K]. */
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
      runRange(this.core, "multiplyStored",
        [out, bias, address, b, cStride, 0, stride, R, blocks, steps, panels, 1, act], total, grain);
    else {
      const zeros = this.scratch.zeros(panels * PANEL).byteOffset;
      runRange(this.core, "multiplyInt8",
        [out, zeros, address, b, bias, scale, scales, cStride, stride, R, blocks, steps, panels, act], total, grain);
    }
  }
}
