import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DTYPE_BITS, type Dtype, type NumberArray } from "../../src/safetensors/dtype.ts";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../src/safetensors/index.ts";
import { decodeBfloat16 } from "../../src/tensor/numberFormats.ts";

const official = (name: string) => readFileSync(join(import.meta.dirname, "reference", name));
const headerOf = (file: Uint8Array) =>
  new TextDecoder().decode(file.subarray(8, 8 + Number(new DataView(file.buffer).getBigUint64(0, true))));

describe("the official library's bytes", () => {
  test.each([
    "every_dtype.safetensors",
    "empty.safetensors",
    "numbers.float16.safetensors",
    "numbers.float32.safetensors",
  ])("%s, from its tensors in reverse order", (name) => {
    const want = official(name);
    const file = readSafetensors(want);
    const tensors = [...file.tensors.values()]
      .reverse()
      .map((t): [string, TensorToWrite] => [t.name, { dtype: t.dtype, shape: t.shape, data: file.bytes(t.name) }]);
    expect(Buffer.compare(writeSafetensors(tensors, file.metadata), want)).toBe(0);
  });

  test("the official file has what the order is about", () => {
    const names = [...readSafetensors(official("every_dtype.safetensors")).tensors.keys()];
    expect(names.length).toBe(40);
    const astral = names.findIndex((name) => name.startsWith("f\u{10000}"));
    const below = names.findIndex((name) => name.startsWith("f\uffee"));
    expect(below).toBeGreaterThanOrEqual(0);
    expect(astral).toBeGreaterThan(below); // by code point; JavaScript's own order is the other
    expect([...names].sort()).not.toEqual(names);
  });

  test("the checkpoint in weights/", () => {
    const want = readFileSync(join(import.meta.dirname, "..", "..", "weights", "model.safetensors"));
    const file = readSafetensors(want);
    const tensors = [...file.tensors.values()].map((t): [string, TensorToWrite] => [
      t.name,
      { dtype: t.dtype, shape: t.shape, data: file.bytes(t.name) },
    ]);
    expect(Buffer.compare(writeSafetensors(tensors, file.metadata), want)).toBe(0);
  });
});

test("the layout, byte by byte", () => {
  const file = writeSafetensors(
    [
      ["b", { shape: [], data: new Float32Array([1]) }],
      ["a", { shape: [2], data: new Float32Array([2, -0]) }],
      ["c", { shape: [1], data: new BigInt64Array([-2n]) }],
    ],
    [["k", "v"]],
  );
  const json =
    '{"__metadata__":{"k":"v"},"c":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
    '"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"b":{"dtype":"F32","shape":[],"data_offsets":[16,20]}}';
  expect(headerOf(file)).toBe(json.padEnd(192));
  expect(Buffer.from(file.subarray(8 + 192)).toString("hex")).toBe(
    "feffffffffffffff" + "00000040" + "00000080" + "0000803f",
  );
});

