import type { Activation } from "../kernels/activations.ts";
import type { Matrix, PackedWeight } from "../tensor.ts";
import { blocksOf, numberOfActivation } from "./multiplyRange.ts";
import { type Pack, packFactor } from "./packing.ts";
import { PANEL } from "./panels.ts";
import type { Scratch } from "./scratch.ts";
import { CHUNK_PRODUCTS, runRange, type SimdCore } from "./simdCore.ts";

/** Float32 matrix products of any size, by kernels that know whole panels alone. */
export class Products {
  private readonly core: SimdCore;
  private readonly scratch: Scratch;

  constructor(core: SimdCore, scratch: Scratch) {
    this.core = core;
    this.scratch = scratch;
  }

  /** `linear` of kernels/matmul.ts, which says the shapes. */
  linear(
    y: Float32Array,
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    R: number,
    I: number,
    O: number,
    activation: Activation | null,
  ): void {
    if (R === 0) return;
    const act = numberOfActivation(activation);
    const out = { data: y, offset: 0, rows: R, cols: O, stride: O };
    const a = { data: x, offset: 0, rows: R, cols: I, stride: I };
    for (let row = 0; row < O; row += PANEL) this.multiplyRows(out, a, weight, row, bias, act);
  }

  /** `linear` with a weight whose whole panels are packed (simdBackend.ts). */
  linearPacked(
    y: Float32Array,
    x: Float32Array,
    { data, shape }: PackedWeight,
    bias: Float32Array,
    R: number,
    activation: Activation | null,
  ): void {
    if (R === 0) return;
    const [O, I] = shape;
    const act = numberOfActivation(activation);
    const out = { data: y, offset: 0, rows: R, cols: O, stride: O };
    const a = { data: x, offset: 0, rows: R, cols: I, stride: I };
    const whole = O - (O % PANEL);
    this.multiply(out, a, data.byteOffset, 0, whole / PANEL, bias, 1, act);
    if (whole < O) this.multiplyRows(out, a, data, whole, bias, act);
  }

  /**
   * Computes out [M, N] = scale · a b of a [M, K] and a factor b, which is packed first.
   *
   * @param pack `packColumns` if b is [K, N], `packRows` if it is the transpose, [N, K]
   */
  by(pack: Pack, out: Matrix, a: Matrix, b: Matrix, K: number, N: number, scale: number): void {
    const whole = N - (N % PANEL);
    const panels = this.scratch.panels(K * Math.ceil(N / PANEL)).byteOffset;
    const last = panels + whole * K * 4; // one that is not full lies by itself, as in a weight
    const source = b.data.byteOffset + b.offset * 4;
    const stride = b.stride * 4;
    const { kernels } = this.core;
    packFactor(kernels, pack, panels, source, stride, K, whole);
    this.multiply(out, a, panels, 0, whole / PANEL, null, scale, 0);
    if (whole === N) return;
    const from = source + whole * (pack === "packRows" ? stride : 4);
    if (K > 0) kernels[pack](last, from, stride, K, N - whole);
    this.multiplyLast(out, a, last, whole, null, scale, 0);
  }

  /** Computes columns `row` … `row + 15` of x Wᵀ + b, fewer at the end, with rows of W that are not packed. */
  private multiplyRows(
    out: Matrix,
    a: Matrix,
    weight: Float32Array,
    row: number,
    bias: Float32Array,
    activation: number,
  ): void {
    const K = a.cols;
    const panel = this.scratch.panels(K);
    const width = Math.min(PANEL, out.cols - row);
    if (K > 0) this.core.kernels.packRows(panel.byteOffset, weight.byteOffset + row * K * 4, K * 4, K, width);
    if (width === PANEL) this.multiply(out, a, panel.byteOffset, row, 1, bias.subarray(row), 1, activation);
    else this.multiplyLast(out, a, panel.byteOffset, row, bias.subarray(row, row + width), 1, activation);
  }

  /**
   * Computes out[m, column + n] = act(init[n] + scale · Σₖ a[m, k] b[k, n]) for whole panels b; zeros if init is null.
   */
  private multiply(
    out: Matrix,
    a: Matrix,
    b: number,
    column: number,
    panels: number,
    init: Float32Array | null,
    scale: number,
    activation: number,
  ): void {
    if (out.rows === 0 || panels === 0) return;
    const K = a.cols;
    const c = out.data.byteOffset + (out.offset + column) * 4;
    const first = init ? init.byteOffset : this.scratch.zeros(panels * PANEL).byteOffset;
    const aStart = a.data.byteOffset + a.offset * 4;
    const blocks = blocksOf(out.rows);
    const grain = Math.ceil((CHUNK_PRODUCTS * blocks) / (out.rows * K * PANEL));
    // biome-ignore format: addresses, strides, sizes
    runRange(this.core, "multiply",
      [c, first, aStart, b, out.stride * 4, 0, a.stride * 4, out.rows, blocks, K, panels, scale, activation], blocks * panels, grain);
  }

  /** Computes the columns from `column` on, fewer than 16, beside `out`: a tile would write past its rows' ends. */
  private multiplyLast(
    out: Matrix,
    a: Matrix,
    b: number,
    column: number,
    init: Float32Array | null,
    scale: number,
    activation: number,
  ): void {
    const side = this.scratch.side(out.rows);
    const start = this.scratch.lastInit;
    start.fill(0);
    if (init) start.set(init);
    const beside = { data: side, offset: 0, rows: out.rows, cols: PANEL, stride: PANEL };
    this.multiply(beside, a, b, 0, 1, start, scale, activation);
    const width = out.cols - column;
    for (let r = 0; r < out.rows; r++) {
      const at = out.offset + r * out.stride + column;
      for (let j = 0; j < width; j++) out.data[at + j] = side[r * PANEL + j];
    }
  }
}
