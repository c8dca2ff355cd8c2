import { BertError } from "../../errors.ts";
import type { BackendInfo, BackendScope, Sharing } from "../backend.ts";
import type { Activation } from "../kernels/activations.ts";
import { longest } from "../kernels/attention.ts";
import { OTHER_ACTIVATIONS, type OtherActivation } from "../kernels/otherActivations.ts";
import { gatherRows } from "../kernels/rows.ts";
import { decodeHalves } from "../numberFormats.ts";
import { copyRows, decodeWeight, emptyRows } from "../storage.ts";
import {
  type HalfWeight,
  type Matrix,
  type PackedWeight,
  type ReducedWeight,
  type StoredWeight,
  sizeOf,
  type Tensor,
  type Weight,
} from "../tensor.ts";
import { joinPool } from "../threads/pool.ts";
import { attentionByHead } from "./attentionByHead.ts";
import { instanceOf } from "./compile.ts";
import { TensorMemory } from "./memory.ts";
import { copyPackedRow, packInPlace } from "./packedWeights.ts";
import { PANEL } from "./panels.ts";
import { Products } from "./products.ts";
import { rangeKernels } from "./rangeKernels.ts";
import { Scratch } from "./scratch.ts";
import { type SharedBackend, sharingOf } from "./sharing.ts";
import { CHUNK_ELEMENTS, CHUNK_PRODUCTS, runRange, type SimdCore } from "./simdCore.ts";
import { allocatePanels, eachRow, narrowToPanels } from "./storedPanels.ts";
import { StoredProducts } from "./storedProducts.ts";

/**
 * The kernels of the interface `Backend`, each the twin of the one in kernels/ that has its name. Every array must come
 * from this backend's `zeros` or `empty`: a kernel gets its address alone.
 */
export class SimdBackend implements BackendScope {
  readonly core: SimdCore;
  private readonly parent: SimdBackend | null;
  protected readonly scratch: Scratch;
  private readonly products: Products;
  private readonly storedProducts: StoredProducts;
  private readonly scopes = new Set<SimdBackend>();
  private owned = new Set<Float32Array>();

  constructor(core: SimdCore, parent: SimdBackend | null = null) {
    this.core = core;
    this.parent = parent;
    this.scratch = parent ? parent.scratch : new Scratch(core.memory);
    this.products = parent ? parent.products : new Products(core, this.scratch);
    this.storedProducts = parent ? parent.storedProducts : new StoredProducts(core, this.scratch);
  }

  get sharing(): Sharing | null {
    return sharingOf(this.core);
  }

  get info(): BackendInfo {
    const { pool, reason, variant } = this.core;
    const why = pool?.whyFewer ? `${reason}; ${pool.whyFewer}` : reason;
    return { name: "simd", width: variant.width, fused: variant.fused, threads: pool?.threads ?? 1, reason: why };
  }

  /** @throws BertError ERR_BACKEND there is no room */
  zeros(shape: readonly number[]): Tensor {
    const tensor = this.empty(shape);
    tensor.data.fill(0);
    return tensor;
  }

  /** @throws BertError ERR_BACKEND there is no room */
  empty(shape: readonly number[]): Tensor {
    const data = this.core.memory.allocate(sizeOf(shape));
    this.owned.add(data);
    return { data, shape };
  }

  scope(): BackendScope {
    return this.opened(new SimdBackend(this.core, this));
  }

  /** Remembers a scope, so that it does not outlive this one. */
  protected opened<Scope extends SimdBackend>(scope: Scope): Scope {
    this.scopes.add(scope);
    return scope;
  }

  free({ data }: Tensor): void {
    if (this.owned.delete(data)) this.core.memory.release(data);
  }

  release(...keep: readonly Tensor[]): void {
    for (const scope of this.scopes) scope.release(); // those that an error has left open
    this.parent?.scopes.delete(this);
    for (const { data } of keep) if (this.owned.delete(data)) this.parent?.owned.add(data);
    for (const data of this.owned) this.core.memory.release(data);
    this.owned = new Set();
  }