describe("dtypes", () => {
  test.each<[Dtype, NumberArray]>([
    ["U8", new Uint8Array([1, 255])],
    ["I8", new Int8Array([-1, 127])],
    ["I16", new Int16Array([-1, 2])],
    ["U16", new Uint16Array([1, 65535])],
    ["I32", new Int32Array([-1, 2])],
    ["U32", new Uint32Array([1, 2 ** 32 - 1])],
    ["F32", new Float32Array([0.1, Number.NaN])],
    ["F64", new Float64Array([0.1, Number.NEGATIVE_INFINITY])],
    ["I64", new BigInt64Array([-(2n ** 63n), 1n])],
    ["U64", new BigUint64Array([2n ** 64n - 1n, 1n])],
  ])("%s from the array's own type", (dtype, data) => {
    const file = readSafetensors(writeSafetensors([["x", { shape: [2], data }]]));
    expect(file.tensors.get("x")!.dtype).toBe(dtype);
    expect(file.toTypedArray("x")).toEqual(data);
  });

  test("F16 and BF16 from a Float32Array longer than one piece, rounded", () => {
    const length = (1 << 19) + 3;
    const data = Float32Array.from({ length }, (_, i) => Math.fround(i / 7));
    const half = readSafetensors(writeSafetensors([["x", { dtype: "F16", shape: [length], data }]])).toFloat32("x");
    const brain = readSafetensors(writeSafetensors([["x", { dtype: "BF16", shape: [length], data }]])).toFloat32("x");
    for (let i = 0; i < length; i++) {
      if (data[i] < 65504 && Math.abs(half[i] - data[i]) > data[i] * 2 ** -11)
        expect.fail(`F16 ${data[i]} → ${half[i]}`);
      if (Math.abs(brain[i] - data[i]) > data[i] * 2 ** -8) expect.fail(`BF16 ${data[i]} → ${brain[i]}`);
    }
    const exact = new Float32Array(3);
    decodeBfloat16(exact, new Uint16Array([0x3f80, 0x4049, 0xc000]));
    const again = readSafetensors(writeSafetensors([["x", { dtype: "BF16", shape: [3], data: exact }]]));
    expect(again.toFloat32("x")).toEqual(exact);
  });

  test("a function is asked for its elements once, in the order of the file", () => {
    const asked: string[] = [];
    const lazy = (name: string): [string, TensorToWrite] => {
      const data = () => {
        asked.push(name);
        return new Float32Array([1, 2]);
      };
      return [name, { dtype: "F32", shape: [2], data }];
    };
    const file = writeSafetensors([lazy("b"), lazy("a")]);
    expect(asked).toEqual(["a", "b"]);
    expect(readSafetensors(file).toFloat32("b")).toEqual(new Float32Array([1, 2]));
  });
});

describe("refuses", () => {
  const one = new Float32Array(1);
  const write =
    (name: unknown, tensor: unknown, metadata: unknown = []) =>
    () =>
      writeSafetensors([[name as string, tensor as TensorToWrite]], metadata as [string, string][]);

  test.each<[string, () => unknown, RegExp]>([
    [
      "the name __metadata__",
      write("__metadata__", { shape: [1], data: one }),
      /tensor "__metadata__": this name is the format's own/,
    ],
    ["a lone surrogate in a name", write("\ud800", { shape: [1], data: one }), /without lone surrogates/],
    ["a name that is no string", write(3, { shape: [1], data: one }), /tensor "3": a name must be a string/],
    [
      "data shorter than the shape",
      write("x", { shape: [2], data: one }),
      /tensor "x": shape and dtype take 8 bytes, data give 4/,
    ],
    ["data longer than the shape", write("x", { shape: [0], data: one }), /take 0 bytes, data give 4/],
    [
      "bytes of another length",
      write("x", { dtype: "F16", shape: [2], data: new Uint8Array(3) }),
      /take 4 bytes, data give 3/,
    ],
    [
      "rounded data of another length",
      write("x", { dtype: "F16", shape: [2], data: one }),
      /take 4 bytes, data give 2/,
    ],
    [
      "a dtype the format lacks",
      write("x", { dtype: "Q4", shape: [1], data: one }),
      /dtype "Q4" is not one of the format/,
    ],
    [
      "a dtype named as a property",
      write("x", { dtype: "toString", shape: [1], data: one }),
      /dtype "toString" is not one/,
    ],
    [
      "an array of another type",
      write("x", { dtype: "I32", shape: [1], data: one }),
      /I32 cannot be written from a Float32Array/,
    ],
    ["half a byte", write("x", { dtype: "F4", shape: [3], data: new Uint8Array(2) }), /does not end at a whole byte/],
    ["a negative size", write("x", { shape: [-1], data: one }), /shape must be an array of whole numbers, got \[-1\]/],
    ["a fraction", write("x", { shape: [0.5], data: one }), /got \[0\.5\]/],
    ["no shape", write("x", { data: one }), /shape must be an array of whole numbers, got undefined/],
    ["an overflow", write("x", { shape: [2 ** 40, 2 ** 40], data: one }), /has 2\^64 elements or more/],
    ["a plain array", write("x", { shape: [1], data: [1] }), /data must be a typed array of numbers/],
    ["no data", write("x", { shape: [1] }), /data must be a typed array of numbers/],
    [
      "a function without dtype",
      write("x", { shape: [1], data: () => one }),
      /data is a function, so dtype must be given/,
    ],
    [
      "a function that gives too much",
      write("x", { dtype: "F32", shape: [2], data: () => one }),
      /take 8 bytes, data give 4/,
    ],
    [
      "a function that gives nothing",
      write("x", { dtype: "F32", shape: [2], data: () => undefined }),
      /must be a typed array/,
    ],
    [
      "metadata that is no string",
      write("x", { shape: [1], data: one }, [["k", 1]]),
      /metadata "k": key and value must be strings/,
    ],
    ["a lone surrogate in metadata", write("x", { shape: [1], data: one }, [["k", "\udfff"]]), /metadata "k"/],
    [
      "a metadata key twice",
      write("x", { shape: [1], data: one }, [
        ["k", "1"],
        ["k", "1"],
      ]),
      /metadata "k": given twice/,
    ],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringMatching(message) }));
  });

  test("a name given twice", () => {
    const tensor = { shape: [1], data: one };
    expect(() =>
      writeSafetensors([
        ["x", tensor],
        ["x", tensor],
      ]),
    ).toThrow(/tensor "x": given twice/);
  });
});

