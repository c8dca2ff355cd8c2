import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { overlap, writeFolder } from "../../src/disk/folders.ts";
import { type SizedTensor, saveWeights } from "../../src/load/saveModel.ts";
import { readSafetensors } from "../../src/safetensors/index.ts";

/** Set by a test: the renames that fail, counted from 1. */
const disk = vi.hoisted(() => ({ renames: 0, fails: [] as number[] }));
vi.mock("node:fs/promises", async (load) => {
  const real = await load<typeof import("node:fs/promises")>();
  const rename = async (from: string, to: string) => {
    if (disk.fails.includes(++disk.renames)) throw Object.assign(new Error("EACCES"), { code: "EACCES" });
    return real.rename(from, to);
  };
  return { ...real, rename };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-folders-"));
});
afterEach(() => {
  disk.fails = [];
  rmSync(folder, { recursive: true, force: true });
});
const at = (...names: string[]) => join(folder, ...names);
const fill = async (path: string) => writeFileSync(join(path, "config.json"), "new");

describe("writeFolder", () => {
  test("what fill throws is the error, and nothing is left of the new folder", async () => {
    const failing = async (path: string) => {
      await fill(path);
      expect(existsSync(at("to"))).toBe(false);
      throw new RangeError("no more");
    };
    await expect(writeFolder(at("to"), failing)).rejects.toThrow(new RangeError("no more"));
    expect(readdirSync(folder)).toEqual([]);
  });

  test("with force the old folder stays until the new one is whole, and stays if that fails", async () => {
    mkdirSync(at("to"));
    writeFileSync(at("to", "config.json"), "old");
    const failing = async () => {
      expect(readFileSync(at("to", "config.json"), "utf8")).toBe("old");
      throw new RangeError("no more");
    };
    await expect(writeFolder(at("to"), failing, true)).rejects.toThrow(RangeError);
    for (const which of [1, 2]) {
      disk.renames = 0;
      disk.fails = [which];
      await expect(writeFolder(at("to"), fill, true)).rejects.toMatchObject({
        code: "ERR_FILE",
        message: `writeFolder: ${at("to")}: permission denied`,
      });
      expect(readFileSync(at("to", "config.json"), "utf8")).toBe("old");
      expect(readdirSync(folder)).toEqual(["to"]);
    }
    disk.fails = [];
    await writeFolder(at("to"), fill, true);
    expect(readFileSync(at("to", "config.json"), "utf8")).toBe("new");
    expect(readdirSync(folder)).toEqual(["to"]);
  });
});

test("overlap follows links and sees folders that are not there yet", async () => {
  mkdirSync(at("a", "b"), { recursive: true });
  symlinkSync(at("a"), at("link"));
  for (const other of ["a", "a/b", "a/b/c/d", "link", "link/new", "a/../a", "."])
    expect(await overlap(at("a"), at(other)), other).toBe(true);
  for (const other of ["ab", "b", "a/../new", "link/../new"])
    expect(await overlap(at("a"), at(other)), other).toBe(false);
});

describe("saveWeights", () => {
  const tensor = (length: number, data: SizedTensor["data"] = new Float32Array(length)): SizedTensor => ({
    dtype: "F32",
    shape: [length],
    data,
  });

  test("splits in order: a file takes tensors until the next does not fit, a larger one is alone", async () => {
    const sizes = { a: 2, b: 3, c: 1, d: 9, e: 5 };
    const files = await saveWeights(
      folder,
      Object.entries(sizes).map(([name, n]) => [name, tensor(n)]),
      5 * 4,
    );
    expect(files).toEqual([
      ...[1, 2, 3, 4].map((n) => `model-0000${n}-of-00004.safetensors`),
      "model.safetensors.index.json",
    ]);
    const held = files.slice(0, 4).map((name) => [...readSafetensors(readFileSync(at(name))).tensors.keys()]);
    expect(held).toEqual([["a", "b"], ["c"], ["d"], ["e"]]);
    expect(JSON.parse(readFileSync(at("model.safetensors.index.json"), "utf8"))).toEqual({
      metadata: { total_size: 80 },
      weight_map: Object.fromEntries(held.flatMap((names, i) => names.map((name) => [name, files[i]]))),
    });
  });

  test("elements may be fetched when their turn comes, one tensor after the other", async () => {
    const order: string[] = [];
    const fetched = (name: string) => async () => {
      order.push(`${name} asked`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push(`${name} there`);
      return Float32Array.of(1, 2);
    };
    const tensors = ["a", "b"].map((name) => [name, tensor(2, fetched(name))] as const);
    expect(await saveWeights(folder, tensors)).toEqual(["model.safetensors"]);
    expect(order).toEqual(["a asked", "a there", "b asked", "b there"]);
    expect([...readSafetensors(readFileSync(at("model.safetensors"))).toFloat32("b")]).toEqual([1, 2]);
    const short = [["a", tensor(3, async () => new Float32Array(2))]] as const;
    await expect(saveWeights(at("."), short)).rejects.toMatchObject({ code: "ERR_INPUT" });
  });
});
