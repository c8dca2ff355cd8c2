/**
 * Every dtype of the safetensors format with its bits per element, in the order of the official library's `Dtype`
 * (safetensors 0.8.0, `tensor.rs`). The order matters: files are written with the last dtype first.
 */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** The type of a tensor's elements, as the file spells it. */
export type Dtype = keyof typeof DTYPE_BITS;

/** The array types that hold the elements of the dtypes this library decodes. */
export type NumberArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** Whether `name` is a dtype of the format. Case counts: `f32` is not one. */
export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(DTYPE_BITS, name);
}

/**
 * The bytes that a tensor takes, or a sentence that says why there is no such number: a product beyond 64 bits, even
 * before a dimension of 0, or an end within a byte. Exact, as the official library's checked arithmetic is.
 */
export function byteLengthOf(dtype: Dtype, shape: readonly number[]): number | string {
  const limit = 2n ** 64n;
  let elements = 1n;
  for (const n of shape) {
    elements *= BigInt(n);
    if (elements >= limit) return "has 2^64 elements or more";
  }
  const bits = elements * BigInt(DTYPE_BITS[dtype]);
  if (bits >= limit) return "takes 2^64 bits or more";
  if (bits % 8n !== 0n) return "does not end at a whole byte";
  return Number(bits / 8n); // inexact only beyond 2^53 bytes, and no file is that long
}