  async dispose(): Promise<void> {
    await this.core.pool?.dispose();
  }

  packWeight(weight: Tensor): Tensor | PackedWeight {
    const { shape } = weight;
    if (shape.length !== 2) throw new BertError("ERR_SHAPE", `packWeight: weight must be [O,I], got [${shape}]`);
    return shape[1] === 0 ? weight : packInPlace(this.core.kernels, this.scratch, weight);
  }

  unpackWeight(weight: Weight): Float32Array {
    if (!weight.dtype) return weight.data;
    const rows = new Float32Array(sizeOf(weight.shape));
    this.gatherStored(rows, weight, indicesTo(weight.shape[0]));
    return rows;
  }

  /** @throws BertError ERR_BACKEND there is no room, or the kernels are for another type */
  emptyStored(dtype: ReducedWeight["dtype"], shape: readonly number[]): ReducedWeight {
    const { storage } = this.core.variant;
    if (storage !== dtype)
      throw new BertError("ERR_BACKEND", `emptyStored: dtype must be the backend's, ${storage}, got ${dtype}`);
    const { weight, arrays } = allocatePanels(this.core.memory, dtype, shape);
    for (const array of arrays) this.owned.add(array);
    return weight;
  }

  encodeRows(weight: ReducedWeight, row: number, data: Float32Array, scale: Float32Array | null = null): boolean {
    return narrowToPanels(this.core.kernels, this.scratch, weight, row, data, scale);
  }

  rowsOf(weight: ReducedWeight): ReducedWeight {
    const rows = emptyRows(weight.dtype, weight.shape);
    let next = 0;
    eachRow(weight, indicesTo(weight.shape[0]), (row) => copyRows(rows, next++, row));
    return rows;
  }

  decodeHalves(target: Float32Array, source: Uint16Array, dtype: HalfWeight["dtype"]): void {
    this.core.decodeHalves(target, source, dtype);
  }

  allFinite(data: Float32Array): boolean {
    return this.core.kernels.finiteness(data.byteOffset, data.length) === 0;
  }

  linear(
    y: Float32Array,
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    R: number,
    I: number,
    O: number,
    activation: Activation | null = null,
  ): void {
    this.products.linear(y, x, weight, bias, R, I, O, activation);
  }

  linearStored(
    y: Float32Array,
    x: Float32Array,
    weight: StoredWeight,
    bias: Float32Array,
    R: number,
    activation: Activation | null = null,
  ): void {
    if (weight.dtype === "float32") this.products.linearPacked(y, x, weight, bias, R, activation);
    else this.storedProducts.linear(y, x, weight, bias, R, activation);
  }

  matmul(out: Matrix, a: Matrix, b: Matrix, scale: number): void {
    this.products.by("packColumns", out, a, b, b.rows, b.cols, scale);
  }

  matmulTransposed(out: Matrix, a: Matrix, b: Matrix, scale: number): void {
    this.products.by("packRows", out, a, b, b.cols, b.rows, scale);
  }

  softmaxRows({ data, offset, rows, cols, stride }: Matrix): void {
    if (rows > 0 && cols > 0) this.core.kernels.softmaxRows(data.byteOffset + offset * 4, stride * 4, rows, cols);
  }

