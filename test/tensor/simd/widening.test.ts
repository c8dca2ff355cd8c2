import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openSafetensors, randomAccess } from "../../../src/safetensors/safetensorsReader.ts";
import { writeSafetensors } from "../../../src/safetensors/safetensorsWriter.ts";
import { decodeHalves } from "../../../src/tensor/numberFormats.ts";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";

const TYPES = ["float16", "bfloat16"] as const;

/** The float32 bits of numbers: two NaNs with other bits are not equal. */
function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length).slice();
}

describe.each(TYPES)("%s", (dtype) => {
  const backend = createSimdBackend({ threads: 1 });

  /** Decodes numbers that lie in the second half of the room for the results, and looks at what lies beside them. */
  function inPlace(halves: Uint16Array): Uint32Array {
    const n = halves.length;
    const k = backend.scope();
    const { data } = k.zeros([n + 2]);
    data.fill(7);
    const target = data.subarray(1, n + 1);
    const source = new Uint16Array(target.buffer, target.byteOffset + 2 * n, n);
    source.set(halves);
    k.decodeHalves(target, source, dtype);
    expect([data[0], data[n + 1]]).toEqual([7, 7]);
    const bits = bitsOf(target);
    k.release();
    return bits;
  }

  function byDefinition(halves: Uint16Array): Uint32Array {
    const target = new Float32Array(halves.length);
    decodeHalves(target, halves, dtype);
    return bitsOf(target);
  }

  test("every number, NaN and its bits among them", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    expect(inPlace(all)).toEqual(byDefinition(all));
  });

  test("any number of them", () => {
    fc.assert(
      fc.property(fc.uint16Array({ maxLength: 40 }), (halves) => {
        expect(inPlace(halves)).toEqual(byDefinition(halves));
      }),
    );
  });
});

const DTYPES = [
  ["F16", "float16"],
  ["BF16", "bfloat16"],
] as const;

test.each(DTYPES)(
  "a file of %s is read by the decoder that is given, in pieces of 1 MiB, and in part",
  async (dtype, name) => {
    const halves = Uint16Array.from({ length: 700_001 }, (_, i) => (i * 40503) & 0xffff);
    const tensors = new Map([["x", { dtype, shape: [halves.length], data: new Uint8Array(halves.buffer) }]]);
    const file = await openSafetensors(randomAccess(writeSafetensors(tensors), "x.safetensors"));
    const wanted = new Float32Array(halves.length);
    decodeHalves(wanted, halves, name);
    const backend = createSimdBackend({ threads: 1 });
    const calls: number[] = [];
    const decoder = Promise.resolve({
      decodeHalves: (target: Float32Array, source: Uint16Array, type: typeof name) => {
        calls.push(source.length);
        backend.decodeHalves(target, source, type);
      },
    });
    const { data } = backend.empty([halves.length]);
    await file.readInto("x", data, decoder);
    expect(bitsOf(data)).toEqual(bitsOf(wanted));
    expect(calls).toEqual([524_288, 175_713]);
    const part = backend.empty([1001]).data;
    await file.readPart?.("x", part, 600_000, decoder);
    expect(bitsOf(part)).toEqual(bitsOf(wanted.subarray(600_000, 601_001)));
    expect(calls.at(-1)).toBe(1001);
  },
);
