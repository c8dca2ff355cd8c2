import { describe, expect, test } from "vitest";
import { ModuleBuilder } from "../../../src/tensor/simd/assembler.ts";
import type { FunctionBuilder, Signature } from "../../../src/tensor/simd/functionBuilder.ts";
import { signedLeb128, unsignedLeb128 } from "../../../src/tensor/simd/leb128.ts";
import { INSTRUCTIONS, MEMORY_INSTRUCTIONS } from "../../../src/tensor/simd/opcodes.ts";

const LIMITS = { initial: 1, maximum: 1, shared: false };
type Exports = Record<string, (...args: number[]) => number>;

function build(signature: Signature, body: (f: FunctionBuilder) => void): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder(LIMITS);
  m.function("f", signature, body);
  return m.toBytes();
}

function instantiate(bytes: Uint8Array<ArrayBuffer>, memory = new WebAssembly.Memory(LIMITS)): Exports {
  expect(WebAssembly.validate(bytes)).toBe(true);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports as Exports;
}

/** Examples of the DWARF 4 standard, figures 22 and 23, and the ends of the ranges. */
describe("LEB128", () => {
  test.each([
    [0, [0]],
    [2, [2]],
    [127, [127]],
    [128, [0x80, 1]],
    [129, [0x81, 1]],
    [12857, [0xb9, 0x64]],
    [2 ** 32 - 1, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])("unsigned %i", (value, bytes) => expect(unsignedLeb128(value)).toEqual(bytes));

  test.each([
    [2, [2]],
    [-2, [0x7e]],
    [63, [0x3f]],
    [64, [0xc0, 0]],
    [-64, [0x40]],
    [127, [0xff, 0]],
    [-127, [0x81, 0x7f]],
    [128, [0x80, 1]],
    [-129, [0xff, 0x7e]],
    [2 ** 31 - 1, [0xff, 0xff, 0xff, 0xff, 0x07]],
    [-(2 ** 31), [0x80, 0x80, 0x80, 0x80, 0x78]],
  ])("signed %i", (value, bytes) => expect(signedLeb128(value)).toEqual(bytes));
});

describe("modules that run", () => {
  test("the smallest one, byte by byte", () => {
    const bytes = build({ params: { a: "i32" }, result: "i32" }, (f) => f.get("a"));
    // biome-ignore format: one section a line
    expect(Array.from(bytes)).toEqual([
      0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f,
      2, 16, 1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 1, 1, 1,
      3, 2, 1, 0,
      7, 5, 1, 1, 0x66, 0, 0,
      10, 6, 1, 4, 0, 0x20, 0, 0x0b,
    ]);
  });

  test("a loop with locals: the sum of 1 … n", () => {
    const { f } = instantiate(
      build({ params: { n: "i32" }, result: "i32" }, (f) => {
        f.local("i32", "sum").loop((again) => {
          f.get("sum").get("n").op("i32.add").set("sum");
          f.get("n").i32(1).op("i32.sub").tee("n").brIf(again);
        });
        f.get("sum");
      }),
    );
    expect(f(100)).toBe(5050);
  });

  test("a block is left, an if has two branches, also within each other", () => {
    const { f } = instantiate(
      build({ params: { x: "i32" }, result: "i32" }, (f) => {
        f.local("i32", "y").block((outer) => {
          f.get("x").i32(10).op("i32.eq");
          f.if(
            () => void f.i32(1).set("y"),
            () => {
              f.i32(-2).set("y").get("x").brIf(outer); // from two blocks down
              f.i32(3).set("y");
            },
          );
        });
        f.get("y");
      }),
    );
    expect([10, 7, 0].map((x) => f(x))).toEqual([1, -2, 3]);
  });

  test("two functions", () => {
    const m = new ModuleBuilder(LIMITS);
    m.function("half", { params: { x: "f32" }, result: "f32" }, (f) => f.get("x").f32(0.5).op("f32.mul"));
    m.function("next", { params: { n: "i32" }, result: "i32" }, (f) => f.get("n").i32(1).op("i32.add"));
    const { half, next } = instantiate(m.toBytes());
    expect([half(5), next(5)]).toEqual([2.5, 6]);
  });

  test("vectors: load, constants, shuffle, lanes, store, with offsets of more than one LEB128 byte", () => {
    const memory = new WebAssembly.Memory(LIMITS);
    const { f } = instantiate(
      build({ params: { at: "i32" }, result: "f32" }, (f) => {
        f.local("v128", "v").get("at").memory("v128.load", 400).f32x4(0.5).op("f32x4.add").tee("v");
        f.get("v").shuffle(3, 2, 5, 4).set("v");
        f.get("at").get("v").memory("v128.store", 800);
        f.get("at").get("at").memory("v128.load32_splat", 404).memory("v128.store", 816);
        f.get("at").splat(-7, "i32").memory("v128.store", 832);
        f.get("v").lane(1);
      }),
      memory,
    );
    const floats = new Float32Array(memory.buffer);
    floats.set([1, 2, 3, 4], 101);
    floats.set([1, 2, 3, 4], 101);
    expect(f(4)).toBe(3.5);
    expect(Array.from(floats.subarray(201, 209))).toEqual([4.5, 3.5, 2.5, 1.5, 2, 2, 2, 2]);
    expect(Array.from(new Int32Array(memory.buffer, 836, 4))).toEqual([-7, -7, -7, -7]);
  });

  test("integer vectors: shifts, exclusive or, and not, comparisons without a sign", () => {
    const memory = new WebAssembly.Memory(LIMITS);
    const { f } = instantiate(
      build({ params: { at: "i32" } }, (f) => {
        f.local("v128", "v").lanes(1, -1, 0x40000000, 6).set("v");
        const vectors = [
          () => f.get("v").i32(1).op("i32x4.shr_u"),
          () => f.get("v").lanes(3, 3, 3, 3).op("v128.xor"),
          () => f.get("v").lanes(4, 5, 6, 7).op("v128.andnot"),
          () => f.get("v").lanes(0, 0x7fffffff, -1, 6).op("i32x4.gt_u"),
        ];
        for (const [i, emit] of vectors.entries()) {
          f.get("at");
          emit();
          f.memory("v128.store", 16 * i);
        }
      }),
      memory,
    );
    f(16);
    expect(Array.from(new Int32Array(memory.buffer, 16, 16))).toEqual([
      ...[0, 0x7fffffff, 0x20000000, 3],
      ...[2, -4, 0x40000003, 5],
      ...[1, -6, 0x40000000, 0],
      ...[-1, -1, 0, 0],
    ]);
  });

  test("a shared memory", () => {
    const limits = { initial: 1, maximum: 300, shared: true };
    const m = new ModuleBuilder(limits);
    m.function("f", { params: { at: "i32", v: "f32" } }, (f) => f.get("at").get("v").memory("f32.store"));
    const memory = new WebAssembly.Memory(limits);
    instantiate(m.toBytes(), memory).f(8, 1.5);
    expect(new Float32Array(memory.buffer)[2]).toBe(1.5);
  });
});

/** With operands of the stated types every row must validate, and its result must be of the stated type. */
describe("every instruction of the tables", () => {
  const types = { i: "i32", f: "f32", d: "f64", v: "v128" } as const;
  const signatureOf = (takes: string, leaves: string): Signature => ({
    params: Object.fromEntries([...takes].map((letter, i) => [`p${i}`, types[letter as "i"]])),
    ...(leaves && { result: types[leaves as "i"] }),
  });

  test.each(Object.entries(INSTRUCTIONS))("%s", (name, [, takes, leaves]) => {
    const bytes = build(signatureOf(takes, leaves), (f) => {
      [...takes].forEach((_, i) => void f.get(`p${i}`));
      f.op(name as keyof typeof INSTRUCTIONS);
    });
    const relaxed = name.includes("relaxed"); // Node 20 does not know these
    if (!relaxed || Number(process.versions.node.split(".")[0]) >= 22) expect(WebAssembly.validate(bytes)).toBe(true);
  });

  test.each(Object.entries(MEMORY_INSTRUCTIONS))("%s", (name, [, takes, leaves]) => {
    const bytes = build(signatureOf(takes, leaves), (f) => {
      [...takes].forEach((_, i) => void f.get(`p${i}`));
      f.memory(name as keyof typeof MEMORY_INSTRUCTIONS, 12345);
    });
    expect(WebAssembly.validate(bytes)).toBe(true);
  });
});

describe("mistakes are found while they are written", () => {
  const signature: Signature = { params: { i: "i32", x: "f32", v: "v128" } };
  test.each<[string, (f: FunctionBuilder) => void]>([
    ["f: f32.add: takes [f32 f32], the stack ends in [f32 i32]", (f) => f.get("x").get("i").op("f32.add")],
    ["f: i32.add: takes [i32 i32], the stack ends in [i32]", (f) => f.get("i").op("i32.add")],
    ["f: v128.store: takes [i32 v128], the stack ends in [v128 i32]", (f) => f.get("v").get("i").memory("v128.store")],
    ["f: local.set: takes [v128], the stack ends in [f32]", (f) => f.get("x").set("v")],
    ["f: local.tee: there is no local y", (f) => f.get("x").tee("y")],
    ["f: local: x is declared twice", (f) => f.local("i32", "x")],
    ["f: end: [i32] is left on the stack", (f) => f.get("i")],
    ["f: loop: [i32] is left on the stack", (f) => f.loop(() => f.get("i"))],
    ["f: i32.eqz: takes [i32], the stack ends in []", (f) => f.get("i").block(() => f.op("i32.eqz"))],
    ["f: if: takes [i32], the stack ends in [f32]", (f) => f.get("x").if(() => {})],
    [
      "f: else: [f32] is left on the stack",
      (f) =>
        f.get("i").if(
          () => f.get("x"),
          () => {},
        ),
    ],
    [
      "f: br_if: the block has ended",
      (f) => {
        let ended = { depth: 0 };
        f.block((label) => {
          ended = label;
        });
        f.get("i").brIf(ended);
      },
    ],
  ])("%s", (message, body) => {
    expect(() => build(signature, body)).toThrow(new TypeError(message));
  });

  test("a result of another type, a second function of the same name", () => {
    expect(() => build({ params: {}, result: "f32" }, (f) => f.i32(1))).toThrow(
      "f: end: takes [f32], the stack ends in [i32]",
    );
    const m = new ModuleBuilder(LIMITS);
    m.function("f", { params: {} }, () => {});
    expect(() => m.function("f", { params: {} }, () => {})).toThrow("f: function: is defined twice");
  });
});
