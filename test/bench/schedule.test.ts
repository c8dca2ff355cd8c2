import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { caseGroups } from "../../bench/cases/index.ts";
import { clock, formatStanding } from "../../bench/harness/progressBar.ts";
import { Schedule } from "../../bench/harness/schedule.ts";

const CASES = [
  { id: "a", seconds: 10 },
  { id: "b", seconds: 30 },
  { id: "c", seconds: 60 },
];

test("each case has its share of the time that is left", () => {
  let now = 5000;
  const schedule = new Schedule(CASES, 100_000, () => now);
  expect(schedule.share("a")).toBe(10_000);
  now += 4000; // a leaves 6 s, which the others have
  schedule.finish("a");
  expect(schedule.share("b")).toBe(32_000);
  now += 80_000; // b takes too much
  schedule.finish("b");
  expect(schedule.share("c")).toBe(16_000);
  const standing = { done: 0.4, finished: 2, cases: 3, elapsedMs: 84_000, leftMs: 16_000 };
  expect(schedule.standing()).toEqual({ ...standing, expectedMs: 16_000 }); // it would need 126 s at this pace
  now += 20_000;
  expect(schedule.share("c")).toBe(0);
  schedule.finish("c");
  expect(schedule.standing()).toMatchObject({ done: 1, finished: 3, elapsedMs: 104_000, leftMs: 0, expectedMs: 0 });
});

test("what remains is what is planned, and longer where the first cases took longer", () => {
  let now = 0;
  const schedule = new Schedule(CASES, 1e6, () => now);
  expect(schedule.standing().expectedMs).toBe(100_000);
  now = 5000;
  schedule.finish("a");
  expect(schedule.standing().expectedMs).toBe(90_000); // a machine that is faster than the plan gives more turns
  now = 20_000;
  expect(schedule.standing().expectedMs).toBeCloseTo(180_000);
});

test("cases that keep to their shares end in time", () => {
  const durations = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(durations, (used) => {
      let now = 0;
      const schedule = new Schedule(CASES, 1000, () => now);
      CASES.forEach(({ id }, i) => {
        now += schedule.share(id) * used[i];
        schedule.finish(id);
      });
      expect(now).toBeLessThanOrEqual(1000 * (1 + 1e-12));
    }),
  );
});

describe("the bench's own cases", () => {
  test.each([1, 2])("have names of their own, with %i threads", (threads) => {
    const ids = caseGroups(threads).flatMap(({ planned }) => planned.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ["encoder-1x8", "train-8x128", "index-build", "cold-start"]) expect(ids).toContain(id);
    for (const task of ["fill-mask", "vectors"])
      for (const size of ["small", "base"])
        for (const callers of [1, 8, 64]) expect(ids).toContain(`concurrent-${task}-${size}-${callers}`);
  });
});

test("how far it is, in words", () => {
  expect(clock(75_000)).toBe("1:15");
  const standing = { done: 0.43, finished: 12, cases: 37, elapsedMs: 252_000, leftMs: 438_000, expectedMs: 330_000 };
  expect(formatStanding(standing)).toBe("12 of 37 cases, 4:12 gone, about 5:30 left");
});
