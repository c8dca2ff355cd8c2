import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { writeFolderAtomically } from "../../src/hub/folders.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-folders-"));
afterAll(() => rm(root, { recursive: true }));

describe("writeFolderAtomically", () => {
  let parent: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(root, "case-"));
  });

  test.each(["new", "empty", "slash"])("%s: the folder appears when it is whole", async (kind) => {
    const path = join(parent, "out");
    if (kind === "empty") await mkdir(path);
    await writeFolderAtomically(kind === "slash" ? `${path}/` : path, async (temporary) => {
      await writeFile(join(temporary, "a"), "1");
      expect(await readdir(path).catch(() => [])).toEqual([]);
    });
    expect(await readdir(parent)).toEqual(["out"]);
    expect(await readFile(join(path, "a"), "utf8")).toBe("1");
  });

  test("a failure leaves nothing", async () => {
    const failure = new Error("no");
    const written = writeFolderAtomically(join(parent, "out"), async (temporary) => {
      await writeFile(join(temporary, "a"), "1");
      throw failure;
    });
    await expect(written).rejects.toBe(failure);
    expect(await readdir(parent)).toEqual([]);
  });

  test("what is there stays, and nothing is begun", async () => {
    await writeFile(join(parent, "file"), "1");
    const never = () => Promise.reject(new Error("called"));
    await expect(writeFolderAtomically(parent, never)).rejects.toThrow(`${parent}: must be new or an empty folder, has something in it`); // biome-ignore format: one line
    await expect(writeFolderAtomically(join(parent, "file"), never)).rejects.toMatchObject({ code: "ERR_FILE" });
    await expect(writeFolderAtomically(join(parent, "no", "out"), never)).rejects.toThrow("no such file or folder");
    expect(await readdir(parent)).toEqual(["file"]);
  });
});
