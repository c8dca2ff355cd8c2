import { afterAll, describe, expect, test } from "vitest";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import type { SimdBackend } from "../../../src/tensor/simd/simdBackend.ts";
import type { PackedWeight } from "../../../src/tensor/tensor.ts";
import type { Pool } from "../../../src/tensor/threads/pool.ts";
import { threadCount } from "../../../src/tensor/threads/threadCount.ts";
import { recordWorkers } from "../../support/workers.ts";
import { numbers } from "../kernels/cases.ts";

const workers = recordWorkers();
const backends: SimdBackend[] = [];
const N = 4096;

function backendWith(threads: number): { k: SimdBackend; pool: Pool } {
  const k = createSimdBackend({ threads });
  backends.push(k);
  return { k, pool: k.core.pool as Pool };
}

afterAll(async () => {
  for (const k of backends) await k.dispose();
});

/** Runs `add` until a helper has taken part: one that is only now starting does not. */
async function warm({ k, pool }: { k: SimdBackend; pool: Pool }): Promise<void> {
  const first = workers.length;
  const { data } = k.zeros([N]);
  pool.parallel("add", [data.byteOffset, data.byteOffset, data.byteOffset], N, 64);
  await Promise.all(workers.slice(first).map((worker) => new Promise((resolve) => worker.once("message", resolve))));
}

describe("parallel", () => {
  test.each([1, 2, 3])("%i threads visit each element once, whatever the grain", async (threads) => {
    const { k, pool } = backendWith(threads);
    expect(k.info.threads).toBe(threads);
    await warm({ k, pool });
    const ones = k.zeros([N]).data.fill(1);
    for (const total of [0, 1, 2, 63, 1000, N]) {
      for (const grain of [1, 3, 64, 999, N]) {
        const y = k.zeros([N + 1]).data;
        for (let times = 0; times < 20; times++)
          pool.parallel("add", [y.byteOffset, y.byteOffset, ones.byteOffset], total, grain);
        expect(y.findIndex((value, i) => value !== (i < total ? 20 : 0))).toBe(-1);
      }
    }
  });

  test("small work wakes nobody", () => {
    const { k, pool } = backendWith(2);
    const before = workers.length;
    const { data } = k.zeros([N]);
    pool.parallel("add", [data.byteOffset, data.byteOffset, data.byteOffset], 64, 64);
    expect(workers.length).toBe(before);
  });

  test("the same bits for 1, 2 and 3 threads", async () => {
    const results = [];
    for (const threads of [1, 2, 3]) {
      const { k, pool } = backendWith(threads);
      await warm({ k, pool });
      const [R, I, O] = [100, 96, 416];
      const tensor = (length: number, seed: number) => {
        const { data } = k.zeros([length]);
        data.set(numbers(length, seed));
        return data;
      };
      const weight = k.packWeight({ data: tensor(O * I, 1), shape: [O, I] }) as PackedWeight;
      const [x, y] = [tensor(R * I, 2), k.zeros([R, O]).data];
      k.linearStored(y, x, weight, tensor(O, 3), R);
      k.layerNorm(y, y, tensor(O, 4), tensor(O, 5), R, O, 1e-12);
      k.gelu(y, y);
      results.push(Array.from(y));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(results[0].every(Number.isFinite)).toBe(true);
  });

  test("an unknown kernel", () => {
    const { pool } = backendWith(1);
    expect(() => pool.parallel("divide", [], 1, 1)).toThrow("parallel: kernel must be one of multiply, ");
  });
});

describe("a failure", () => {
  /** The last chunk reads past the memory's end. */
  function fail(pool: Pool, k: SimdBackend): unknown {
    const end = k.core.memory.memory.buffer.byteLength;
    try {
      pool.parallel("add", [end - 4 * 2048, end - 4 * 2048, end - 4 * 2048], N, 16);
    } catch (error) {
      return error;
    }
    return undefined;
  }

  test("of a kernel is thrown, on whichever thread it happens, and the pool works on", async () => {
    const { k, pool } = backendWith(3);
    await warm({ k, pool });
    const deadline = performance.now() + 20_000;
    let there: Error | undefined;
    while (!there && performance.now() < deadline) {
      const error = fail(pool, k);
      if (!(error instanceof WebAssembly.RuntimeError)) there = error as Error; // else on this thread: as it was thrown
    }
    expect(there).toMatchObject({ name: "BertError", code: "ERR_BACKEND" });
    expect(there?.message).toMatch(/^parallel: add must not fail, got on another thread RuntimeError: .*out of bounds/);
    expect((there?.cause as Error | undefined)?.stack).toContain("wasm");
    const y = k.zeros([N]).data;
    const ones = k.zeros([N]).data.fill(1);
    pool.parallel("add", [y.byteOffset, y.byteOffset, ones.byteOffset], N, 64);
    expect(y.every((value) => value === 1)).toBe(true);
  });

  test("a helper that is killed is replaced, and no work waits for it", async () => {
    const { k, pool } = backendWith(2);
    await warm({ k, pool });
    const before = workers.length;
    await workers[before - 1].terminate();
    const y = k.zeros([N]).data;
    const ones = k.zeros([N]).data.fill(1);
    for (let i = 0; i < 100; i++) pool.parallel("add", [y.byteOffset, y.byteOffset, ones.byteOffset], N, 64);
    expect(y.every((value) => value === 100)).toBe(true);
    expect(workers.length).toBe(before + 1);
  });

  test("after dispose the caller computes alone", async () => {
    const { k, pool } = backendWith(2);
    await warm({ k, pool });
    const before = workers.length;
    await pool.dispose();
    await pool.dispose();
    const y = k.zeros([N]).data;
    const ones = k.zeros([N]).data.fill(1);
    pool.parallel("add", [y.byteOffset, y.byteOffset, ones.byteOffset], N, 64);
    expect(y.every((value) => value === 1)).toBe(true);
    expect(workers.length).toBe(before);
  });
});

describe("threadCount", () => {
  test("what is asked for, else the environment's, else the machine's", () => {
    expect(threadCount("loadBert", 5)).toBe(5);
    process.env.PLAINBERT_THREADS = "3";
    expect(threadCount("loadBert", undefined)).toBe(3);
    process.env.PLAINBERT_THREADS = "many";
    expect(() => threadCount("loadBert", undefined)).toThrow(
      'loadBert: the environment variable PLAINBERT_THREADS must be a whole number from 1 to 64, got "many"',
    );
    delete process.env.PLAINBERT_THREADS;
    expect(threadCount("loadBert", undefined)).toBeGreaterThanOrEqual(1);
    expect(threadCount("loadBert", undefined)).toBeLessThanOrEqual(8);
  });

  test.each([0, -1, 1.5, 65, Number.NaN, 1000, "2", null, true])("refuses %s", (threads) => {
    expect(() => threadCount("loadBert", threads as number)).toThrow(
      `loadBert: threads must be a whole number from 1 to 64, got ${typeof threads === "string" ? `"${threads}"` : threads}`,
    );
  });
});
