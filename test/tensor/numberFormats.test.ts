import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from "../../src/tensor/numberFormats.ts";

const numpy = JSON.parse(
  readFileSync(join(import.meta.dirname, "..", "safetensors", "reference", "number_formats.json"), "utf8"),
);
const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
const sha256 = (array: Float32Array | Uint16Array) =>
  createHash("sha256").update(new Uint8Array(array.buffer)).digest("hex");
const bits = (array: Float32Array) => new Uint32Array(array.buffer);

function decoded(decode: typeof decodeFloat16): Float32Array {
  const values = new Float32Array(65536);
  decode(values, patterns);
  return values;
}

function encoded(encode: typeof encodeFloat16, values: Float32Array): Uint16Array {
  const result = new Uint16Array(values.length);
  encode(result, values);
  return result;
}

/**
 * The pattern nearest to |value| among the positive ones, ties to even, by comparing distances in float64 (exact
 * between neighbours). `limit` stands where the next power of two would be, for infinity.
 */
function nearest(value: number, positive: Float32Array, limit: number): number {
  const at = (pattern: number) => (pattern < positive.length ? positive[pattern] : limit);
  let low = 0;
  for (let high = positive.length; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if (at(middle) <= value) low = middle;
    else high = middle;
  }
  if (value >= limit) return positive.length;
  const [down, up] = [value - at(low), at(low + 1) - value];
  return down < up || (down === up && low % 2 === 0) ? low : low + 1;
}

describe.each([
  { name: "float16", decode: decodeFloat16, encode: encodeFloat16, infinity: 0x7c00, limit: 65536, shift: 13 },
  { name: "bfloat16", decode: decodeBfloat16, encode: encodeBfloat16, infinity: 0x7f80, limit: 2 ** 128, shift: 16 },
])("$name", ({ decode, encode, infinity, limit, shift }) => {
  const values = decoded(decode);
  const positive = values.slice(0, infinity);

  test("every pattern decodes to sign · fraction · 2^exponent; NaN keeps sign and payload", () => {
    const fractionBits = 23 - shift;
    const bias = infinity === 0x7c00 ? 15 : 127;
    for (let pattern = 0; pattern < 65536; pattern++) {
      const sign = pattern & 0x8000 ? -1 : 1;
      const exponent = (pattern & infinity) >>> fractionBits;
      const fraction = (pattern & ((1 << fractionBits) - 1)) / 2 ** fractionBits;
      const magnitude = pattern & 0x7fff;
      if (magnitude > infinity) {
        expect(bits(values)[pattern]).toBe((((pattern & 0x8000) << 16) | 0x7f800000 | (magnitude << shift)) >>> 0);
      } else {
        const scale = Math.max(exponent, 1) - bias; // in two steps: 2^-149 has no single power to multiply by
        const want =
          sign *
          ((exponent > 0 ? 1 : 0) + fraction) *
          2 ** Math.trunc(scale / 2) *
          2 ** (scale - Math.trunc(scale / 2));
        expect(
          Object.is(values[pattern], magnitude === infinity ? sign * Number.POSITIVE_INFINITY : want),
          `${pattern}`,
        ).toBe(true);
      }
    }
  });

  test("every pattern survives decoding and encoding; a NaN stays one, of the same sign", () => {
    const back = encoded(encode, values);
    for (let pattern = 0; pattern < 65536; pattern++) {
      if ((pattern & 0x7fff) <= infinity) expect(back[pattern]).toBe(pattern);
      else expect((back[pattern] & 0x7fff) > infinity && (back[pattern] & 0x8000) === (pattern & 0x8000)).toBe(true);
    }
  });

  test("every NaN of float32 stays one, also where its payload is all in the bits that are cut", () => {
    const nans = new Float32Array(46);
    for (let i = 0; i < 23; i++) {
      bits(nans)[2 * i] = 0x7f800000 | (1 << i);
      bits(nans)[2 * i + 1] = 0xff800000 | (1 << i);
    }
    for (const pattern of encoded(encode, nans)) expect(pattern & 0x7fff).toBeGreaterThan(infinity);
  });

  test("rounds to the nearest, ties to even: the middle between all neighbours, and float32's neighbours of it", () => {
    const cases = new Float32Array(infinity * 3);
    for (let pattern = 0; pattern < infinity; pattern++) {
      const next = pattern + 1 < infinity ? positive[pattern + 1] : limit;
      cases[3 * pattern] = positive[pattern] / 2 + next / 2;
      bits(cases)[3 * pattern + 1] = bits(cases)[3 * pattern] + 1;
      bits(cases)[3 * pattern + 2] = Math.max(bits(cases)[3 * pattern] - 1, 0);
    }
    const got = encoded(encode, cases);
    for (let i = 0; i < cases.length; i++)
      if (got[i] !== nearest(cases[i], positive, limit)) expect.fail(`${cases[i]} became ${got[i]}`);
    const negative = encoded(
      encode,
      cases.map((x) => -x),
    );
    expect(negative).toEqual(got.map((pattern) => pattern | 0x8000));
  });

  test("rounds any float32 to the nearest, ties to even", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (x) => {
        const want = nearest(Math.abs(x), positive, limit) | (Object.is(Math.sign(x), -0) || x < 0 ? 0x8000 : 0);
        expect(encoded(encode, new Float32Array([x]))[0]).toBe(want);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("float16 as numpy converts it", () => {
  test("decoding", () => {
    const numbers = decoded(decodeFloat16).filter((x) => !Number.isNaN(x));
    expect(numbers.length).toBe(65536 - 2 * 1023);
    expect(sha256(numbers)).toBe(numpy.float16_decoded);
  });

  test("encoding around every middle", () => {
    const positive = decoded(decodeFloat16).slice(0, 0x7c00);
    const around = new Float32Array(6 * 0x7c00);
    positive.forEach((x, i) => {
      around[3 * i + 1] = (x + (positive[i + 1] ?? 65536)) / 2;
      bits(around)[3 * i] = bits(around)[3 * i + 1] - 1;
      bits(around)[3 * i + 2] = bits(around)[3 * i + 1] + 1;
    });
    for (let i = 0; i < 3 * 0x7c00; i++) around[3 * 0x7c00 + i] = -around[i];
    expect(sha256(around)).toBe(numpy.around); // the same question
    expect(sha256(encoded(encodeFloat16, around))).toBe(numpy.around_as_float16); // the same answer
  });
});