describe("round trip", () => {
  const name = fc
    .oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme", maxLength: 5 }),
      fc.constantFrom("", "__proto__", "constructor", "toString", "\u0000", "\ud7ff", "\ue000", "\u{10ffff}", '"\\/'),
    )
    .filter((text) => text !== "__metadata__");
  const dtypes = Object.keys(DTYPE_BITS) as Dtype[];
  const tensor = fc
    .record({
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
      seed: fc.nat({ max: 255 }),
    })
    .filter(({ dtype, shape }) => (shape.reduce((p, n) => p * n, 1) * DTYPE_BITS[dtype]) % 8 === 0)
    .map(({ dtype, shape, seed }) => {
      const length = (shape.reduce((p, n) => p * n, 1) * DTYPE_BITS[dtype]) / 8;
      return { dtype, shape, data: Uint8Array.from({ length }, (_, i) => (seed + i * 37) & 255) };
    });
  const file = fc.record({
    tensors: fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 12 }),
    metadata: fc.uniqueArray(fc.tuple(name, fc.string({ unit: "binary" })), { selector: ([key]) => key, maxLength: 4 }),
  });

  test("what was written is read: names, dtypes, shapes, bytes, metadata in its order", () => {
    fc.assert(
      fc.property(file, ({ tensors, metadata }) => {
        const bytes = writeSafetensors(tensors, metadata);
        const read = readSafetensors(bytes);
        expect([...read.metadata]).toEqual(metadata);
        expect(new Set(read.tensors.keys())).toEqual(new Set(tensors.map(([key]) => key)));
        for (const [key, { dtype, shape, data }] of tensors) {
          const entry = read.tensors.get(key)!;
          expect([entry.name, entry.dtype, entry.shape, entry.byteLength]).toEqual([key, dtype, shape, data.length]);
          expect(read.bytes(key)).toEqual(data);
        }
        const again = [...read.tensors.values()].map((t): [string, TensorToWrite] => [
          t.name,
          { dtype: t.dtype, shape: t.shape, data: read.bytes(t.name) },
        ]);
        expect(writeSafetensors(again, read.metadata)).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test("names sort by code point", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ unit: "binary", maxLength: 3 }), { minLength: 2, maxLength: 20 }),
        (names) => {
          const tensors = names.map((key): [string, TensorToWrite] => [key, { shape: [], data: new Uint8Array(1) }]);
          const order = [...readSafetensors(writeSafetensors(tensors)).tensors.keys()];
          expect(order).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
