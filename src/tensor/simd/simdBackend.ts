import { BertError } from "../../errors.ts";
import type { BackendInfo, BackendScope } from "../backend.ts";
import { type Matrix, sizeOf, type Tensor } from "../tensor.ts";
import { type Kernels, TILINGS, type Variant } from "./compile.ts";
import { PANEL, PANEL_ROW } from "./emitTile.ts";
import type { TensorMemory } from "./memory.ts";

/** What a backend and its scopes share. */
export interface SimdCore {
  readonly memory: TensorMemory;
  readonly kernels: Kernels;
  readonly variant: Variant;
  readonly reason: string;
}

/**
 * The kernels of the interface `Backend`, each the twin of the one in kernels/ that has its name. Every array must come
 * from this backend's `zeros`: a kernel is told its address alone.
 *
 * A packed weight [O, I] is ⌊O/16⌋ panels [I, 16] (emitPack.ts) and after them the rows that are left, as they were; so
 * it takes no more room, and the word embeddings serve as the decoder's weight too.
 */
export class SimdBackend implements BackendScope {
  readonly info: BackendInfo;
  readonly core: SimdCore;
  private readonly parent: SimdBackend | null;
  private readonly packed: WeakSet<Float32Array>;
  private readonly scratch: Scratch;
  private readonly scopes = new Set<SimdBackend>();
  private owned = new Set<Float32Array>();

  constructor(core: SimdCore, parent: SimdBackend | null = null) {
    const { width, fused } = core.variant;
    this.info = { name: "simd", width, fused, threads: 1, reason: core.reason };
    this.core = core;
    this.parent = parent;
    this.packed = parent ? parent.packed : new WeakSet();
    this.scratch = parent ? parent.scratch : new Scratch(core.memory);
  }

  /** @throws BertError ERR_BACKEND there is no room */
  zeros(shape: readonly number[]): Tensor {
    const data = this.core.memory.allocate(sizeOf(shape));
    this.owned.add(data);
    return { data, shape };
  }

  scope(): BackendScope {
    const scope = new SimdBackend(this.core, this);
    this.scopes.add(scope);
    return scope;
  }

  release(keep?: Tensor): void {
    for (const scope of this.scopes) scope.release(); // those that an error has left open
    this.parent?.scopes.delete(this);
    if (keep && this.owned.delete(keep.data)) this.parent?.owned.add(keep.data);
    for (const data of this.owned) this.core.memory.release(data);
    this.owned = new Set();
  }

  packWeight({ data, shape }: Tensor): void {
    const [O, I] = shape;
    if (shape.length !== 2) throw new BertError("ERR_SHAPE", `packWeight: weight must be [O,I], got [${shape}]`);
    if (this.packed.has(data) || I === 0) return;
    const panel = this.scratch.panels(I);
    for (let row = 0; row + PANEL <= O; row += PANEL) {
      this.core.kernels.packRows(panel.byteOffset, data.byteOffset + row * I * 4, I * 4, I, PANEL);
      data.set(panel.subarray(0, I * PANEL), row * I);
    }
    this.packed.add(data);
  }

  unpackWeight({ data, shape }: Tensor): Float32Array {
    if (!this.packed.has(data)) return data;
    const [O, I] = shape;
    const rows = new Float32Array(data.length);
    for (let row = 0; row < O; row++) this.copyRow(rows, row * I, data, row, I);
    return rows;
  }

  linear(
    y: Float32Array,
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    R: number,
    I: number,
    O: number,
  ): void {
    if (R === 0) return;
    const out = { data: y, offset: 0, rows: R, cols: O, stride: O };
    const a = { data: x, offset: 0, rows: R, cols: I, stride: I };
    const whole = O - (O % PANEL);
    if (this.packed.has(weight)) {
      this.multiply(out, a, weight.byteOffset, 0, whole / PANEL, bias, 1);
    } else {
      for (let row = 0; row < whole; row += PANEL) this.multiplyRows(out, a, weight, row, bias);
    }
    if (whole < O) this.multiplyRows(out, a, weight, whole, bias);
  }

