import { describe, expect, test } from "vitest";
import { faultsOf, type LoadResult, loadTable, memoryByRound } from "./loadReport.ts";

const HOLDS: LoadResult = {
  ...{ date: "2026-11-29T00:00:00Z", machine: "2 × some processor", node: "26.0.0", model: "a model" },
  ...{ minutes: 30, connections: [1, 512], idle: 5000, healthFailures: 0 },
  counts: { right: 1000, wrong: 0, unexpected: 0, overloaded: 7, lost: 0, givenUp: 50 },
  latency: { p50: 12, p99: 1234 },
  health: { p50: 1.26, p99: 20 },
  memory: [200, 300, 310, 305, 314],
  ending: { inFlight: 64, answered: 60, refused: 4, status: 0 },
};
const HEALTHY = { milliseconds: [1, 2], failures: [] };

const faults = (changed: Partial<LoadResult>) => faultsOf({ ...HOLDS, ...changed }, HEALTHY, []);

describe("the service", () => {
  test("holds", () => {
    expect(faults({})).toEqual([]);
    expect(faults({ memory: [] })).toEqual([]); // a system that does not tell it
    expect(faults({ memory: [200, 300, 310, 305, 280] })).toEqual([]);
    expect(faults({ minutes: 1, memory: [200, 300, 310, 305, 400] })).toEqual([]);
  });

  test.each<[Partial<LoadResult>, string]>([
    [{ counts: { ...HOLDS.counts, wrong: 1 } }, "1 wrong"],
    [{ counts: { ...HOLDS.counts, unexpected: 2 } }, "2 unexpected"],
    [{ counts: { ...HOLDS.counts, lost: 3 } }, "3 lost"],
    [{ counts: { ...HOLDS.counts, right: 0 } }, "no answer was right"],
    [{ memory: [200, 300, 310, 305, 316] }, "memory has grown by +5.3 %"],
    [{ ending: { ...HOLDS.ending, answered: 59 } }, "SIGTERM: a request that had come has no answer"],
    [{ ending: { ...HOLDS.ending, status: "SIGKILL" } }, "SIGTERM: the service ended with SIGKILL"],
  ])("does not hold: %o", (changed, fault) => {
    expect(faults(changed)).toEqual([fault]);
  });

  test("does not hold: /health, and what was noted on the way", () => {
    const ill = { milliseconds: [], failures: ["status 503"] };
    expect(faultsOf(HOLDS, ill, ["a fault"])).toEqual(["a fault", "/health: 1 failures, status 503"]);
  });
});

test("a round's memory is the median of its samples", () => {
  const samples = [[1, 9], [1, 10], [1, 90], [2, 20], [2, 30]].map(([round, mebibytes]) => ({ round, mebibytes })); // biome-ignore format: a table
  expect(memoryByRound(samples)).toEqual([10, 25]);
});

test("the table", () => {
  const table = loadTable(HOLDS);
  for (const cell of ["300 MiB, 314 MiB (+4.7 %)", "12 ms, 1.2 s", "1.3 ms, 20 ms; 0", "0, 0, 0", "64; 60; 4; 0"]) {
    expect(table).toContain(`| ${cell} |\n`);
  }
});
