import { expect, test } from "vitest";
import { threefry2x32 } from "../../src/tensor/threefry.ts";

/** The known answers of Random123 1.14 (tests/kat_vectors) for Threefry-2x32 with 13 rounds: counter, key, words. */
const KNOWN: readonly (readonly number[])[] = [
  [0, 0, 0, 0, 0x9d1c5ec6, 0x8bd50731],
  [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xfd36d048, 0x2d17272c],
  [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xba3e4725, 0xf27d669e],
];

test.each(KNOWN)("threefry2x32 of counter %i %i and key %i %i", (c0, c1, k0, k1, ...want) => {
  const words = new Uint32Array(2);
  threefry2x32(words, c0, c1, k0, k1);
  expect(Array.from(words)).toEqual(want);
});
