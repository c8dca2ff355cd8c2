import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBfloat16, decodeFloat16 } from "../../src/tensor/numberFormats.ts";
import { copyRows, decodeWeight, emptyRows, encodeWeight, someRows } from "../../src/tensor/storage.ts";
import type { Int8Weight, ReducedWeight } from "../../src/tensor/tensor.ts";
import { numbers } from "./kernels/cases.ts";

const TYPES = ["float16", "bfloat16", "int8"] as const;

function decoded(weight: ReducedWeight): Float32Array {
  const target = new Float32Array(weight.data.length);
  decodeWeight(target, weight);
  return target;
}

describe("int8", () => {
  test("by hand: the largest of a row is ±127, ties go to the even integer", () => {
    const scale = 2 ** -4;
    const row = [127, -127, 0.5, 1.5, 2.5, -0.5, -1.5, 3.49, 0].map((q) => q * scale);
    const held = encodeWeight("int8", Float32Array.from(row), [1, 9]) as Int8Weight;
    expect(held.scale).toEqual(Float32Array.of(scale));
    expect(held.data).toEqual(Int8Array.of(127, -127, 0, 2, 2, 0, -2, 3, 0));
    expect(decoded(held)).toEqual(Float32Array.from([127, -127, 0, 2, 2, 0, -2, 3, 0], (q) => q * scale));
  });

  test("each row has a scale of its own; one of zeros, or of almost nothing, has 1", () => {
    const held = encodeWeight("int8", Float32Array.of(254, -1, 0, 0, 2 ** -149, 0, 2 ** -120, -(2 ** -120)), [4, 2]);
    expect((held as Int8Weight).scale).toEqual(Float32Array.of(2, 1, 1, 1));
    expect(held.data).toEqual(Int8Array.of(127, 0, 0, 0, 0, 0, 0, 0));
  });

  test("no number is further than half a step away, and a row and its negative are held alike", () => {
    const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e37), max: Math.fround(1e37) });
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 40 }), (values) => {
        const row = Float32Array.from(values);
        const held = encodeWeight("int8", row, [1, row.length]) as Int8Weight;
        const [scale] = held.scale;
        for (const [i, value] of row.entries()) {
          expect(Math.abs(held.data[i])).toBeLessThanOrEqual(127);
          expect(Math.abs(value - held.data[i] * scale)).toBeLessThanOrEqual(scale * (0.5 + 2 ** -16));
        }
        const negative = encodeWeight("int8", row.map((value) => -value), [1, row.length]); // biome-ignore format: one line
        expect(Array.from(negative.data, (q) => 0 - q)).toEqual(Array.from(held.data));
      }),
    );
  });

  test("NaN and infinities make the scale of their row the same", () => {
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const held = encodeWeight(
      "int8",
      Float32Array.from([...bad.flatMap((value) => [1, value]), 1, 2]),
      [4, 2],
    ) as Int8Weight;
    expect(Array.from(held.scale, Number.isFinite)).toEqual([false, false, false, true]);
  });
});

test.each([
  ["float16", decodeFloat16, [0x3c00, 0x0001, 0x8400, 0x7bff]],
  ["bfloat16", decodeBfloat16, [0x3f80, 0x0001, 0x8080, 0x7f7f]],
] as const)("%s holds what it can and rounds the rest", (dtype, decode, patterns) => {
  const values = new Float32Array(4);
  decode(values, Uint16Array.from(patterns));
  const held = encodeWeight(dtype, values, [2, 2]);
  expect(held).toEqual({ dtype, data: Uint16Array.from(patterns), shape: [2, 2] });
  expect(decoded(held)).toEqual(values);
});

test.each(TYPES)("%s: rows are cut out and put back", (dtype) => {
  const whole = encodeWeight(dtype, numbers(7 * 5, 1), [7, 5]);
  const copy = emptyRows(dtype, [7, 5]);
  for (const [from, to] of [
    [0, 2],
    [2, 3],
    [3, 7],
  ]) {
    const rows = someRows(whole, from, to);
    expect(rows.shape).toEqual([to - from, 5]);
    expect(decoded(rows)).toEqual(decoded(whole).slice(from * 5, to * 5));
    copyRows(copy, from, rows);
  }
  expect(copy).toEqual(whole);
});
