import { describe, expect, test } from "vitest";
import { encoderFlops } from "../../bench/cases/inputs.ts";
import { drawChart } from "../../bench/harness/chart.ts";
import { treeSize } from "../../bench/harness/installSize.ts";
import { formatMachine, type Machine } from "../../bench/harness/machine.ts";
import {
  type BenchCase,
  type BenchResult,
  bestOfEach,
  isOurs,
  type Run,
  timesOurs,
} from "../../bench/harness/results.ts";
import { parseSettings, wanted } from "../../bench/harness/settings.ts";
import { formatTable } from "../../bench/harness/table.ts";
import { parseConfig } from "../../src/model/config.ts";

const side = (name: string, library: string, median: number) => ({
  name,
  library,
  median,
  min: median - 1,
  spread: 0.02,
  samples: 7,
});
const encoderCase: BenchCase = {
  id: "encoder-1x16",
  title: "1 × 16 <tokens>",
  unit: "ms",
  flops: 2e9,
  sides: [
    side("onnx plain", "onnx", 30),
    side("onnx fused", "onnx", 25),
    side("plainbert", "plainbert", 20),
    side("tfjs wasm", "tfjs", 100),
  ],
  leftOut: [{ name: "slow thing", reason: "one run takes about 31 s, and 20 s is the limit" }],
};
const peak = { width: 256, threads: 2, alone: 110, together: 200 } as const;
const run: Run = { threads: 2, peak, backend: "name simd", cases: [encoderCase] };
const machine: Machine = { processor: "AMD EPYC", processors: 4, cores: 2, memoryGiB: 24, system: "linux x64" };
const result: BenchResult = {
  date: "2026-01-02T03:04:05.000Z",
  seconds: 605,
  machine,
  versions: { node: "26.0.0", "onnxruntime-node": "1.30.0" },
  settings: { rounds: 7, turnMs: 300 },
  runs: [run],
};

test("each library's best side, plainbert's first", () => {
  expect(bestOfEach(encoderCase.sides).map(({ name }) => name)).toEqual(["plainbert", "onnx fused", "tfjs wasm"]);
});

test("how many times plainbert's figure", () => {
  expect(timesOurs(encoderCase.sides[1], encoderCase.sides)).toBe(1.25);
  expect(timesOurs(encoderCase.sides[1], [encoderCase.sides[1]])).toBeNull();
});

test("which sides are plainbert's", () => {
  const libraries = ["plainbert", "plainbert int8", "plainbert, one array", "plainbertish", "Node", "onnxruntime-node"];
  expect(libraries.filter((library) => isOurs({ library }))).toEqual(libraries.slice(0, 3));
});

test("the work of bert-base's encoder on 128 tokens is 22.3 GFLOP", () => {
  // Counted by hand: 12 layers × (7,077,888 weights × 128 tokens + 2 × 12 heads × 128 × 128 × 64) × 2
  const byHand = 12 * (7_077_888 * 128 + 2 * 12 * 128 * 128 * 64) * 2;
  expect(encoderFlops([128], parseConfig("{}"))).toBe(byHand);
  expect(encoderFlops([128, 128], parseConfig("{}"))).toBe(2 * byHand);
});

describe("the table", () => {
  const table = formatTable(result);

  test("has every side, with its figures", () => {
    for (const { name } of encoderCase.sides) expect(table).toContain(name);
    expect(table).toMatch(/onnx fused +25\.0 ms +min +24\.0 ms +spread +2 % +1\.25 × +40 % of peak +←$/m);
    expect(table).toMatch(/plainbert +20\.0 ms.* 50 % of peak$/m);
    expect(table).toMatch(/tfjs wasm +100\.0 ms.* 10 % of peak$/m); // its only way
  });

  test("says what was left out, and what there was no time for", () => {
    expect(table).toMatch(/slow thing +left out: one run takes about 31 s, and 20 s is the limit$/m);
    const inHaste = formatTable({ ...result, runs: [{ ...run, notMeasured: ["adamw", "fill-mask"] }] });
    expect(inHaste).toContain("not measured, as the time was up (--minutes gives more): adamw, fill-mask");
  });

  test("names processor, cores, threads of a core, versions, the time that it took, and both peaks", () => {
    expect(table).toContain("AMD EPYC, 2 cores, 2 threads a core, 24 GiB, linux x64");
    expect(table).toContain("node 26.0.0, onnxruntime-node 1.30.0");
    expect(table).toContain("measured in 10:05");
    expect(table).toContain("peak of 2 threads at once 200 GFLOP/s, of one alone 110 GFLOP/s");
  });
});

