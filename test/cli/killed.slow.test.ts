import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { finished, MAIN, plainbert } from "./run.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-output-"));
afterAll(() => rm(root, { recursive: true }));

/** A folder for each test. */
let cwd = "";
let count = 0;
beforeEach(async () => {
  cwd = join(root, String(count++));
  await mkdir(cwd);
});

const read = (name: string) => readFile(join(cwd, name), "utf8");
const run = (args: readonly string[], input = "") => plainbert(args, { cwd, input });

const TEXTS = Array.from({ length: 60 }, (_, i) => (i % 7 === 3 ? "" : `She opened door ${i}, "the old one".`));
const LINES = TEXTS.map((text) => `${text}\n`).join("");

describe("work that is cut short", () => {
  /** A command that has done some lines and waits for more; `lines` of its mark are on the disk. */
  async function begun(...args: string[]): Promise<ChildProcess> {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd });
    child.stdin.write(TEXTS.slice(0, 20).map((text) => `${text}\n`).join("")); // biome-ignore format: one line
    const name = `${args[args.indexOf("--output") + 1]}.partial.json`;
    for (let i = 20; ; ) {
      const mark = await read(name).then(JSON.parse, () => null);
      if (mark?.lines > 0) return child;
      // A mark is set with the first line that is answered a second after the last mark: that of the beginning.
      await new Promise((resume) => setTimeout(resume, 150));
      if (mark !== null && i < 55) child.stdin.write(`${TEXTS[i++]}\n`);
    }
  }

  const stopped = (child: ChildProcess, signal: NodeJS.Signals) => {
    const result = finished(child);
    child.kill(signal);
    return result;
  };

  test.skipIf(process.platform === "win32").each([
    ["SIGINT", 130, "a.jsonl"],
    ["SIGTERM", 143, "a.csv"],
    ["SIGKILL", null, "a.safetensors"],
  ] as const)("whole lines stay, and the same command goes on after them: %s", async (signal, code, name) => {
    await run(["embed", "--output", `whole-${name}`], LINES);
    const whole = await readFile(join(cwd, `whole-${name}`));
    const result = await stopped(await begun("embed", "--output", name), signal);
    expect(result).toMatchObject({ code, stdout: "" });
    if (code !== null) expect(await readdir(cwd)).not.toContain(`.${name}.lock`);
    const mark = JSON.parse(await read(`${name}.partial.json`));
    expect(mark.lines).toBeGreaterThan(0);
    if (code !== null) {
      expect(result.stderr).toBe(
        `plainbert: interrupted; ${mark.lines} lines are done, in ${name}.partial: the same command goes on there\n`,
      );
    }
    const partial = await readFile(join(cwd, `${name}.partial`));
    const from = name.endsWith(".safetensors") ? 256 : 0; // its header is written last
    expect(partial.subarray(from, mark.bytes).equals(whole.subarray(from, mark.bytes))).toBe(true);
    if (name.endsWith(".jsonl"))
      expect(partial.subarray(0, mark.bytes).toString().split("\n").length).toBe(mark.lines + 1);
    expect(await readdir(cwd)).not.toContain(name);

    expect(await run(["embed", "--output", name], LINES)).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect((await readFile(join(cwd, name))).equals(whole)).toBe(true);
    await rm(join(cwd, name));
    expect(await readdir(cwd)).toEqual([`whole-${name}`]);
  });

  test.skipIf(process.platform === "win32").each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGKILL", null],
  ] as const)("an index goes on after the lines that have vectors, to the same bytes: %s", async (signal, code) => {
    await run(["index", "--output", "whole.safetensors"], LINES);
    const whole = await readFile(join(cwd, "whole.safetensors"));
    const result = await stopped(await begun("index", "--output", "i.safetensors"), signal);
    expect(result).toMatchObject({ code, stdout: "" });
    const { lines } = JSON.parse(await read("i.safetensors.partial.json"));
    expect(lines).toBeGreaterThan(0);
    if (code !== null) {
      expect(result.stderr).toBe(
        `plainbert: interrupted; ${lines} lines are done, in i.safetensors.partial: the same command goes on there\n`,
      );
    }
    expect(await readdir(cwd)).not.toContain("i.safetensors");

    expect(await run(["index", "--output", "i.safetensors"], LINES)).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect((await readFile(join(cwd, "i.safetensors"))).equals(whole)).toBe(true);
    await rm(join(cwd, "i.safetensors"));
    expect(await readdir(cwd)).toEqual(["whole.safetensors"]);
  });
});

test.skipIf(process.platform === "win32")(
  "a flood of blank lines is answered as it comes, and fills no memory",
  async () => {
    const child = spawn("sh", ["-c", `yes '' | "$NODE" "$MAIN" fill-mask | head -n 300000 | uniq -c`], {
      env: { ...process.env, NODE: process.execPath, MAIN },
    });
    expect((await finished(child)).stdout.trim()).toBe("300000 null");
  },
);
