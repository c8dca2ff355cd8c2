import { describe, expect, test } from "vitest";
import { encoderFlops } from "../../bench/harness/cases.ts";
import { drawChart } from "../../bench/harness/chart.ts";
import { treeSize } from "../../bench/harness/installSize.ts";
import {
  type BenchCase,
  type BenchResult,
  bestOfEach,
  fractionOfPeak,
  type Run,
  timesOurs,
} from "../../bench/harness/results.ts";
import { parseSettings, wanted } from "../../bench/harness/settings.ts";
import { formatChange, formatTable } from "../../bench/harness/table.ts";
import { parseConfig } from "../../src/model/config.ts";

const side = (name: string, median: number) => ({ name, median, min: median - 1, spread: 0.02, samples: 7 });
const encoderCase: BenchCase = {
  id: "encoder-1x16",
  title: "1 × 16 <tokens>",
  unit: "ms",
  flops: 2e9,
  sides: [side("onnx plain", 30), side("onnx fused", 25), side("plainbert", 20), side("tfjs wasm", 100)],
};
const run: Run = { threads: 2, peak: { width: 256, gflops: 100 }, backend: "name simd", cases: [encoderCase] };
const result: BenchResult = {
  date: "2026-01-02T03:04:05.000Z",
  machine: "a machine",
  versions: { node: "26.0.0" },
  settings: { rounds: 7, turnMs: 300 },
  runs: [run],
};

test("each library's best side, plainbert's first", () => {
  expect(bestOfEach(encoderCase.sides).map(({ name }) => name)).toEqual(["plainbert", "onnx fused", "tfjs wasm"]);
});

test("how many times plainbert's figure, and the share of the peak of all threads", () => {
  expect(timesOurs(encoderCase.sides[1], encoderCase.sides)).toBe(1.25);
  expect(timesOurs(encoderCase.sides[1], [encoderCase.sides[1]])).toBeNull();
  expect(fractionOfPeak(encoderCase.sides[2], encoderCase, run)).toBe(0.5); // 2 GFLOP in 20 ms: 100 of 200 GFLOP/s
});

test("the work of bert-base's encoder on 128 tokens is 22.3 GFLOP", () => {
  // Counted by hand: 12 layers × (7,077,888 weights × 128 tokens + 2 × 12 heads × 128 × 128 × 64) × 2
  const byHand = 12 * (7_077_888 * 128 + 2 * 12 * 128 * 128 * 64) * 2;
  expect(encoderFlops([128], parseConfig("{}"))).toBe(byHand);
  expect(encoderFlops([128, 128], parseConfig("{}"))).toBe(2 * byHand);
});

describe("reports", () => {
  test("the table has every side, with its figures", () => {
    const table = formatTable(result);
    for (const { name } of encoderCase.sides) expect(table).toContain(name);
    expect(table).toMatch(/onnx fused +25\.0 ms +min +24\.0 ms +spread +2 % +1\.25 × +40 % of peak +← its best/);
    expect(table).toMatch(/plainbert +20\.0 ms.* 50 % of peak$/m);
  });

  test("a change beyond the spreads is called one", () => {
    const earlier = { ...result, runs: [{ ...run, cases: [{ ...encoderCase, sides: [side("plainbert", 18)] }] }] };
    expect(formatChange(result, earlier)).toMatch(/plainbert +18\.0 ms → +20\.0 ms {2}× 1\.111 WORSE/);
    expect(formatChange(earlier, result)).toMatch(/× 0\.900 better/);
    expect(formatChange(result, result)).not.toMatch(/WORSE|better/);
    expect(formatChange(result, { ...result, runs: [] }).split("\n")).toHaveLength(1);
  });

  test("the chart's bars are as long as the medians, and texts are escaped", () => {
    const svg = drawChart(result);
    const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths).toHaveLength(3);
    expect(widths[0] / widths[2]).toBeCloseTo(0.2);
    expect(widths[1] / widths[2]).toBeCloseTo(0.25);
    expect(svg).toContain("1 × 16 &#60;tokens&#62;");
    expect(svg).toContain("25.0 ms  (× 1.25)");
  });
});

test("a package's size counts what it depends on once", () => {
  const sizes = new Map([
    ["node_modules/a", { bytes: 1, dependencies: ["node_modules/b", "node_modules/c"] }],
    ["node_modules/b", { bytes: 10, dependencies: ["node_modules/c"] }],
    ["node_modules/c", { bytes: 100, dependencies: ["node_modules/a"] }],
    ["node_modules/d", { bytes: 1000, dependencies: [] }],
  ]);
  expect(treeSize(sizes, "a")).toBe(111);
  expect(treeSize(sizes, "d")).toBe(1000);
});

describe("options", () => {
  test("defaults, and what is given", () => {
    expect(parseSettings([])).toMatchObject({
      threads: [1, 2],
      backend: "auto",
      cases: [],
      rounds: 7,
      sentences: 2000,
    });
    const given = parseSettings(["--threads", "2", "--case", "cold", "--case", "fill-mask", "--turn", "0"]);
    expect(given).toMatchObject({ threads: [2], cases: ["cold", "fill-mask"], turnMs: 0 });
    if (given === "help") throw new Error("not asked for");
    expect(["cold-start", "fill-mask", "encoder-1x8"].filter((id) => wanted(given, id))).toEqual([
      "cold-start",
      "fill-mask",
    ]);
  });

  test.each([["--threads", "0"], ["--rounds", "x"], ["--rounds", "1.5"], ["--nonsense"]])(
    "refuses %s %s",
    (...args) => {
      expect(() => parseSettings(args)).toThrow();
    },
  );
});
