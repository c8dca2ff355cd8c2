import { BertError, quote } from "../errors.ts";
import { isA } from "../realm.ts";
import { decodeBfloat16, decodeFloat16 } from "../tensor/numberFormats.ts";
import { DTYPE_BITS, type Dtype, type NumberArray } from "./dtype.ts";

/** The dtypes whose elements this library turns into numbers. The others are listed, and readable as bytes. */
export type DecodedDtype = Exclude<Dtype, "F4" | "C64" | `F6_${string}` | `F8_${string}`>;

type ArrayConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NumberArray;

/** For each, the array whose elements have its bits on a little-endian machine (16-bit floats: as patterns). */
const ARRAYS: Readonly<Record<DecodedDtype, ArrayConstructor>> = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
};

/** Typed arrays have the byte order of the machine; files are little-endian. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** @throws BertError ERR_CHECKPOINT if the dtype is one of those that are only listed */
export function expectDecoded(where: string, name: string, dtype: Dtype): asserts dtype is DecodedDtype {
  if (!Object.hasOwn(ARRAYS, dtype))
    throw new BertError(
      "ERR_CHECKPOINT",
      `${where}: tensor ${quote(name)} is ${dtype}, must be one of ${Object.keys(ARRAYS).join(", ")} to be read as numbers`,
    );
}

/** Reverses the bytes of every element of `width` bytes, in place: little-endian to big-endian and back. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  if (width === 1) return;
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
}

/**
 * The bytes of a tensor as elements. A view where the machine and the alignment allow it, else a copy.
 *
 * @param bytes little-endian, whole elements; not changed
 */
export function viewElements(
  dtype: DecodedDtype,
  bytes: Uint8Array,
  littleEndian: boolean = LITTLE_ENDIAN,
): NumberArray {
  const width = DTYPE_BITS[dtype] / 8;
  let own = bytes;
  if (!littleEndian || bytes.byteOffset % width !== 0) own = new Uint8Array(bytes); // a new buffer: aligned, and ours
  if (!littleEndian) swapBytes(own, width);
  return new ARRAYS[dtype](own.buffer, own.byteOffset, own.length / width);
}

/**
 * Elements to float32: exact from 16-bit floats and small integers, else to the nearest, ties to even (64-bit integers
 * by way of float64). BOOL gives 0 and 1, as its bytes do.
 */
export function toFloat32(target: Float32Array, dtype: DecodedDtype, elements: NumberArray): void {
  if (dtype === "F16") decodeFloat16(target, elements as Uint16Array);
  else if (dtype === "BF16") decodeBfloat16(target, elements as Uint16Array);
  else if (isA(elements, "BigInt64Array") || isA(elements, "BigUint64Array")) {
    for (let i = 0; i < elements.length; i++) target[i] = Number(elements[i]);
  } else target.set(elements);
}
