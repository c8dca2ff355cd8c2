import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ACTIVATION_NAMES } from "../../../src/tensor/kernels/activations.ts";
import { plain } from "../../../src/tensor/kernels/index.ts";
import { compileKernels } from "../../../src/tensor/simd/compile.ts";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import type { SimdBackend } from "../../../src/tensor/simd/simdBackend.ts";
import { findV8 } from "../../../src/tensor/simd/v8Flags.ts";
import { encodeWeight } from "../../../src/tensor/storage.ts";
import type { ReducedWeight } from "../../../src/tensor/tensor.ts";
import { recordWorkers } from "../../support/workers.ts";
import { numbers, PRODUCTS } from "../kernels/cases.ts";
import { on, packedOf } from "./variants.ts";

const TYPES = ["float16", "bfloat16", "int8"] as const;
const VARIANTS = [
  ["best", {}],
  ["128-bit", { wide: false }],
  ["deterministic", { deterministic: true }],
  ["128-bit deterministic", { wide: false, deterministic: true }],
] as const;
const workers = recordWorkers();

/** A weight in the backend's order. */
function held(k: SimdBackend, rows: ReducedWeight): ReducedWeight {
  const weight = k.emptyStored(rows.dtype, rows.shape);
  const isInt8 = rows.dtype === "int8";
  const numbers = on(k, isInt8 ? Float32Array.from(rows.data) : plain.unpackWeight(rows)).data;
  expect(k.encodeRows(weight, 0, numbers, isInt8 ? rows.scale : null)).toBe(true);
  return weight;
}

/**
 * What `linearStored` must give, to the bit: `plain`'s result for int8, as its arithmetic is exact or rounds once; this backend's own
 * float32 result with the rounded weight for the others.
 */
function wanted(k: SimdBackend, x: Float32Array, rows: ReducedWeight, bias: Float32Array, R: number): Float32Array {
  const [O, I] = rows.shape;
  if (rows.dtype === "int8") {
    const y = new Float32Array(R * O);
    plain.linearStored(y, x, rows, bias, R);
    return y;
  }
  const y = k.zeros([R, O]).data;
  const weight = packedOf(k, on(k, plain.unpackWeight(rows), [O, I]));
  k.linearStored(y, x, weight, bias, R);
  return y.slice();
}

