import { describe, expect, test } from "vitest";
import { changesSince, formatChanges, parseResult, type Verdict, worseRows } from "../../bench/harness/compare.ts";
import type { BenchCase, BenchResult, SideResult } from "../../bench/harness/results.ts";

const side = (name: string, median: number, spread = 0.02, samples = 7): SideResult => ({
  name,
  library: name.split(" ")[0],
  median,
  min: median,
  spread,
  samples,
});

/** A result with one case. */
function result(sides: readonly SideResult[], title = "a case", together = 200): BenchResult {
  const cases: BenchCase[] = [{ id: "encoder-1x16", title, unit: "ms", sides }];
  return {
    date: "2026-01-02T03:04:05.000Z",
    seconds: 600,
    machine: { processor: "P", processors: 2, cores: 2, memoryGiB: 24, system: "linux x64" },
    versions: {},
    settings: { rounds: 7, turnMs: 300 },
    runs: [{ threads: 2, peak: { width: 256, threads: 2, alone: 100, together }, backend: "", cases }],
  };
}

const verdict = (before: BenchResult, now: BenchResult): Verdict =>
  changesSince(before, now).find(({ name }) => name === "plainbert")!.verdict;

describe("a row of plainbert's", () => {
  const before = result([side("plainbert", 100), side("onnx", 100)]);
  const now = (ours: number, theirs: number) => result([side("plainbert", ours), side("onnx", theirs)]);

  test("is worse or better beyond both spreads", () => {
    expect(verdict(before, now(115, 100))).toBe("worse");
    expect(verdict(before, now(85, 100))).toBe("better");
    expect(verdict(before, now(105, 100))).toBe("within the spread");
    expect(verdict(before, now(95, 100))).toBe("within the spread");
  });

  test("is not called worse where the machine is slower today", () => {
    expect(verdict(before, now(115, 114))).toBe("within the spread");
    expect(verdict(before, now(130, 114))).toBe("worse");
  });

  test("is not called worse because the others became faster, nor better because they became slower", () => {
    expect(verdict(before, now(100, 85))).toBe("within the spread");
    expect(verdict(before, now(100, 120))).toBe("within the spread");
  });

  test("without others is seen beside the peak", () => {
    const alone = (median: number, together: number) => result([side("plainbert", median)], "a case", together);
    expect(verdict(alone(100, 200), alone(120, 200))).toBe("worse");
    expect(verdict(alone(100, 200), alone(120, 170))).toBe("within the spread");
  });

  test("of few turns has no verdict", () => {
    expect(verdict(before, result([side("plainbert", 150, 0, 2), side("onnx", 100)]))).toBe("too few turns to tell");
    expect(verdict(before, result([side("plainbert", 100, 0, 1)]))).toBe("too few turns to tell");
  });

  test("that is the same in every run does not need them", () => {
    const size = (megabytes: number) => {
      const one = result([side("plainbert", megabytes, 0, 1)]);
      return { ...one, runs: one.runs.map((run) => ({ ...run, cases: [{ ...run.cases[0], constant: true }] })) };
    };
    expect(verdict(size(12), size(12))).toBe("within the spread");
    expect(verdict(size(12), size(13))).toBe("worse");
  });

  test("is not seen beside figures that were recorded elsewhere", () => {
    const recorded = (ours: number) =>
      result([side("plainbert", ours), side("PyTorch (recorded)", 100)], "a case", ours);
    expect(verdict(recorded(120), recorded(100))).toBe("better"); // the peak fell, too: by it the row is better still
    expect(changesSince(recorded(120), recorded(100))[0].pace).toBeCloseTo(1.2);
  });

  test("with a wide spread may move as far", () => {
    expect(verdict(before, result([side("plainbert", 115, 0.12), side("onnx", 100)]))).toBe("within the spread");
  });
});

test("only rows of plainbert's make --strict fail", () => {
  const before = result([side("plainbert", 100), side("plainbert, one array", 100), side("onnx", 100)]);
  const slowerPeer = changesSince(before, result([side("plainbert", 100), side("onnx", 150)]));
  expect(slowerPeer.map(({ verdict }) => verdict)).toEqual(["within the spread", "worse"]);
  expect(worseRows(slowerPeer)).toEqual([]);
  const array: SideResult = { ...side("plainbert, one array", 150), library: "plainbert, one array" };
  const slowerArray = changesSince(before, result([side("plainbert", 100), array, side("onnx", 100)]));
  expect(worseRows(slowerArray).map(({ name }) => name)).toEqual(["plainbert, one array"]);
});

test("a row that was left out, or not reached, makes --strict fail and is named", () => {
  const before = result([side("plainbert", 100), side("onnx", 100)]);
  const [run] = before.runs;
  const leftOut = [{ name: "plainbert", reason: "one run takes about 30 s" }];
  const without = { ...run.cases[0], sides: [side("onnx", 100)], leftOut };
  for (const now of [
    { ...before, runs: [{ ...run, cases: [without] }] },
    { ...before, runs: [{ ...run, cases: [], notMeasured: ["encoder-1x16"] }] },
  ]) {
    const changes = changesSince(before, now);
    expect(worseRows(changes).map(({ name, verdict }) => [name, verdict])).toEqual([["plainbert", "left out"]]);
    expect(formatChanges(before, now, changes)).toMatch(/encoder-1x16 {2}plainbert +100\.0 ms → left out/);
  }
  expect(worseRows(changesSince(before, { ...before, runs: [{ ...run, cases: [] }] }))).toEqual([]); // not asked for
});

test("other work, other thread counts and new rows are not compared", () => {
  const before = result([side("plainbert", 100)], "64 sentences");
  expect(changesSince(before, result([side("plainbert", 150)], "32 sentences"))).toEqual([]);
  expect(changesSince({ ...before, runs: [] }, before)).toEqual([]);
  expect(changesSince(before, result([side("plainbert int8", 50)], "64 sentences"))).toEqual([]);
});

test("the text has a line for each row, and a count", () => {
  const [before, now] = [
    result([side("plainbert", 100), side("onnx", 100)]),
    result([side("plainbert", 120), side("onnx", 102)]),
  ];
  const text = formatChanges(before, now, changesSince(before, now));
  expect(text).toMatch(/2 thr {2}encoder-1x16 {2}plainbert +100\.0 ms → +120\.0 ms {2}× 1\.20 \(1\.02\) {2}worse/);
  expect(text).toMatch(/encoder-1x16 {2}onnx +100\.0 ms → +102\.0 ms {2}× 1\.02 +within the spread/);
  expect(text).toContain(
    "rows of plainbert: 1, of which 0 better, 1 worse, 0 within the spread, 0 too few turns to tell, 0 left out",
  );
  expect(text).not.toContain("another machine");
  const elsewhere = { ...before, machine: { ...before.machine, processor: "Q" } };
  expect(formatChanges(elsewhere, now, [])).toContain("That was another machine");
});

test("a file is read, and what is none is refused", () => {
  const one = result([side("plainbert", 100)]);
  expect(parseResult("f", JSON.stringify(one))).toEqual(one);
  expect(() => parseResult("f", "{")).toThrow("--compare: f must be a result file of the bench, is no JSON");
  for (const text of ["{}", "null", "[]", '{"runs":[{"peak":{"gflops":1},"cases":[]}]}']) {
    expect(() => parseResult("f", text)).toThrow("--compare: f must be a result file of this bench");
  }
});
