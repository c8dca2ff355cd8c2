import type { Matrix, Tensor } from "./tensor.ts";

/**
 * The kernels that the layers are written in. A backend is a value that is passed in, never a global, so that one
 * process can run two and compare them. `plain` (kernels/index.ts) is the definition: ordinary loops, the same bits on
 * every machine. The doc comment of each kernel stands with its definition.
 *
 * Kernels take outputs first, allocate nothing that lasts and check nothing: layers check shapes at their border.
 */
export interface Backend {
  /** The backend's name, as `loadBert(…, { backend })` takes it. */
  readonly name: string;
  /** A tensor of zeros in memory that this backend's kernels can work on. Every tensor comes from here. */
  zeros(shape: readonly number[]): Tensor;
  /**
   * The same backend, for work whose tensors are not needed for long: they are freed together. Scopes may be open
   * beside each other and within each other.
   */
  scope(): BackendScope;
  /**
   * Puts a weight of `linear`, [O, I], in the order that suits the kernel, in place; called once, when its numbers are
   * there. `linear` and `gatherRows` read it as before; for all else there is `unpackWeight`.
   */
  packWeight(weight: Tensor): void;
  /** The numbers of a weight row by row, whether it was packed (then a copy) or not (then its data). */
  unpackWeight(weight: Tensor): Float32Array;

  linear(
    y: Float32Array,
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    R: number,
    I: number,
    O: number,
  ): void;
  matmul(out: Matrix, a: Matrix, b: Matrix, scale: number): void;
  matmulTransposed(out: Matrix, a: Matrix, b: Matrix, scale: number): void;
  softmaxRows(scores: Matrix): void;
  layerNorm(
    y: Float32Array,
    x: Float32Array,
    gamma: Float32Array,
    beta: Float32Array,
    R: number,
    H: number,
    eps: number,
  ): void;
  gelu(y: Float32Array, x: Float32Array): void;
  geluNew(y: Float32Array, x: Float32Array): void;
  relu(y: Float32Array, x: Float32Array): void;
  silu(y: Float32Array, x: Float32Array): void;
  tanh(y: Float32Array, x: Float32Array): void;
  add(y: Float32Array, a: Float32Array, b: Float32Array): void;
  gatherRows(y: Float32Array, table: Float32Array, indices: Int32Array, H: number): void;
}

/** A backend whose tensors are freed together. */
export interface BackendScope extends Backend {
  /** Frees every tensor of this scope but `keep`, which passes to the backend that the scope was opened on. */
  release(keep?: Tensor): void;
}
