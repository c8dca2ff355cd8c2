import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { threefry2x32 } from "../../src/tensor/threefry.ts";
import { Random } from "../../src/training/random.ts";

const take = (random: Random, n: number) => Array.from({ length: n }, () => random.uint32());

describe("Random", () => {
  test("the words of Threefry-2x32, by counter, seed and stream", () => {
    // Known answers of Random123 1.14 (tests/kat_vectors): counter 0, key 0.
    expect(take(new Random(0), 2)).toEqual([0x9d1c5ec6, 0x8bd50731]);
    const words = new Uint32Array(2);
    const expected = [0, 1, 2].flatMap((counter) => {
      threefry2x32(words, counter, 0, 12345, 7);
      return [...words];
    });
    expect(take(new Random(12345, 7), 6)).toEqual(expected);
  });

  test("below: each number as often, to 5 standard deviations", () => {
    for (const n of [1, 2, 3, 7, 100]) {
      const random = new Random(n);
      const draws = 2000 * n;
      const counts = new Array<number>(n).fill(0);
      for (let i = 0; i < draws; i++) counts[random.below(n)]++;
      for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(2000));
    }
  });

  test("below: draws again in the last, incomplete round", () => {
    // Of 2^32 numbers, 3 · 2^30 are one round of that n; a quarter is drawn again.
    const n = 3 * 2 ** 30;
    const twin = new Random(5);
    const random = new Random(5);
    const kept = take(twin, 1000).filter((x) => x < n);
    expect(kept.length).toBeLessThan(850);
    expect(Array.from(kept, () => random.below(n))).toEqual(kept);
  });

  test("chance: as often as it says", () => {
    const random = new Random(1);
    for (const p of [0, 0.1, 0.5, 1]) {
      let hits = 0;
      for (let i = 0; i < 10_000; i++) if (random.chance(p)) hits++;
      expect(Math.abs(hits - 10_000 * p)).toBeLessThanOrEqual(5 * Math.sqrt(10_000 * p * (1 - p)));
    }
  });

  test("shuffle: all orders of three as often, and nothing is lost", () => {
    const random = new Random(2);
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const order = random.shuffle([0, 1, 2]).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(2000));
    fc.assert(
      fc.property(fc.array(fc.integer()), (array) => {
        expect(random.shuffle([...array]).toSorted()).toEqual(array.toSorted());
      }),
    );
  });
});
