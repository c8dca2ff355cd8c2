import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../../../src/training/pretraining/random.ts";

const take = (random: Random, n: number) => Array.from({ length: n }, () => random.uint32());

describe("Random", () => {
  test("xoshiro128**: the published numbers for the state 1, 2, 3, 4", () => {
    expect(take(new Random([1, 2, 3, 4]), 10)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  test("a seed's state, computed in Python with whole numbers of any size", () => {
    const state = [3283241497, 613117429, 2940958500, 516375437];
    expect(take(Random.fromSeed(12345), 6)).toEqual([1093274547, 203003357, 3741353573, 3803725158, 4178738660, 810247443]); // biome-ignore format: one line
    expect(take(Random.fromSeed(12345), 100)).toEqual(take(new Random(state), 100));
    expect(take(Random.fromSeed(0), 100)).toEqual(take(new Random([1684164658, 3653269916, 2939563536, 2141751570]), 100)); // biome-ignore format: one line
  });

  test("below: each number as often, to 5 standard deviations", () => {
    for (const n of [1, 2, 3, 7, 100]) {
      const random = Random.fromSeed(n);
      const draws = 2000 * n;
      const counts = new Array<number>(n).fill(0);
      for (let i = 0; i < draws; i++) counts[random.below(n)]++;
      for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(2000));
    }
  });

  test("below: draws again in the last, incomplete round", () => {
    // Of 2^32 numbers, 3 · 2^30 are one round of that n; a quarter is drawn again.
    const n = 3 * 2 ** 30;
    const twin = Random.fromSeed(5);
    const random = Random.fromSeed(5);
    const kept = take(twin, 1000).filter((x) => x < n);
    expect(kept.length).toBeLessThan(850);
    expect(Array.from(kept, () => random.below(n))).toEqual(kept);
  });

  test("chance: as often as it says", () => {
    const random = Random.fromSeed(1);
    for (const p of [0, 0.1, 0.5, 1]) {
      let hits = 0;
      for (let i = 0; i < 10_000; i++) if (random.chance(p)) hits++;
      expect(Math.abs(hits - 10_000 * p)).toBeLessThanOrEqual(5 * Math.sqrt(10_000 * p * (1 - p)));
    }
  });

  test("shuffle: all orders of three as often, and nothing is lost", () => {
    const random = Random.fromSeed(2);
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