  matmul(out: Matrix, a: Matrix, b: Matrix, scale: number): void {
    const panels = this.scratch.panels(b.rows * Math.ceil(b.cols / PANEL));
    for (
      let column = 0, at = panels.byteOffset;
      b.rows > 0 && column < b.cols;
      column += PANEL, at += b.rows * PANEL_ROW
    ) {
      const source = b.data.byteOffset + (b.offset + column) * 4;
      this.core.kernels.packColumns(at, source, b.stride * 4, b.rows, Math.min(PANEL, b.cols - column));
    }
    this.multiplyPanels(out, a, panels, scale);
  }

  matmulTransposed(out: Matrix, a: Matrix, b: Matrix, scale: number): void {
    const panels = this.scratch.panels(b.cols * Math.ceil(b.rows / PANEL));
    for (let row = 0, at = panels.byteOffset; b.cols > 0 && row < b.rows; row += PANEL, at += b.cols * PANEL_ROW) {
      const source = b.data.byteOffset + (b.offset + row * b.stride) * 4;
      this.core.kernels.packRows(at, source, b.stride * 4, b.cols, Math.min(PANEL, b.rows - row));
    }
    this.multiplyPanels(out, a, panels, scale);
  }

  softmaxRows({ data, offset, rows, cols, stride }: Matrix): void {
    if (rows > 0 && cols > 0) this.core.kernels.softmaxRows(data.byteOffset + offset * 4, stride * 4, rows, cols);
  }

  layerNorm(
    y: Float32Array,
    x: Float32Array,
    gamma: Float32Array,
    beta: Float32Array,
    R: number,
    H: number,
    eps: number,
  ): void {
    if (R > 0) this.core.kernels.layerNorm(y.byteOffset, x.byteOffset, gamma.byteOffset, beta.byteOffset, R, H, eps);
  }

  gelu(y: Float32Array, x: Float32Array): void {
    this.core.kernels.gelu(y.byteOffset, x.byteOffset, x.length);
  }

  geluNew(y: Float32Array, x: Float32Array): void {
    this.core.kernels.geluNew(y.byteOffset, x.byteOffset, x.length);
  }

  relu(y: Float32Array, x: Float32Array): void {
    this.core.kernels.relu(y.byteOffset, x.byteOffset, x.length);
  }

  silu(y: Float32Array, x: Float32Array): void {
    this.core.kernels.silu(y.byteOffset, x.byteOffset, x.length);
  }

  tanh(y: Float32Array, x: Float32Array): void {
    this.core.kernels.tanh(y.byteOffset, x.byteOffset, x.length);
  }

  add(y: Float32Array, a: Float32Array, b: Float32Array): void {
    this.core.kernels.add(y.byteOffset, a.byteOffset, b.byteOffset, y.length);
  }

  gatherRows(y: Float32Array, table: Float32Array, indices: Int32Array, H: number): void {
    for (let r = 0; r < indices.length; r++) this.copyRow(y, r * H, table, indices[r], H);
  }

  /** Row `row` of a weight [O, I], packed or not. */
  private copyRow(target: Float32Array, at: number, weight: Float32Array, row: number, I: number): void {
    const start = row * I;
    const inPanel = this.packed.has(weight) && start - (row % PANEL) * I + PANEL * I <= weight.length;
    if (!inPanel) {
      target.set(weight.subarray(start, start + I), at);
      return;
    }
    const panel = start - (row % PANEL) * (I - 1);
    for (let i = 0; i < I; i++) target[at + i] = weight[panel + i * PANEL];
  }