test("a machine with one thread a core", () => {
  expect(formatMachine({ ...machine, processors: 2 })).toContain("2 cores, 1 thread a core");
  expect(formatMachine({ ...machine, processors: 1, cores: 1 })).toContain("1 core, 1 thread a core");
});

describe("the chart", () => {
  const svg = drawChart(result);

  test("has bars as long as the medians, and escapes texts", () => {
    const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths).toHaveLength(3);
    expect(widths[0] / widths[2]).toBeCloseTo(0.2);
    expect(widths[1] / widths[2]).toBeCloseTo(0.25);
    expect(svg).toContain("1 × 16 &#60;tokens&#62;");
    expect(svg).toContain("25.0 ms  (× 1.25)");
  });

  test("has no letter below 11 pixels where it is 900 wide", () => {
    const [, viewWidth] = /viewBox="0 0 (\d+) /.exec(svg)!;
    const sizes = [...svg.matchAll(/font-size[=:]"?([\d.]+)/g)].map(([, size]) => Number(size));
    expect(sizes.length).toBeGreaterThan(3);
    for (const size of sizes) expect((size * 900) / Number(viewWidth)).toBeGreaterThanOrEqual(11);
  });

  test("leaves out a case in which nobody else takes part", () => {
    const alone = { ...encoderCase, title: "alone", sides: [encoderCase.sides[2]] };
    expect(drawChart({ ...result, runs: [{ ...run, cases: [alone] }] })).not.toContain("<rect");
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
  const settingsOf = (...args: string[]) => {
    const settings = parseSettings(args);
    if (settings === "help") throw new Error("not asked for");
    return settings;
  };

  test("defaults: all within twelve minutes, or within two", () => {
    expect(settingsOf()).toMatchObject({ backend: "auto", cases: [], rounds: 7, minutes: 11, limitMs: 20_000 });
    expect(settingsOf("--quick")).toMatchObject({ rounds: 1, turnMs: 0, minutes: 1.8, limitMs: 4000 });
    expect(settingsOf().threads).toHaveLength(1);
  });

  test("what is given", () => {
    const given = settingsOf("--threads", "1,2", "--case", "cold", "--case", "fill-mask", "--turn", "0");
    expect(given).toMatchObject({ threads: [1, 2], cases: ["cold", "fill-mask"], turnMs: 0 });
    expect(settingsOf("--compare", "f", "--output", "g", "--strict", "--minutes", "0.5")).toMatchObject({
      compare: "f",
      output: "g",
      strict: true,
      minutes: 0.5,
    });
    for (const help of ["--help", "-h"]) expect(parseSettings([help])).toBe("help");
  });

  test("which cases are wanted", () => {
    const planned = ["cold-start", "fill-mask", "encoder-1x8"].map((id) => ({ id, seconds: 10 }));
    const ids = (...args: string[]) =>
      [...planned, { id: "index-build", seconds: 40, notQuick: true }]
        .filter((one) => wanted(settingsOf(...args), one))
        .map(({ id }) => id);
    expect(ids()).toEqual(["cold-start", "fill-mask", "encoder-1x8", "index-build"]);
    expect(ids("--case", "cold", "--case", "fill-mask")).toEqual(["cold-start", "fill-mask"]);
    expect(ids("--quick")).toEqual(["cold-start", "fill-mask", "encoder-1x8"]);
    expect(ids("--quick", "--case", "index")).toEqual(["index-build"]);
    const start = { id: "cold-start", seconds: 10, gives: ["peak-rss"] };
    expect(wanted(settingsOf("--case", "peak"), start)).toBe(true);
  });

  test.each([
    [["--threads", "0"], "--threads must be a whole number from 1"],
    [["--threads", "1,"], "--threads must be a whole number from 1"],
    [["--threads", "2,2"], "--threads must be different numbers up to 64"],
    [["--threads", "65"], "--threads must be different numbers up to 64"],
    [["--backend", "plainn"], '--backend must be one of auto, simd, plain, got "plainn"'],
    [["--case", ""], "--case must be the beginning of a case's id"],
    [["--rounds", "x"], "--rounds must be a whole number from 1"],
    [["--rounds", "1.5"], "--rounds must be a whole number from 1"],
    [["--minutes", "0"], "--minutes must be a number above 0"],
    [["--strict"], "--strict must come with --compare FILE"],
    [["--nonsense"], "--nonsense"],
  ])("refuses %j", (args, message) => {
    expect(() => parseSettings(args)).toThrow(message);
  });
});
