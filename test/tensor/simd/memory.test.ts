import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { BertError } from "../../../src/errors.ts";
import { TensorMemory } from "../../../src/tensor/simd/memory.ts";
import { BACKENDS } from "./variants.ts";

describe("memory", () => {
  test("arrays are aligned, apart from each other and from address 0, whatever is taken and given back", () => {
    const step = fc.oneof(
      fc.nat({ max: 5000 }),
      fc.nat({ max: 30 }).map((n) => -n - 1),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = new TensorMemory();
        const held: Float32Array[] = [];
        for (const n of steps) {
          if (n >= 0) {
            const array = memory.allocate(n);
            expect(array.length).toBe(n);
            expect(array.byteOffset).toBeGreaterThanOrEqual(64);
            expect(array.byteOffset % 64).toBe(0);
            held.push(array.fill(held.length + 1));
          } else if (held.length > 0) {
            memory.release(held.splice(-n % held.length, 1)[0].fill(-1));
          }
        }
        const sorted = held.toSorted((a, b) => a.byteOffset - b.byteOffset);
        for (let i = 1; i < sorted.length; i++) {
          expect(sorted[i].byteOffset).toBeGreaterThanOrEqual(sorted[i - 1].byteOffset + sorted[i - 1].byteLength);
          expect(sorted[i].byteOffset).not.toBe(sorted[i - 1].byteOffset);
        }
        for (const array of held) expect(array.every((value) => value === array[0])).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("what is given back is used again, joined with its neighbours", () => {
    const memory = new TensorMemory();
    const [a, b, c] = [memory.allocate(100), memory.allocate(100), memory.allocate(100)];
    memory.allocate(1);
    for (const array of [a, c, b]) memory.release(array); // b joins both
    memory.release(b); // a second time does nothing
    expect(memory.allocate(300).byteOffset).toBe(a.byteOffset);
  });

  test("arrays stay valid when the memory grows", () => {
    const memory = new TensorMemory();
    const first = memory.allocate(4).fill(3);
    memory.allocate(50_000_000);
    expect(first).toEqual(Float32Array.of(3, 3, 3, 3));
  });

  test("grows by 48 MB, and then by 128 MB at a time", () => {
    const memory = new TensorMemory();
    const sizes: number[] = [];
    for (let i = 0; i < 600; i++) {
      memory.allocate(2 ** 18);
      const size = memory.memory.buffer.byteLength / 2 ** 20;
      if (size !== sizes.at(-1)) sizes.push(size);
    }
    expect(sizes).toEqual([49, 177, 305, 433, 561, 689]);
  });

  test("what the system does not give is told as what was asked for; a smaller step is tried before", () => {
    const memory = new TensorMemory();
    const asked: number[] = [];
    const refuse = (limit: number) =>
      vi.spyOn(memory.memory, "grow").mockImplementation((pages) => {
        asked.push(pages);
        if (pages > limit) throw new RangeError("Unable to grow memory");
        return 0;
      });
    const grow = refuse(0);
    expect(() => memory.allocate(2 ** 20)).toThrow(
      new BertError("ERR_BACKEND", "simd: the system must give 3.06 MiB of memory beside 1.00 MiB, it refused"),
    );
    grow.mockRestore();
    expect(asked.filter((pages) => pages > 0)).toEqual([768, 49]);
    expect(memory.allocate(2 ** 20).fill(1).length).toBe(2 ** 20);
  });

  test("more than there is gives an error, and the memory stays usable", () => {
    const memory = new TensorMemory();
    expect(() => memory.allocate(2 ** 31)).toThrow(
      new BertError("ERR_BACKEND", "simd: tensors must fit in 4.00 GiB of memory, got 8.00 GiB"),
    );
    expect(memory.allocate(10).length).toBe(10);
  });
});

describe("scopes", () => {
  const [[, backend]] = BACKENDS;

  test("free their tensors together, but for the one that is kept", () => {
    const scope = backend.scope();
    const first = scope.zeros([10]);
    const kept = scope.zeros([3]);
    kept.data.fill(7);
    scope.release(kept);
    const again = backend.scope();
    expect(again.zeros([10]).data.byteOffset).toBe(first.data.byteOffset);
    for (let i = 0; i < 10; i++) expect(again.zeros([3]).data.byteOffset).not.toBe(kept.data.byteOffset);
    again.release();
    expect(kept.data).toEqual(Float32Array.of(7, 7, 7));
  });

  test("zeros are zeros, whatever was there before", () => {
    const scope = backend.scope();
    const { data } = scope.empty([100]);
    data.fill(7);
    scope.release();
    const zeros = backend.scope().zeros([100]);
    expect(zeros.data.byteOffset).toBe(data.byteOffset);
    expect(zeros.data).toEqual(new Float32Array(100));
  });

  test("a kept tensor is freed with the scope that it passed to", () => {
    const outer = backend.scope();
    const inner = outer.scope();
    const kept = inner.zeros([1000]);
    inner.release(kept);
    const at = kept.data.byteOffset;
    outer.release();
    const after = backend.scope();
    expect(after.zeros([1000]).data.byteOffset).toBe(at);
    after.release();
  });

  test("several can be kept, and each of them freed alone", () => {
    const outer = backend.scope();
    const inner = outer.scope();
    const [a, gone, b] = [inner.zeros([500]), inner.zeros([500]), inner.zeros([500])];
    for (const { data } of [a, b]) data.fill(3);
    inner.release(a, b);
    const at = gone.data.byteOffset;
    expect(outer.zeros([500]).data.byteOffset).toBe(at);
    outer.free(a);
    outer.free(a); // a second time does nothing
    const foreign = backend.scope();
    foreign.free(b); // nor does a scope that does not have it
    expect(foreign.zeros([500]).data.byteOffset).toBe(a.data.byteOffset);
    expect(b.data.every((value) => value === 3)).toBe(true);
    outer.release();
    foreign.release();
  });

  test("may end in any order, as passes that take turns do", () => {
    const [a, b] = [backend.scope(), backend.scope()];
    const first = a.zeros([50]);
    const second = b.zeros([50]);
    second.data.fill(5);
    a.release();
    const c = backend.scope();
    expect(c.zeros([50]).data.byteOffset).toBe(first.data.byteOffset);
    expect(second.data.every((value) => value === 5)).toBe(true);
    b.release();
    c.release();
  });
});