describe.each(TYPES)("%s", (dtype) => {
  describe.each(VARIANTS)("%s", (_, options) => {
    const backend = createSimdBackend({ ...options, dtype, threads: 1 });
    const k = backend.scope() as SimdBackend;
    afterAll(() => k.release());

    function expectLinear(R: number, I: number, O: number): void {
      const s = k.scope() as SimdBackend;
      const rows = encodeWeight(dtype, numbers(O * I, 1), [O, I]);
      const [x, bias] = [on(s, numbers(R * I, 2, 3)).data, on(s, numbers(O, 3)).data];
      const y = on(s, new Float32Array(R * O).fill(Number.NaN)).data;
      s.linearStored(y, x, held(s, rows), bias, R);
      const want = wanted(s, x, rows, bias, R);
      const wrong = want.findIndex((value, i) => value !== y[i]);
      if (wrong >= 0) expect.fail(`R=${R} I=${I} O=${O}: [${wrong}] is ${y[wrong]}, must be ${want[wrong]}`);
      s.release();
    }

    test("linear: the bits that it must have, for every size", () => {
      for (const [R, I, O] of PRODUCTS) expectLinear(R, I, O);
    });

    test("linear: for any size", () => {
      const size = (max: number) => fc.integer({ min: 1, max });
      fc.assert(
        fc.property(size(140), size(200), size(280), (R, I, O) => expectLinear(R, I, O)),
        { numRuns: 25 },
      );
    });

    test("a weight is read back as it was stored, whole and row by row", () => {
      for (const [O, I] of [
        [1, 1],
        [15, 7],
        [16, 128],
        [53, 129],
        [280, 3],
      ]) {
        const rows = encodeWeight(dtype, numbers(O * I, O), [O, I]);
        const weight = held(k, rows);
        expect(k.rowsOf(weight)).toEqual(rows);
        expect(k.unpackWeight(weight)).toEqual(plain.unpackWeight(rows));
        const indices = Int32Array.from({ length: 2 * O }, (_, i) => (i * 7) % O);
        const [y, want] = [k.zeros([2 * O, I]).data, new Float32Array(2 * O * I)];
        k.gatherStored(y, weight, indices);
        plain.gatherStored(want, rows, indices);
        expect(y).toEqual(want);
      }
    });

    /** Rows of any size, in blocks of 16 rows or a multiple of them, and what `encodeWeight` makes of them. */
    function expectEncoded(data: Float32Array, [O, I]: readonly [O: number, I: number], block = 16): void {
      const s = k.scope() as SimdBackend;
      const weight = s.emptyStored(dtype, [O, I]);
      const rows = encodeWeight(dtype, data, [O, I]);
      for (let row = 0; row < O; row += block) {
        const some = on(s, data.slice(row * I, Math.min(O, row + block) * I)).data;
        expect(s.encodeRows(weight, row, some)).toBe(true);
      }
      expect(s.rowsOf(weight)).toEqual(rows);
      s.release();
    }

    test("float32 rows are rounded as they are outside of the kernels, whatever their size", () => {
      const size = (max: number) => fc.integer({ min: 1, max });
      fc.assert(
        fc.property(size(90), size(300), size(4), (O, I, blocks) => {
          expectEncoded(numbers(O * I, O), [O, I], 16 * blocks);
        }),
        { numRuns: 25 },
      );
      expectEncoded(numbers(530 * 33, 3), [530, 33], 528); // in more than one group of panels
    });

    test("each float32 exponent, with fractions around every tie, zeros and numbers that are too small", () => {
      const most = dtype === "float16" ? 0x477fefff : 0x7f7f7fff; // the largest that does not become infinite
      const bits: number[] = [];
      for (let exponent = 0; exponent < 255; exponent++) {
        for (const high of [0, 1, 2, 3, 0x3fe, 0x3ff]) {
          for (const low of [0, 1, 0xfff, 0x1000, 0x1001, 0x1fff]) bits.push(exponent * 2 ** 23 + high * 2 ** 13 + low);
        }
        for (const upper of [0, 1, 0x7f]) {
          for (const low of [0, 0x7fff, 0x8000, 0x8001]) bits.push(exponent * 2 ** 23 + upper * 2 ** 16 + low);
        }
      }
      const signed = bits.filter((b) => b <= most).flatMap((b) => [b, b + 2 ** 31]);
      const data = new Float32Array(Uint32Array.from(signed).buffer);
      const I = 31;
      expectEncoded(data.subarray(0, data.length - (data.length % I)), [Math.floor(data.length / I), I]);
    });

    test("any float32 numbers", () => {
      const limit = dtype === "float16" ? 65519 : 2 ** 127;
      const number = fc.float({ min: -limit, max: limit, noNaN: true, noDefaultInfinity: true });
      fc.assert(
        fc.property(fc.array(number, { minLength: 39, maxLength: 39 * 4 }), (values) => {
          const I = 39;
          const O = Math.floor(values.length / I);
          expectEncoded(Float32Array.from(values.slice(0, O * I)), [O, I]);
        }),
      );
    });

    test("halves of the scale, which go to the even integer, and quotients next to them", () => {
      const I = 254;
      const row = (scale: number) =>
        Array.from({ length: I }, (_, i) => (i === 0 ? 127 * scale : (Math.floor(i / 2) - 63.5) * scale * (1 + ((i % 3) - 1) * 2 ** -23))); // biome-ignore format: one line
      const scales = [1, 0.7, 2 ** -20, 3e-9, 1.9].flatMap((s) => [s, -s]);
      expectEncoded(Float32Array.from(scales.flatMap(row)), [scales.length, I]);
    });

    test("what the type cannot hold is told, in whatever place it is", () => {
      const [bfloat16, next] = new Float32Array(Uint32Array.of(0x7f7f7fff, 0x7f7f8000).buffer);
      const limits = {
        float16: [65519, 65520],
        bfloat16: [bfloat16, next],
        int8: [3.4e38, Number.POSITIVE_INFINITY],
      };
      const [held, over] = limits[dtype];
      const [O, I] = [37, 21];
      for (const at of [0, 16 * I + 20, 36 * I + 5]) {
        for (const [value, fits] of [
          [held, true],
          [-held, true],
          [over, false],
          [-over, false],
          [Number.NaN, false],
          [Number.POSITIVE_INFINITY, false],
          [Number.NEGATIVE_INFINITY, false],
        ] as const) {
          const data = numbers(O * I, 1);
          data[at] = value;
          for (const backend of [k, plain]) {
            const weight = backend.emptyStored(dtype, [O, I]);
            const some = backend.empty([O, I]);
            some.data.set(data);
            expect([value, backend.encodeRows(weight, 0, some.data)]).toEqual([value, fits]);
          }
        }
      }
    });

    test("an activation function: the bits of the two kernels", () => {
      const [R, I, O] = [50, 20, 150];
      const weight = held(k, encodeWeight(dtype, numbers(O * I, 1), [O, I]));
      const [x, bias] = [on(k, numbers(R * I, 2)).data, on(k, numbers(O, 3, 4)).data];
      const [y, want] = [k.zeros([R, O]).data, k.zeros([R, O]).data];
      for (const activation of ACTIVATION_NAMES) {
        k.linearStored(want, x, weight, bias, R);
        k[activation](want, want);
        k.linearStored(y, x, weight, bias, R, activation);
        expect(y).toEqual(want);
      }
    });

    test("NaN reaches the rows that it belongs to and no others", () => {
      const [R, I, O] = [6, 21, 37];
      const x = on(k, numbers(R * I, 1)).data;
      x[2 * I + 20] = Number.NaN;
      const y = k.zeros([R, O]).data;
      k.linearStored(y, x, held(k, encodeWeight(dtype, numbers(O * I, 2), [O, I])), k.zeros([O]).data, R);
      expect(Array.from(y, Number.isNaN)).toEqual(Array.from(y, (_, i) => Math.floor(i / O) === 2));
    });

    test("no rows: nothing is written", () => {
      const y = on(k, Float32Array.of(1, 2)).data;
      k.linearStored(y, k.zeros([0, 3]).data, k.emptyStored(dtype, [2, 3]), k.zeros([2]).data, 0);
      expect(y).toEqual(Float32Array.of(1, 2));
    });
  });

  test("the same bits for 1, 2 and 3 threads", async () => {
    const [R, I, O] = [150, 300, 420];
    const rows = encodeWeight(dtype, numbers(O * I, 1), [O, I]);
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      const k = createSimdBackend({ dtype, threads });
      const weight = held(k, rows);
      const [x, bias, y] = [on(k, numbers(R * I, 2)).data, on(k, numbers(O, 3)).data, k.zeros([R, O]).data];
      const first = workers.length;
      k.linearStored(y, x, weight, bias, R); // starts the helpers
      await Promise.all(
        workers.slice(first).map((worker) => new Promise((resolve) => worker.once("message", resolve))),
      );
      for (let again = 0; again < 3; again++) k.linearStored(y.fill(0), x, weight, bias, R, "gelu");
      results.push(y.slice());
      await k.dispose();
    }
    expect(results[0].every(Number.isFinite)).toBe(true);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test.each(
    {
      float16: ["narrow", "multiplyStored", "multiplyKeeping"] as const,
      bfloat16: ["narrow", "multiplyStored"] as const,
      int8: ["narrow", "columnScales", "multiplyStored", "quantizeRows", "scaleSums"] as const,
    }[dtype],
  )("a variant whose %s is wrong is not taken", (kernel) => {
    const k = createSimdBackend({ dtype, threads: 1 }, (memory, variant) => {
      const { module, kernels } = compileKernels(memory, variant, findV8());
      return { module, kernels: variant.fused ? { ...kernels, [kernel]: () => {} } : kernels };
    });
    expect(k.info.fused).toBe(false);
    expect(k.info.reason).toMatch(new RegExp(`fused multiply-add: linear, .*${dtype}.*\\[`));
  });
});

test("int8: the same bits in every variant", () => {
  const [R, I, O] = [13, 901, 37];
  const rows = encodeWeight("int8", numbers(O * I, 2), [O, I]);
  const results = VARIANTS.map(([, options]) => {
    const k = createSimdBackend({ ...options, dtype: "int8", threads: 1 });
    const y = k.zeros([R, O]).data;
    k.linearStored(y, on(k, numbers(R * I, 1)).data, held(k, rows), on(k, numbers(O, 3)).data, R);
    return y;
  });
  for (const result of results) expect(result).toEqual(results[0]);
});

test("a backend has kernels for one type", () => {
  const k = createSimdBackend({ dtype: "int8", threads: 1 });
  expect(() => k.emptyStored("float16", [2, 3])).toThrow("emptyStored: dtype must be the backend's, int8, got float16");
  expect(() => createSimdBackend({ threads: 1 }).emptyStored("int8", [2, 3])).toThrow(
    "emptyStored: dtype must be the backend's, float32, got int8",
  );
});
