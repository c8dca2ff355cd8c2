/**
 * LEB128, WebAssembly's variable-length integers: 7 bits a byte, the lowest first, the high bit set on all but the last
 * (WebAssembly 3.0, §5.2.2).
 */

/** @param value an integer from 0 to 2³² − 1 */
export function unsignedLeb128(value: number): number[] {
  const bytes: number[] = [];
  pushUnsignedLeb128(bytes, value);
  return bytes;
}

/** Appends to bytes. @param value an integer from 0 to 2³² − 1 */
export function pushUnsignedLeb128(bytes: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
}

/** @param value an integer from −2³¹ to 2³¹ − 1 */
export function signedLeb128(value: number): number[] {
  const bytes = [];
  let rest = value;
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 127) | 128);
    rest >>= 7;
  }
  bytes.push(rest & 127); // bit 6 is the sign of all that is not written
  return bytes;
}
