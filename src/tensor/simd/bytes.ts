import { isA } from "../../realm.ts";

/** Bytes in an array of numbers or an array of bytes. */
export type Bytes = ArrayLike<number>;

/** The little-endian bytes of numbers, on any machine. */
export function bytesOf(numbers: Float32Array | Float64Array | Int32Array): number[] {
  const view = new DataView(new ArrayBuffer(numbers.byteLength));
  const [single, double] = [isA(numbers, "Float32Array"), isA(numbers, "Float64Array")];
  for (const [i, value] of numbers.entries()) {
    if (single) view.setFloat32(4 * i, value, true);
    else if (double) view.setFloat64(8 * i, value, true);
    else view.setInt32(4 * i, value, true);
  }
  return Array.from(new Uint8Array(view.buffer));
}

/** One after the other. (20 KB of functions, spread into arrays one within another, took 7 ms in a fresh process.) */
export function concatenate(parts: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
