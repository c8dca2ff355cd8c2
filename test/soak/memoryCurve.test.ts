import { describe, expect, test } from "vitest";
import { growing, KINDS, type MemorySample, memoryCurve } from "./memoryCurve.ts";

/** 60 samples of ten minutes. */
const curve = (size: (n: number) => number): MemorySample[] =>
  Array.from({ length: 60 }, (_, n) => {
    const sizes = Object.fromEntries(KINDS.map((kind) => [kind, size(n)])) as Record<(typeof KINDS)[number], number>;
    return { minutes: (n + 1) / 6, texts: n * 1000, ...sizes };
  });

describe("what grows", () => {
  test.each([
    ["flat", () => 50],
    ["up and down", (n: number) => 50 + 20 * (n % 5)],
    ["a step while it warms up", (n: number) => (n < 14 ? 20 : 50)],
    ["caches that fill and then stay", (n: number) => 50 - 30 * Math.exp(-n / 4)],
    ["smaller and smaller", (n: number) => 50 - n / 10],
  ])("nothing: %s", (_, size) => {
    expect(growing(curve(size))).toEqual([]);
  });

  test.each([
    ["a slow leak", (n: number) => 50 + n * 0.1, KINDS.slice(0, 3)],
    ["a leak that goes up and down too", (n: number) => 50 + n * 0.2 + 0.5 * Math.sin(n), KINDS.slice(0, 3)],
    ["a fast one", (n: number) => 50 + n * 3, KINDS],
    ["one that the collector hides now and then", (n: number) => 50 + n - (n % 7), KINDS.slice(0, 3)],
  ])("%s", (_, size, kinds) => {
    expect(growing(curve(size))).toEqual(kinds);
  });
});

test("a program that keeps every text is found out, one that does not is not", async () => {
  const run = async (keep: (text: string[]) => void) => {
    const lines: string[] = [];
    const work = async () => {
      keep(Array.from({ length: 20_000 }, (_, i) => `${i} `));
      return 1;
    };
    const samples = await memoryCurve(0.01, work, (line) => void lines.push(line), 16);
    expect(lines.length).toBe(17);
    return growing(samples).includes("heapUsed");
  };
  const kept: string[][] = [];
  expect(await run((texts) => void kept.push(texts))).toBe(true);
  kept.length = 0;
  expect(await run(() => {})).toBe(false);
});
