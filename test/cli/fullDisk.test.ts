import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { plainbert, shell, TINY } from "./run.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-full-"));
afterAll(() => rm(root, { recursive: true }));

const LINES = Array.from({ length: 900 }, (_, i) => `She opened door ${i}.\n`).join("");
const EMBED = ["embed", ...TINY, "--output", "a.csv"];
const whole = async () => (await plainbert(["embed", ...TINY], { input: LINES })).stdout.split("\n").length - 1;

/** How many lines a message says are done. */
function done(stderr: string, reason: string): number {
  const kept = /^(\d+) lines are done, in a\.csv\.partial: the same command goes on there\n$/;
  expect(stderr.startsWith(`plainbert: cannot write a.csv: ${reason}; `), stderr).toBe(true);
  const [, lines] = kept.exec(stderr.slice(`plainbert: cannot write a.csv: ${reason}; `.length)) ?? [];
  return Number(lines);
}

/** Of which a file is shorter than the limit. */
const rows = (text: string) => text.split("\n").length - 2;

test.skipIf(process.platform === "win32")(
  "a file that grows beyond ulimit -f: what is done stays, and goes on without the limit",
  async () => {
    const cwd = join(root, "limit");
    await mkdir(cwd);
    await writeFile(join(cwd, "lines.txt"), LINES);
    // Dash counts blocks of 512 bytes, others of 1024.
    const limited = await shell(`ulimit -f 200; plainbert ${EMBED.join(" ")} lines.txt`, { cwd });
    expect(limited.code).toBe(1);
    const lines = done(limited.stderr, "the file would be larger than the system allows; ulimit -f tells how large");
    expect(lines).toBeGreaterThan(100);
    expect(await readdir(cwd)).toEqual(["a.csv.partial", "a.csv.partial.json", "lines.txt"]);
    expect(rows(await readFile(join(cwd, "a.csv.partial"), "utf8"))).toBe(lines);
    expect(await plainbert([...EMBED, "lines.txt"], { cwd })).toMatchObject({ code: 0, stderr: "" });
    expect(rows(await readFile(join(cwd, "a.csv"), "utf8"))).toBe(await whole());
    expect(await readdir(cwd)).toEqual(["a.csv", "lines.txt"]);
  },
);

describe.skipIf(!(await canMount()))("a full disk (needs the right to mount one)", () => {
  async function onDisk(size: string, work: (cwd: string) => Promise<void>): Promise<void> {
    const cwd = await mkdtemp(join(root, "disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", cwd], { stdio: "pipe" });
    try {
      await work(cwd);
    } finally {
      execFileSync("umount", [cwd], { stdio: "pipe" });
    }
  }

  test("embed: what is done stays, and goes on when there is room", () =>
    onDisk("128k", async (cwd) => {
      const { code, stderr } = await plainbert(EMBED, { cwd, input: LINES });
      expect(code).toBe(1);
      const lines = done(stderr, "the disk is full");
      expect(lines).toBeGreaterThan(100);
      expect(await readdir(cwd)).toEqual(["a.csv.partial", "a.csv.partial.json"]);
      execFileSync("mount", ["-o", "remount,size=20m", cwd], { stdio: "pipe" });
      expect(await plainbert(EMBED, { cwd, input: LINES })).toMatchObject({ code: 0, stderr: "" });
      expect(rows(await readFile(join(cwd, "a.csv"), "utf8"))).toBe(await whole());
      expect(await readdir(cwd)).toEqual(["a.csv"]);
    }));

  test("a disk without any room: nothing is begun, and what was there stays", () =>
    onDisk("64k", async (cwd) => {
      await writeFile(join(cwd, "full"), Buffer.alloc(1 << 16)).catch(() => {});
      for (const args of [EMBED, ["index", ...TINY, "--output", "a.safetensors"]]) {
        const { code, stderr } = await plainbert(args, { cwd, input: LINES });
        expect({ code, stderr }).toEqual({
          code: 1,
          stderr: `plainbert: cannot write ${args.at(-1)}: the disk is full\n`,
        });
        expect(await readdir(cwd)).toEqual(["full"]);
      }
    }));

  test("an index keeps the vectors that fit, and goes on when there is room", () =>
    onDisk("60k", async (cwd) => {
      await writeFile(join(root, "lines.txt"), LINES);
      const index = ["index", ...TINY, join(root, "lines.txt"), "--output"];
      expect((await plainbert([...index, join(root, "whole.safetensors")])).code).toBe(0);
      const { code, stderr } = await plainbert([...index, "a.safetensors"], { cwd });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^plainbert: cannot write a.safetensors: the disk is full; \d+ lines are done, in a/);
      expect(await readdir(cwd)).toEqual(["a.safetensors.partial", "a.safetensors.partial.json"]);
      execFileSync("mount", ["-o", "remount,size=20m", cwd], { stdio: "pipe" });
      expect(await plainbert([...index, "a.safetensors"], { cwd })).toMatchObject({ code: 0, stderr: "" });
      expect(await readdir(cwd)).toEqual(["a.safetensors"]);
      const [whole, made] = [join(root, "whole.safetensors"), join(cwd, "a.safetensors")].map((path) => readFile(path));
      expect(await made).toEqual(await whole);
    }));

  test("convert, make-examples, train-vocab: one sentence, and nothing of it is left", () =>
    onDisk("60k", async (cwd) => {
      await writeFile(join(root, "text.txt"), LINES.replaceAll(/(.*\n)/g, "$1\n"));
      for (const args of [
        ["convert", TINY[1], "model"],
        ["make-examples", join(root, "text.txt"), "--output", "examples"],
        ["train-vocab", join(root, "text.txt"), "--vocab-size", "20000", "--special-tokens", "x".repeat(90_000), "--output", "a.txt"], // biome-ignore format: one line
      ]) {
        const { code, stdout, stderr } = await plainbert(args, { cwd });
        expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
        expect(stderr).toMatch(/^plainbert: [^\n]*: the disk is full\n$/);
        expect(await readdir(cwd)).toEqual([]);
      }
    }));
});

async function canMount(): Promise<boolean> {
  const folder = await mkdtemp(join(root, "probe-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "pipe" });
    execFileSync("umount", [folder], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}
