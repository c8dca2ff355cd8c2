import { BertError } from "../errors.ts";

/**
 * Dense, row-major numbers: element [i, j, k] of shape [I, J, K] is `data[(i·J + j)·K + k]`. Never a view with strides.
 */
export interface Tensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  /** Always absent: a matrix that has a `dtype` is stored in another way, and nothing takes it for a tensor. */
  readonly dtype?: never;
}

/**
 * How the numbers of a model's matrices, embeddings among them, are held. Vectors, and what is computed, are float32.
 * docs/storage-types.md says what each costs and loses.
 */
export type StorageType = "float32" | "float16" | "bfloat16" | "int8";

/** A matrix [O, I] of float32 numbers in a backend's own order, which `packWeight` has put them into. */
export interface PackedWeight {
  readonly dtype: "float32";
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** A matrix [O, I] in half precision: numbers of 16 bits, as bit patterns (numberFormats.ts). */
export interface HalfWeight {
  readonly dtype: "float16" | "bfloat16";
  /** In rows, or in the backend's own order. */
  readonly data: Uint16Array;
  readonly shape: readonly number[];
}

/** A quantized matrix [O, I]: integers q of 8 bits and a scale for each row. Element [o, i] is q[o, i] · scale[o]. */
export interface Int8Weight {
  readonly dtype: "int8";
  /** In rows, or in the backend's own order. */
  readonly data: Int8Array;
  /** [O] */
  readonly scale: Float32Array;
  readonly shape: readonly number[];
}

/** A matrix in reduced precision: it takes half the memory of a `Tensor`, or a quarter. */
export type ReducedWeight = HalfWeight | Int8Weight;

/** A matrix that is stored in another way than a `Tensor`; `dtype` says how. */
export type StoredWeight = PackedWeight | ReducedWeight;

/** A matrix that `linear` multiplies by or that rows are looked up in. A `Tensor` is the one without a `dtype`. */
export type Weight = Tensor | StoredWeight;

/**
 * A window on a Float32Array, the operand of the matrix kernels: element [r, c] is `data[offset + r·stride + c]`.
 * Attention head a is columns [a·D, (a+1)·D) of a [T, H] tensor: a window, so nothing is transposed or copied.
 */
export interface Matrix {
  readonly data: Float32Array;
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
  readonly stride: number;
}

/** The number of elements of a shape; 1 for the shape [] of a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** `[2,5,768]`, as error messages print a shape. */
export function formatShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(",")}]`;
}

/**
 * Checks a tensor at the border of a layer.
 *
 * @param where    the function that was called, for the message
 * @param name     the argument's name, for the message
 * @param expected the sizes by letter, in order, such as `{ R: 5, H: 768 }`
 * @throws BertError ERR_SHAPE `linear: x must be [R,I] = [5,768], got [5,12]`
 */
export function expectShape(where: string, name: string, tensor: Tensor, expected: Record<string, number>): void {
  const sizes = Object.values(expected);
  const { shape, data } = tensor;
  if (shape.length === sizes.length && shape.every((n, i) => n === sizes[i]) && data.length === sizeOf(sizes)) return;
  throw new BertError(
    "ERR_SHAPE",
    `${where}: ${name} must be ${formatShape(Object.keys(expected))} = ${formatShape(sizes)}, got ${formatShape(shape)}` +
      (data.length === sizeOf(shape) ? "" : ` with ${data.length} numbers`),
  );
}
