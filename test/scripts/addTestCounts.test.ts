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
  const broken = Array.from({ length: brokenFiles }, () => ({ status: "failed", assertionResults: [] }));
  const ran = { status: failed > 0 ? "failed" : "passed", assertionResults: [{}] };
  const counts = { numTotalTests: passed + failed, numPassedTests: passed, numFailedTests: failed };
  writeFileSync(path, JSON.stringify({ ...counts, testResults: [...broken, ran] }));
  return path;
}

function add(...paths: string[]) {
  const script = join(import.meta.dirname, "../../scripts/addTestCounts.mjs");
  const { status, stdout } = spawnSync(process.execPath, [script, ...paths], { encoding: "utf8" });
  return { status, lastLine: stdout.trimEnd().split("\n").at(-1) };
}

test("adds the counts of all reports", () => {
  const paths = [report("a.json", 12, 0), report("b.json", 3, 0)];
  expect(add(...paths)).toEqual({ status: 0, lastLine: "15 passed, 0 failed" });
});

test.each([
  ["a failed test", () => [report("a.json", 12, 2), report("b.json", 3, 0)], "15 passed, 2 failed"],
  ["a test file that cannot be loaded", () => [report("a.json", 12, 0, 1)], "12 passed, 1 failed"],
  ["a report that is missing", () => [report("a.json", 12, 0), join(folder, "none.json")], "12 passed, 1 failed"],
  ["a run without a test", () => [report("a.json", 12, 0), report("b.json", 0, 0)], "12 passed, 1 failed"],
  ["no report at all", () => [], "0 passed, 0 failed"],
])("fails on %s", (_, paths, lastLine) => {
  expect(add(...paths())).toEqual({ status: 1, lastLine });
});
