import type { gelu, geluNew, relu, silu, tanh } from "./kernels/activations.ts";
import type { attention } from "./kernels/attention.ts";
import type { layerNorm } from "./kernels/layerNorm.ts";
import type { linear, matmul, matmulTransposed } from "./kernels/matmul.ts";
import type { activate } from "./kernels/otherActivations.ts";
import type { add, gatherRows } from "./kernels/rows.ts";
import type { softmaxRows } from "./kernels/softmax.ts";
import type { gatherStored, linearStored } from "./kernels/storedWeights.ts";
import type { HalfWeight, PackedWeight, ReducedWeight, Tensor, Weight } from "./tensor.ts";

/** Which backend computes, and why. */
export interface BackendInfo {
  readonly name: "plain" | "simd";
  /** Bits of a vector: 128 or 256; 64 for `plain`, which computes one float64 number at a time. */
  readonly width: number;
  /** Whether products are added with one rounding (fused multiply-add) or two. */
  readonly fused: boolean;
  readonly threads: number;
  /** Why this backend was chosen, and why faster ones were not. */
  readonly reason: string;
}

/** A backend's tensors and threads for one thread more, which computes on them too. */
export interface Sharing {
  /** The folder with the files of workers, where they are not where the package has them. */
  readonly assets: string | URL | undefined;
  /** The backend as a message: `postMessage` can carry it to the thread, which opens it there. */
  message(): unknown;
  /** The thread that opened the message has ended: what it had of this backend is free again. */
  forget(): void;
  /** No worker can be started: from now on the caller's thread computes alone, and `info.reason` says why. */
  giveUp(reason: string): void;
}

/**
 * The kernels that the layers are written in. A backend is a value that is passed in, never a global, so that one
 * process can run two and compare them. `plain` (kernels/index.ts) is the definition: ordinary loops, the same bits on
 * every machine. The doc comment of each kernel stands with its definition.
 *
 * Kernels take outputs first, allocate nothing that lasts and check nothing: layers check shapes at their border.
 */
export interface Backend {
  readonly info: BackendInfo;
  /** A tensor of zeros in memory that this backend's kernels can work on. Every tensor comes from here. */
  zeros(shape: readonly number[]): Tensor;
  /**
   * A tensor that holds any numbers, in memory that this backend's kernels can work on: for what a kernel writes as a
   * whole.
   */
  empty(shape: readonly number[]): Tensor;
  /** Frees a tensor of this scope before the others; nothing happens if it is of another. */
  free(tensor: Tensor): void;
  /**
   * This backend for work whose tensors are not needed for long: `release` frees them together. Several scopes may be
   * open at the same time, beside each other and within each other.
   */
  scope(): BackendScope;
  /**
   * Puts the numbers of a weight [O, I] of `linear` into the order that suits the kernels, in place.
   *
   * @returns the weight to use from then on, on the same memory: packed, or the tensor itself where the backend packs
   *   none
   */
  packWeight(weight: Tensor): Tensor | PackedWeight;
  /**
   * Decodes numbers of 16 bits, exactly (numberFormats.ts).
   *
   * @param target out [n], from this backend
   * @param source [n], on the same memory; it may be the second half of target's
   */
  decodeHalves(target: Float32Array, source: Uint16Array, dtype: HalfWeight["dtype"]): void;
  /** Whether no number is NaN or infinite. */
  allFinite(data: Float32Array): boolean;
  /** The numbers of a weight [O, I] row by row, in float32: those of a tensor itself, or a copy. */
  unpackWeight(weight: Weight): Float32Array;
  /**
   * Room for a weight [O, I] in reduced precision, in the order that suits the kernels; `encodeRows` fills it.
   *
   * @throws BertError ERR_BACKEND the backend was made for another type, or there is no room
   */
  emptyStored(dtype: ReducedWeight["dtype"], shape: readonly number[]): ReducedWeight;
  /**
   * Rounds rows of float32 numbers (`encodeWeight`, storage.ts) to rows `row`, `row + 1`, … of a weight from
   * `emptyStored`. Kernels take 16 rows at a time: `row` must be a multiple of 16, and so must their number, unless
   * they are the last ones.
   *
   * @param data  [rows, I], of this backend
   * @param scale for int8, the scale of each row: `data` are integers then, which are kept
   * @returns whether the type can hold every number: all are finite, before they are rounded and after
   */
  encodeRows(weight: ReducedWeight, row: number, data: Float32Array, scale?: Float32Array | null): boolean;
  /** A weight from `emptyStored` in row-major order: itself or a copy. */
  rowsOf(weight: ReducedWeight): ReducedWeight;

  /**
   * What another thread needs to compute on this backend's tensors; null where threads cannot share them.
   *
   * @internal
   */
  readonly sharing: Sharing | null;
  /** Ends this backend's threads. It still computes, on the caller's thread. */
  dispose(): Promise<void>;

  readonly linear: typeof linear;
  readonly linearStored: typeof linearStored;
  readonly matmul: typeof matmul;
  readonly matmulTransposed: typeof matmulTransposed;
  readonly softmaxRows: typeof softmaxRows;
  readonly attention: typeof attention;
  readonly layerNorm: typeof layerNorm;
  readonly gelu: typeof gelu;
  readonly geluNew: typeof geluNew;
  readonly relu: typeof relu;
  readonly silu: typeof silu;
  readonly tanh: typeof tanh;
  readonly activate: typeof activate;
  readonly add: typeof add;
  readonly gatherRows: typeof gatherRows;
  readonly gatherStored: typeof gatherStored;
}

/** A backend whose tensors are freed together. */
export interface BackendScope extends Backend {
  /** Frees every tensor of this scope but those of `keep`, which pass to the backend that the scope was opened on. */
  release(...keep: readonly Tensor[]): void;
}
