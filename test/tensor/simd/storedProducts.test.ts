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
  k.storeRows(weight, 0, rows);
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

    test("a weight is stored in blocks of rows and read back, whole and row by row", () => {
      for (const [O, I] of [
        [1, 1],
        [15, 7],
        [16, 128],
        [53, 129],
        [280, 3],
      ]) {
        const rows = encodeWeight(dtype, numbers(O * I, O), [O, I]);
        const weight = k.emptyStored(dtype, [O, I]);
        for (let from = 0; from < O; from += 7) {
          const to = Math.min(O, from + 7);
          k.storeRows(weight, from, encodeWeight(dtype, numbers(O * I, O).subarray(from * I, to * I), [to - from, I]));
        }
        expect(k.rowsOf(weight)).toEqual(rows);
        expect(k.unpackWeight(weight)).toEqual(plain.unpackWeight(rows));
        const indices = Int32Array.from({ length: 2 * O }, (_, i) => (i * 7) % O);
        const [y, want] = [k.zeros([2 * O, I]).data, new Float32Array(2 * O * I)];
        k.gatherStored(y, weight, indices);
        plain.gatherStored(want, rows, indices);
        expect(y).toEqual(want);
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
      float16: ["multiplyStored", "multiplyKeeping"] as const,
      bfloat16: ["multiplyStored"] as const,
      int8: ["multiplyStored", "quantizeRows", "scaleSums"] as const,
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
