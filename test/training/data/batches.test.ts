import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchesInOrder, shuffledBatches } from "../../../src/training/data/batches.ts";
import { permutation } from "../../../src/training/data/shuffle.ts";

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const ascending = (list: Iterable<number>) => [...list].sort((a, b) => a - b);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("permutation", () => {
  test("has every number once, the same for the same seed and epoch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), uint32, uint32, (count, seed, epoch) => {
        const order = permutation(count, seed, epoch);
        expect(ascending(order)).toEqual(upTo(count));
        expect(permutation(count, seed, epoch)).toEqual(order);
      }),
    );
  });

  test("is what a program of its own in Python computes, so that a run goes on with any later version", () => {
    expect([...permutation(10, 42, 0)]).toEqual([2, 5, 4, 0, 9, 8, 1, 6, 7, 3]);
    expect([...permutation(10, 42, 1)]).toEqual([3, 4, 1, 0, 6, 2, 5, 7, 8, 9]);
  });

  test("each of the 24 orders of four is as likely as the others", () => {
    const counts = new Map<string, number>();
    const runs = 24_000;
    for (let epoch = 0; epoch < runs; epoch++) {
      const key = permutation(4, 7, epoch).join("");
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // χ² with 23 degrees of freedom is above 49.7 once in a thousand seeds; this seed is fixed.
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - runs / 24) ** 2 / (runs / 24), 0);
    expect(chiSquare).toBeLessThan(49.7);
  });

  test.each([
    [[-1, 0, 0], "permutation: count must be a whole number from 0 to 4294967295, got -1"],
    [[1, 0.5, 0], "seed must be a whole number from 0 to 4294967295, got 0.5"],
    [[1, 0, 2 ** 32], "epoch must be a whole number from 0 to 4294967295, got 4294967296"],
  ])("%j is an error", ([count, seed, epoch], message) => {
    expect(() => permutation(count, seed, epoch)).toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  });
});

describe("batches", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 150 });
  const limits = fc.oneof(
    fc.record({ batchSize: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ maxTokens: fc.integer({ min: 60, max: 200 }) }),
    fc.record({ batchSize: fc.integer({ min: 1, max: 9 }), maxTokens: fc.integer({ min: 60, max: 200 }) }),
  );
  const tokensOf = (batch: readonly number[], of: readonly number[]) => batch.reduce((sum, i) => sum + of[i], 0);

  test("have every example once, none more than the limits allow, and depend on seed and epoch alone", () => {
    fc.assert(
      fc.property(lengths, limits, uint32, uint32, fc.boolean(), (of, limit, seed, epoch, groupByLength) => {
        const batches = shuffledBatches(of, { ...limit, seed, epoch, groupByLength });
        expect(ascending(batches.flat())).toEqual(upTo(of.length));
        const { batchSize = Infinity, maxTokens = Infinity } = limit as { batchSize?: number; maxTokens?: number };
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(batchSize);
          expect(tokensOf(batch, of)).toBeLessThanOrEqual(maxTokens);
        }
        expect(shuffledBatches(of, { ...limit, seed, epoch, groupByLength })).toEqual(batches);
      }),
    );
  });

  test("in order: nothing moves, and no batch has room for the next example", () => {
    fc.assert(
      fc.property(lengths, limits, (of, limit) => {
        const batches = batchesInOrder(of, limit);
        expect(batches.flat()).toEqual(upTo(of.length));
        const { batchSize = Infinity, maxTokens = Infinity } = limit as { batchSize?: number; maxTokens?: number };
        for (const [i, batch] of batches.entries()) {
          const next = batches[i + 1]?.[0];
          if (next === undefined) continue;
          expect(batch.length === batchSize || tokensOf(batch, of) + of[next] > maxTokens).toBe(true);
        }
      }),
    );
  });

  // 4,000 examples of 1 to 128 tokens, all lengths equally often
  const many = upTo(4000).map((i) => 1 + (i % 128));
  const spread = (batches: number[][]) =>
    batches.map((batch) => Math.max(...batch.map((i) => many[i])) - Math.min(...batch.map((i) => many[i])));
  const mean = (list: number[]) => list.reduce((sum, x) => sum + x, 0) / list.length;

  test("groups examples of like length, and leaves no order of lengths among the batches", () => {
    const options = { batchSize: 8, seed: 3, epoch: 0 };
    expect(mean(spread(shuffledBatches(many, { ...options, groupByLength: false })))).toBeGreaterThan(80); // 127 · 7/9 = 99 expected
    const grouped = shuffledBatches(many, options);
    expect(mean(spread(grouped))).toBeLessThan(5); // 128 / 50 within a pool of 50 batches
    const rises = grouped.slice(1).filter((batch, i) => many[batch[0]] > many[grouped[i][0]]).length / grouped.length;
    expect(rises).toBeGreaterThan(0.4); // half of them; all but ten of 500 if the batches kept the order of their pools
    expect(rises).toBeLessThan(0.6);
    expect(grouped).not.toEqual(shuffledBatches(many, { ...options, epoch: 1 }));
    expect(grouped).not.toEqual(shuffledBatches(many, { ...options, seed: 4 }));
  });

  test("every order can come out", () => {
    const options = { batchSize: 1, seed: 1 };
    const orders = upTo(100).map((epoch) => shuffledBatches([1, 1, 1], { ...options, epoch }).join(""));
    expect(new Set(orders).size).toBe(6);
  });

  test("fills the token budget: within 5 % of the fewest batches that could be", () => {
    const total = tokensOf(upTo(many.length), many);
    const batches = shuffledBatches(many, { maxTokens: 2048, seed: 3, epoch: 0 });
    expect(batches.length).toBeLessThan((1.05 * total) / 2048);
  });

  test.each([
    [[1], {}, "batchesInOrder: batchSize or maxTokens must be given, got neither"],
    [[1], { batchSize: 0 }, "batchSize must be a whole number from 1, got 0"],
    [[1], { maxTokens: 1.5 }, "maxTokens must be a whole number from 1, got 1.5"],
    [[1, 0], { batchSize: 1 }, "lengths[1] must be a whole number from 1, got 0"],
    [[1, 7], { maxTokens: 6 }, "lengths[1] must be a whole number from 1 to maxTokens, 6, got 7"],
  ])("%j with %j is an error", (of, limit, message) => {
    expect(() => batchesInOrder(of, limit)).toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  });

  test("a seed or an epoch out of range is an error", () => {
    expect(() => shuffledBatches([1], { batchSize: 1, seed: -1, epoch: 0 })).toThrow("shuffledBatches: seed must be");
    expect(() => shuffledBatches([1], { batchSize: 1, seed: 0, epoch: Number.NaN })).toThrow(
      "shuffledBatches: epoch must be",
    );
  });
});
