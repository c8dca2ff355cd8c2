import { Readable, Writable } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { Progress, progressLine } from "../../src/cli/progressBar.ts";
import { withStreams } from "../../src/cli/streams.ts";

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
    // 41.87 % of 19 columns are 8.0; 251.7 MB at 9.065 MB a second take 27.8 s.
    expect(progressLine({ ...state, ...bytes, unit: "MB", verb: "downloading" }, 79)).toBe(
      `downloading   41 % ${"█".repeat(8)}${" ".repeat(11)}  181.3 of 433.0 MB  9.1 MB/s  0:28 left`,
    );
  });

  test("no part where nobody knows the whole; never wider than the terminal", () => {
    expect(progressLine({ ...state, total: null }, 79)).toBe("4,200 lines  350/s  0:12");
    for (const width of [10, 30, 40, 60, 200]) expect(progressLine(state, width).length).toBeLessThanOrEqual(width);
    expect(progressLine({ ...state, done: 100_007 }, 79)).toMatch(/^100 % █{30} .* 0:00 left$/);
  });
});

describe("who sees it", () => {
  /** What fifteen steps of work, of 0.1 s each, write to a standard error that is a terminal, or is none. */
  async function written(
    isTTY: boolean,
    printing: boolean,
    end: "end" | "clear" = "end",
    stepMs = 100,
  ): Promise<string> {
    vi.useFakeTimers({ toFake: ["performance"] });
    vi.stubEnv("TERM", "xterm");
    const chunks: string[] = [];
    const output = (columns?: number) =>
      Object.assign(new Writable({ write: (chunk, _, done) => done(void chunks.push(String(chunk))) }), {
        isTTY,
        ...(columns !== undefined && { columns }),
      });
    try {
      await withStreams({ stdin: Readable.from([]), stdout: output(), stderr: output(60) }, async () => {
        const progress = new Progress({ unit: "lines", total: 100 }, printing);
        for (let i = 0; i < 15; i++) {
          vi.advanceTimersByTime(stepMs);
          progress.step(2);
        }
        progress[end]();
      });
    } finally {
      vi.useRealTimers();
      vi.unstubAllEnvs();
    }
    return chunks.join("").replaceAll("\u001b[K", "<wiped>");
  }

  test("whoever sits before a terminal, after a second; in the end one line says how it went", async () => {
    const bars = (await written(true, false)).split("\r").slice(1);
    expect(bars[0]).toMatch(/^ 20 % █{3}.* {2}10 lines {2}10\.0\/s {2}0:04 left<wiped>$/);
    expect(bars[0].replace("<wiped>", "").length).toBeLessThan(60);
    expect(bars.length).toBe(7);
    expect(bars[6]).toBe("<wiped>15 lines in 0:02, 10.0/s\n");
    expect((await written(true, false, "clear")).split("\r").at(-1)).toBe("<wiped>");
  });

  test("nobody where the results go to a terminal, nor without one while the work is short", async () => {
    expect(await written(false, false)).toBe("");
    expect(await written(true, true)).toBe("");
    expect(await written(false, true, "end", 30_000)).toBe("");
  });

  test("whoever reads a log, by a line in each minute and one in the end", async () => {
    const lines = (await written(false, false, "end", 30_000)).split("\n");
    expect(lines).toEqual([
      ...[2, 4, 6, 8, 10, 12, 14].map((count) =>
        expect.stringMatching(new RegExp(`^ *${2 * count} %  ${count} lines`)),
      ),
      ...["15 lines in 7:30, 0.0/s", ""],
    ]);
    expect(lines[0]).toBe("  4 %  2 lines  0.0/s  24:00 left"); // 96 of 100 at 4 a minute
    expect((await written(false, false, "clear", 30_000)).split("\n").length).toBe(8);
  });
});
