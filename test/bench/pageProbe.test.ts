import { describe, expect, test } from "vitest";
import { keyTimes } from "../../bench/harness/pageProbe.ts";

describe("keyTimes", () => {
  const keys = [100, 200, 300, 400];

  test("from each key to the first picture of its text", () => {
    const painted = [[130, "a"], [225, "ab"], [340, "aba"], [460, "abac"]] as const; // biome-ignore format: one line
    expect(keyTimes({ keys, painted }, "abac")).toEqual([30, 25, 40, 60]);
  });

  test("a text that is dropped is seen with the next", () => {
    const painted = [[50, ""], [130, "a"], [360, "aba"], [460, "abac"]] as const; // biome-ignore format: one line
    expect(keyTimes({ keys, painted }, "abac")).toEqual([30, 160, 60, 60]);
  });

  test("a picture before the key does not count, nor one of another text", () => {
    const painted = [[90, "a"], [150, "x"], [190, "a"], [250, "abac"], [500, "abac"]] as const; // biome-ignore format: one line
    expect(keyTimes({ keys, painted }, "abac")).toEqual([90, 50, 200, 100]);
  });

  test("refuses keys without a picture", () => {
    expect(() => keyTimes({ keys, painted: [[130, "aba"]] }, "abac")).toThrow(
      'keyTimes: every key must have a picture, there is none of "ab"',
    );
  });
});