  attention(
    out: Float32Array,
    probs: Float32Array | null,
    query: Float32Array,
    key: Float32Array,
    value: Float32Array,
    offsets: Int32Array,
    H: number,
    A: number,
    headMask: ArrayLike<number> | null,
    readOffsets: Int32Array = offsets,
  ): void {
    const T = longest(offsets);
    if (probs || (H / A) % PANEL !== 0) {
      const scores = this.scratch.scores(probs ? 0 : T * T);
      attentionByHead(this, scores, out, probs, query, key, value, offsets, H, A, headMask, readOffsets);
      return;
    }
    // Threads read these from the shared memory.
    const places = this.scratch.offsets(2 * offsets.length);
    const integers = new Int32Array(places.buffer, places.byteOffset);
    integers.set(offsets);
    integers.set(readOffsets, offsets.length);
    const masks = this.scratch.masks(A);
    for (let a = 0; a < A; a++) masks[a] = headMask?.[a] ?? 1;
    const grain = Math.ceil(CHUNK_PRODUCTS / (2 * T * T * (H / A)));
    const arrays = [out, query, key, value, places, masks].map(({ byteOffset }) => byteOffset);
    const B = offsets.length - 1;
    runRange(this.core, "attention", [...arrays, B, H, A], B * A, grain);
  }

  layerNorm(
    y: Float32Array,
    x: Float32Array,
    gamma: Float32Array,
    beta: Float32Array,
    R: number,
    H: number,
    eps: number,
    residual: Float32Array | null = null,
  ): void {
    const grain = Math.ceil(CHUNK_ELEMENTS / H);
    const addresses = [y, x, gamma, beta].map(({ byteOffset }) => byteOffset);
    runRange(this.core, "layerNorm", [...addresses, residual?.byteOffset ?? 0, H, eps], R, grain);
  }

  gelu(y: Float32Array, x: Float32Array): void {
    this.elementwise("gelu", y, x);
  }

  geluNew(y: Float32Array, x: Float32Array): void {
    this.elementwise("geluNew", y, x);
  }

  relu(y: Float32Array, x: Float32Array): void {
    this.elementwise("relu", y, x);
  }

  silu(y: Float32Array, x: Float32Array): void {
    this.elementwise("silu", y, x);
  }

  tanh(y: Float32Array, x: Float32Array): void {
    this.elementwise("tanh", y, x);
  }

  /** The loop is that of `plain`, cut for the threads: 5 to 125 ns for an element, where gelu takes 0.6. */
  activate(y: Float32Array, x: Float32Array, act: OtherActivation): void {
    const args = [y.byteOffset, x.byteOffset, OTHER_ACTIVATIONS.indexOf(act)];
    runRange(this.core, "activate", args, x.length, CHUNK_ELEMENTS);
  }

  add(y: Float32Array, a: Float32Array, b: Float32Array): void {
    runRange(this.core, "add", [y.byteOffset, a.byteOffset, b.byteOffset], y.length, CHUNK_ELEMENTS);
  }

  gatherRows(y: Float32Array, table: Float32Array, indices: Int32Array, H: number): void {
    gatherRows(y, table, indices, H);
  }

  gatherStored(y: Float32Array, table: StoredWeight, indices: Int32Array): void {
    const H = table.shape[1];
    if (table.dtype === "float32") {
      for (let r = 0; r < indices.length; r++) copyPackedRow(y, r * H, table, indices[r]);
      return;
    }
    let at = 0;
    eachRow(table, indices, (row) => {
      decodeWeight(y.subarray(at, at + H), row);
      at += H;
    });
  }

  private elementwise(name: Activation, y: Float32Array, x: Float32Array): void {
    runRange(this.core, name, [y.byteOffset, x.byteOffset], x.length, CHUNK_ELEMENTS);
  }
}

function indicesTo(end: number): Int32Array {
  return Int32Array.from({ length: end }, (_, i) => i);
}

/**
 * A backend that another thread has shared: the same tensors, and the same threads to help. It has no kernels for
 * decoding, as no checkpoint is read there.
 *
 * @param message what `sharing.message` returned there
 */
export function openShared(message: unknown): SimdBackend {
  const { module, variant, reason, ...shared } = message as SharedBackend;
  const memory = new TensorMemory(shared);
  const kernels = instanceOf(module, memory);
  const ranges = rangeKernels(kernels, memory);
  const pool = joinPool(ranges, shared);
  return new SimdBackend({ memory, module, kernels, ranges, decodeHalves, variant, reason, pool });
}
