import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFolder } from "../../src/disk/folders.ts";
import { makeFolder } from "../../src/disk/makeFolder.ts";
import { withOutput, withOutputFolder } from "../../src/disk/outputLock.ts";
import { sourceFiles } from "../support/syntaxTree.ts";
import { MAIN } from "../training/run/interrupted.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-make-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);
const refused = (message: string) => expect.objectContaining({ code: "ERR_FILE", message });

describe("makeFolder", () => {
  test("makes the missing folders above too, and says whether it was there", async () => {
    const deep = at(...Array.from({ length: 40 }, (_, i) => `folder-${i}`));
    expect([await makeFolder("write", deep), await makeFolder("write", deep)]).toEqual([true, false]);
    expect(statSync(deep).isDirectory()).toBe(true);
    expect(await makeFolder("write", at("folder-0", "..", "new", ""))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(["folder-0", "new"]);
    expect(await makeFolder("write", "/")).toBe(false);
  });

  test("several at once all find it there", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => makeFolder("write", at("a", "b", "c"))));
    expect(all.filter((made) => made).length).toBe(1);
    expect(existsSync(at("a", "b", "c"))).toBe(true);
  });

  test("a file in the way, and a link that leads nowhere", async () => {
    writeFileSync(at("file"), "");
    symlinkSync(at("nowhere"), at("link"));
    await expect(makeFolder("write", at("file"))).rejects.toThrow(refused(`write: ${at("file")}: is a file, not a folder`)); // biome-ignore format: one line
    for (const path of [at("file", "a"), at("file", "a", "b")])
      await expect(makeFolder("write", path)).rejects.toThrow(refused(`write: ${path}: a part of the path is a file, not a folder`)); // biome-ignore format: one line
    await expect(makeFolder("write", at("link", "a"))).rejects.toMatchObject({ code: "ERR_FILE" });
    expect(readdirSync(folder).sort()).toEqual(["file", "link"]);
    mkdirSync(at("nowhere"));
    expect(await makeFolder("write", at("link", "a"))).toBe(true);
  });
});

test("src makes folders by it alone", () => {
  const byNode = [...sourceFiles()].filter(([, source]) => /\bmkdir(Sync)?\([^;]*recursive/.test(source));
  expect(byNode.map(([path]) => path)).toEqual([]);
});

// There mkdir says "no such folder", although the one above is there: with Node's `recursive` it never ends.
describe.skipIf(!existsSync("/proc/self"))("a folder in which the system makes none", () => {
  const sentence = "cannot be made: the system makes no folder of this name there";

  test.each(["/proc/xx", "/proc/xx/yy", "/proc/self/xx"])("%s", async (path) => {
    await expect(makeFolder("write", path)).rejects.toThrow(refused(`write: ${path}: ${sentence}`));
    await expect(withOutputFolder(path, async () => {})).rejects.toThrow(refused(`write: ${path}: ${sentence}`));
    const inIt = join(path, "new");
    await expect(withOutput(inIt, { parents: true }, async () => {})).rejects.toThrow(refused(`write: ${path}: ${sentence}`)); // biome-ignore format: one line
    await expect(writeFolder(inIt, async () => {})).rejects.toThrow(refused(`writeFolder: ${path}: ${sentence}`));
  });

  test("the command says so and ends", async () => {
    const data = at("train.jsonl");
    writeFileSync(data, '{"text":"a","label":"b"}\n');
    const args = ["finetune", "--task", "text-classification", "--train-file", data, "--output", "/proc/xx"];
    const { stderr, killed } = await new Promise<{ stderr: string; killed: boolean }>((resolve) => {
      const done = (error: { killed?: boolean } | null, _: string, said: string) =>
        resolve({ stderr: said, killed: error?.killed ?? false });
      execFile(process.execPath, [MAIN, ...args], { timeout: 20_000, killSignal: "SIGKILL" }, done);
    });
    expect([killed, stderr]).toEqual([false, `plainbert: cannot write /proc/xx: ${sentence}\n`]);
  });
});
