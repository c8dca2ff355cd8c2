import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "plainbert-counts-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A report as vitest's JSON reporter writes it, with the fields that the script reads. */
function report(name: string, passed: number, failed: number, brokenFiles = 0): string {
  const path = join(folder, name);
  const broken = Array.from({ length: brokenFiles }, () => ({
    name: "/broken.test.ts",
    status: "failed",
    message: "no such module",
    assertionResults: [],
  }));
  const assertionResults = [
    { fullName: "goes well", status: "passed", failureMessages: [] },
    ...Array.from({ length: failed }, (_, n) => ({
      fullName: `goes wrong ${n}`,
      status: "failed",
      failureMessages: ["Error: 1 is not 2\n    at here"],
    })),
  ];
  const ran = { status: failed > 0 ? "failed" : "passed", assertionResults };
  const counts = { numTotalTests: passed + failed, numPassedTests: passed, numFailedTests: failed };
  writeFileSync(path, JSON.stringify({ ...counts, testResults: [...broken, ran] }));
  return path;
}

function add(...paths: string[]) {
  const script = join(import.meta.dirname, "../../scripts/addTestCounts.mjs");
  const { status, stdout } = spawnSync(process.execPath, [script, ...paths], { encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  return { status, said: lines.slice(0, -1), lastLine: lines.at(-1) };
}

test("adds the counts of all reports", () => {
  const paths = [report("a.json", 12, 0), report("b.json", 3, 0)];
  expect(add(...paths)).toEqual({ status: 0, said: [], lastLine: "15 passed, 0 failed" });
});

test.each([
  ["a failed test", () => [report("a.json", 12, 2), report("b.json", 3, 0)], "15 passed, 2 failed"],
  ["a test file that cannot be loaded", () => [report("a.json", 12, 0, 1)], "12 passed, 1 failed"],
  ["a report that is missing", () => [report("a.json", 12, 0), join(folder, "none.json")], "12 passed, 1 failed"],
  ["a run without a test", () => [report("a.json", 12, 0), report("b.json", 0, 0)], "12 passed, 1 failed"],
  ["no report at all", () => [], "0 passed, 0 failed"],
])("fails on %s", (_, paths, lastLine) => {
  expect(add(...paths())).toMatchObject({ status: 1, lastLine });
});

test("says what failed, and why", () => {
  const { said } = add(report("a.json", 12, 2, 1), report("b.json", 3, 0));
  expect(said).toEqual([
    "FAILED: /broken.test.ts",
    "no such module",
    "FAILED: goes wrong 0",
    "Error: 1 is not 2",
    "    at here",
    "FAILED: goes wrong 1",
    "Error: 1 is not 2",
    "    at here",
  ]);
});