  /** Columns `row` … `row + 15` of x Wᵀ + b, for rows of W that are not packed; fewer at its end. */
  private multiplyRows(out: Matrix, a: Matrix, weight: Float32Array, row: number, bias: Float32Array): void {
    const K = a.cols;
    const panel = this.scratch.panels(K);
    const width = Math.min(PANEL, out.cols - row);
    if (K > 0) this.core.kernels.packRows(panel.byteOffset, weight.byteOffset + row * K * 4, K * 4, K, width);
    if (width === PANEL) this.multiply(out, a, panel.byteOffset, row, 1, bias.subarray(row), 1);
    else this.multiplyLast(out, a, panel.byteOffset, row, bias.subarray(row, row + width), 1);
  }

  private multiplyPanels(out: Matrix, a: Matrix, panels: Float32Array, scale: number): void {
    const whole = out.cols - (out.cols % PANEL);
    this.multiply(out, a, panels.byteOffset, 0, whole / PANEL, null, scale);
    const last = panels.byteOffset + whole * a.cols * 4;
    if (whole < out.cols) this.multiplyLast(out, a, last, whole, null, scale);
  }

  /** out[m, column + n] = init[n] + scale · Σₖ a[m, k] b[k, n] for whole panels b; no init is zeros. */
  private multiply(
    out: Matrix,
    a: Matrix,
    b: number,
    column: number,
    panels: number,
    init: Float32Array | null,
    scale: number,
  ): void {
    if (out.rows === 0 || panels === 0) return;
    const K = a.cols;
    const c = out.data.byteOffset + (out.offset + column) * 4;
    const first = init ? init.byteOffset : this.scratch.zeros(panels * PANEL).byteOffset;
    const aStart = a.data.byteOffset + a.offset * 4;
    // biome-ignore format: addresses, strides, sizes
    this.core.kernels.multiply(
      c, first, aStart, b, this.scratch.sums.byteOffset, out.stride * 4, 0, a.stride * 4, K * PANEL_ROW, out.rows, K, panels, scale,
    );
  }

  /** The columns from `column` on, fewer than 16: computed beside `out`, as a tile would write past its rows' ends. */
  private multiplyLast(
    out: Matrix,
    a: Matrix,
    b: number,
    column: number,
    init: Float32Array | null,
    scale: number,
  ): void {
    const side = this.scratch.side(out.rows);
    const initWide = this.scratch.lastInit;
    initWide.fill(0);
    if (init) initWide.set(init);
    this.multiply({ data: side, offset: 0, rows: out.rows, cols: PANEL, stride: PANEL }, a, b, 0, 1, initWide, scale);
    const width = out.cols - column;
    for (let r = 0; r < out.rows; r++) {
      const at = out.offset + r * out.stride + column;
      for (let j = 0; j < width; j++) out.data[at + j] = side[r * PANEL + j];
    }
  }
}

/** Arrays that kernels use between two calls and nobody keeps; they grow to the largest size asked for. */
class Scratch {
  readonly lastInit: Float32Array;
  /** A tile's sums between two parts. */
  readonly sums: Float32Array;
  private readonly memory: TensorMemory;
  private readonly arrays = new Map<string, Float32Array>();

  constructor(memory: TensorMemory) {
    this.memory = memory;
    this.lastInit = memory.allocate(PANEL);
    this.sums = memory.allocate(TILINGS.wide.rows * PANEL);
  }

  /** Room for `rows` rows of panels. */
  panels(rows: number): Float32Array {
    return this.atLeast("panels", rows * PANEL);
  }

  /** [rows, 16] beside an output. */
  side(rows: number): Float32Array {
    return this.atLeast("side", rows * PANEL);
  }

  zeros(length: number): Float32Array {
    return this.atLeast("zeros", length);
  }

  private atLeast(name: string, length: number): Float32Array {
    const found = this.arrays.get(name);
    if (found && found.length >= length) return found;
    if (found) this.memory.release(found);
    const array = this.memory.allocate(length);
    this.arrays.set(name, array);
    return array;
  }
}
