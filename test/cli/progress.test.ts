import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { progressLine } from "../../src/cli/progress.ts";
import { MAIN, plainbert } from "./run.ts";

const folder = await mkdtemp(join(tmpdir(), "plainbert-progress-"));
afterAll(() => rm(folder, { recursive: true }));

describe("the line", () => {
  const state = {
    ...({ unit: "lines", count: 4200, countBefore: 0 } as const),
    ...{ done: 42_000, doneBefore: 0, total: 100_000, seconds: 12 },
  };

  test("part, bar, lines, rate, time left", () => {
    // 4,200 lines in 12 s are 350 a second; 58,000 bytes at 3,500 a second take 16.6 s.
    expect(progressLine(state, 79)).toBe(` 42 % ${"█".repeat(12)}▋${" ".repeat(17)}  4,200 lines  350/s  0:17 left`);
    expect(progressLine({ ...state, done: 0, count: 0, seconds: 0 }, 79)).toMatch(/^ {2}0 % +0 lines {2}0.0\/s$/);
    expect(progressLine({ ...state, done: 1_000, seconds: 40 }, 79)).toContain("  1:06:00 left");
  });

  test("lines of an earlier run count for the part, not for the rate", () => {
    const line = progressLine({ ...state, countBefore: 4000, doneBefore: 40_000, seconds: 10 }, 79);
    expect(line).toMatch(/^ 42 % .* 4,200 lines {2}20.0\/s {2}4:50 left$/);
  });

  test("a download: megabytes of megabytes", () => {
    const bytes = { count: 181_300_000, done: 181_300_000, total: 433_000_000, seconds: 20 };
    expect(progressLine({ ...state, ...bytes, unit: "MB", verb: "downloading" }, 79)).toBe(
      `downloading   41 % ${"█".repeat(6)}▎${" ".repeat(8)}  181.3 of 433.0 MB  9.1 MB/s  0:28 left`,
    );
  });

  test("no part where nobody knows the whole; never wider than the terminal", () => {
    expect(progressLine({ ...state, total: null }, 79)).toBe("4,200 lines  350/s  0:12");
    for (const width of [10, 30, 40, 60, 200]) expect(progressLine(state, width).length).toBeLessThanOrEqual(width);
    expect(progressLine({ ...state, done: 100_007 }, 79)).toMatch(/^100 % █{30} .* 0:00 left$/);
  });
});

describe("who sees it", () => {
  const texts = join(folder, "texts.txt");
  const script = "script -q -e -c";
  const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

  test("nobody without a terminal", async () => {
    await writeFile(texts, "The door was open.\n".repeat(400));
    const { code, stderr } = await plainbert(["embed", texts, "--output", join(folder, "a.jsonl")]);
    expect([code, stderr]).toEqual([0, ""]);
  });

  test.skipIf(!hasScript)(
    `whoever sits before one: ${hasScript ? script : "skipped, as there is no script command"}`,
    async () => {
      // Enough work for more than the second before which there is no bar, however fast the machine: score has a pass per token.
      await writeFile(texts, "She opened the door and went into the room of the old house.\n".repeat(400));
      const command = `'${process.execPath}' '${MAIN}' pseudo-log-likelihood --backend plain --input '${texts}' --output '${join(folder, "b.csv")}'`;
      const ran = spawnSync("sh", ["-c", `timeout -s INT 4 ${script} "timeout -s INT 3 ${command}" /dev/null`], {
        encoding: "utf8",
      });
      expect(ran.stdout).toMatch(/\r {2}\d % .* lines {2}\d+\.\d\/s/);
      expect(ran.stdout.replaceAll("\u001b[K", "<wiped>")).toMatch(
        /\r<wiped>plainbert: interrupted; \d+ lines? (is|are) done/,
      );
      const piped = spawnSync(
        "sh",
        ["-c", `timeout -s INT 4 ${script} "timeout -s INT 3 ${command.replace(/--output .*/, "")} | cat" /dev/null`],
        { encoding: "utf8" },
      );
      expect(piped.stdout).toContain('"score"');
      expect(piped.stdout).not.toContain("lines");
    },
  );
});
