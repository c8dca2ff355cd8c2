import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { finished, head, MAIN, type Result, TINY } from "./run.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-two-"));
afterAll(() => rm(root, { recursive: true }));

/** A folder for each test. */
let cwd = "";
let count = 0;
beforeEach(async () => {
  cwd = join(root, String(count++));
  await mkdir(cwd);
  await mkdir(join(cwd, "tokenizer"));
  const text = Array.from({ length: 40 }, (_, i) => `A line with word ${i}.\nAnother one.\n\n`).join("");
  await writeFile(join(cwd, "text.txt"), text);
  const book = Array.from(
    { length: 30_000 },
    (_, i) => `word${i % 997}x${i % 89} and ${(i * 7919) % 4999} more\n`,
  ).join("");
  await writeFile(join(cwd, "book.txt"), book);
  await writeFile(join(cwd, "masks.txt"), "The [MASK] is open.\n".repeat(40));
  const rows = ["A fine film.", "A poor film."].map((text, label) => JSON.stringify({ text, label: `${label}` }));
  await writeFile(join(cwd, "data.jsonl"), `${rows.join("\n")}\n`);
});

const start = (args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
const run = (args: readonly string[]): Promise<Result> => finished(start(args));

/** The content of a file, or of each file in a folder, but for how fast a training was. */
async function contents(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const names = (await stat(path)).isDirectory() ? await readdir(path, { recursive: true }) : ["."];
  for (const name of names) {
    if (name === "curves.svg" || (await stat(join(path, name))).isDirectory()) continue;
    const bytes = await readFile(join(path, name));
    const text = bytes.toString("latin1");
    const speed = /,"tokens_per_second":[^}]*|"log": \{[^}]*\}|"checksum": "\w+"/g;
    found[name] = /\.jsonl?$/.test(name) ? text.replace(speed, "") : text;
  }
  return found;
}

const TRAINING = ["--model", head("mlm"), "--backend", "plain", "--max-steps", "60", "--save-steps", "20"];
const COMMANDS: readonly (readonly [string, readonly string[], string])[] = [
  ["embed", ["embed", ...TINY, "text.txt", "--output", "out.csv"], ".out.csv.lock"],
  ["fill-mask", ["fill-mask", ...TINY, "--input", "masks.txt", "--output", "out.jsonl"], ".out.jsonl.lock"],
  ["index", ["index", ...TINY, "text.txt", "--output", "out.safetensors"], ".out.safetensors.lock"],
  ["convert", ["convert", TINY[1], "out"], ".out.lock"],
  ["convert --force", ["convert", "--force", TINY[1], "out"], ".out.lock"],
  ["train-vocab", ["train-vocab", "book.txt", "--output", "out.txt"], ".out.txt.lock"],
  ["train-vocab, a folder", ["train-vocab", "book.txt", "--output", "tokenizer"], "tokenizer/.lock"],
  ["make-examples", ["make-examples", "text.txt", "--output", "out"], ".out.lock"],
  [
    "finetune",
    ["finetune", "--task", "text-classification", "--train-file", "data.jsonl", ...TRAINING, "--output", "out"],
    "out/.lock",
  ],
  [
    "finetune --resume",
    ["finetune", "--task", "text-classification", "--train-file", "data.jsonl", ...TRAINING, "--resume", "--output", "out"], // biome-ignore format: one line
    "out/.lock",
  ],
];

/** What training says in a log, and other commands nothing: how far it is. */
const PROGRESS = /^(?: *\d+ % .*\n)*$/;

describe.skipIf(process.platform === "win32")(
  "two processes, one output: the second is refused, and the first is right",
  () => {
    test.each(COMMANDS)("%s", async (_, args, lock) => {
      const output = args[0] === "convert" ? "out" : args[args.indexOf("--output") + 1];
      const first = start(args);
      const result = finished(first);
      while (!existsSync(join(cwd, lock)) && first.exitCode === null) await new Promise((turn) => setTimeout(turn, 1));
      first.kill("SIGSTOP"); // it has as much time as it likes
      await new Promise((turn) => setTimeout(turn, 300)); // until all its threads stand
      const before = await readdir(cwd, { recursive: true });
      const second = await run(args);
      expect(await readdir(cwd, { recursive: true })).toEqual(before); // not a temporary file of it is gone
      first.kill("SIGCONT");
      expect({ code: second.code, stdout: second.stdout }).toEqual({ code: 1, stdout: "" });
      expect(second.stderr).toMatch(
        new RegExp(`^plainbert: ${output}: is being written by process ${first.pid}, since [-0-9: ]+ UTC\n$`),
      );
      expect(await result).toMatchObject({ code: 0, stderr: expect.stringMatching(PROGRESS) });
      expect(existsSync(join(cwd, lock))).toBe(false);

      const written = await contents(join(cwd, output));
      if (output === "tokenizer") for (const name of Object.keys(written)) await rm(join(cwd, output, name));
      else await rm(join(cwd, output), { recursive: true });
      expect(await run(args)).toMatchObject({ code: 0 });
      expect(await contents(join(cwd, output))).toEqual(written);
    });
  },
);

describe.skipIf(process.platform === "win32")("what a killed process leaves is removed by the next run", () => {
  test.each(COMMANDS.filter(([name]) => name !== "convert --force"))("%s", async (_, args, lock) => {
    const output = args[0] === "convert" ? "out" : args[args.indexOf("--output") + 1];
    const leftovers = async () =>
      (await readdir(cwd, { recursive: true })).filter((name) => /(^|\/)\.|\.partial/.test(name));
    let seen = 0;
    for (let kill = 0; kill < 6; kill++) {
      const child = start(args);
      const result = finished(child);
      while (!existsSync(join(cwd, lock)) && child.exitCode === null) await new Promise((turn) => setTimeout(turn, 1));
      await new Promise((turn) => setTimeout(turn, 25 * kill));
      child.kill("SIGKILL");
      await result;
      seen += (await leftovers()).length;
      if (child.exitCode === 0 && output !== "tokenizer") await rm(join(cwd, output), { recursive: true });
    }
    expect(seen).toBeGreaterThan(0);
    const again = args[0] === "finetune" ? [...args, "--resume"] : args;
    expect(await run(again)).toMatchObject({ code: 0, stderr: expect.stringMatching(PROGRESS) });
    expect(await leftovers()).toEqual([]);
  });
});

test("a folder that a killed `convert --force` was replacing is there again", async () => {
  expect(await run(["convert", TINY[1], "out"])).toMatchObject({ code: 0 });
  await cp(join(cwd, "out"), join(cwd, "copy"), { recursive: true });
  for (let kill = 0; kill < 8; kill++) {
    const child = start(["convert", "--force", TINY[1], "out"]);
    const result = finished(child);
    while (!existsSync(join(cwd, ".out.lock")) && child.exitCode === null) await new Promise((turn) => setTimeout(turn, 1)); // biome-ignore format: one line
    await new Promise((turn) => setTimeout(turn, 12 * kill));
    child.kill("SIGKILL");
    await result;
    const refused = await run(["convert", TINY[1], "out"]); // without --force: it must find the folder that was there
    expect(refused.code).toBe(1);
    expect(await contents(join(cwd, "out"))).toEqual(await contents(join(cwd, "copy")));
  }
});
