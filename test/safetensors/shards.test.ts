import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type RandomAccess,
  randomAccess,
  readSafetensors,
  type TensorToWrite,
  writeSafetensors,
} from "../../src/safetensors/index.ts";
import { openShards, parseSafetensorsIndex } from "../../src/safetensors/shards.ts";

const tiny = join(import.meta.dirname, "..", "reference", "tiny");
const where = "model.safetensors.index.json";
const index = (weightMap: Record<string, unknown>) =>
  JSON.stringify({ metadata: { total_size: 4 }, weight_map: weightMap });
const shard = (...names: string[]) =>
  writeSafetensors(
    names.map((name, i): [string, TensorToWrite] => [name, { shape: [1], data: new Float32Array([i]) }]),
    [["format", names.join()]],
  );

/** Files in memory that remember whether they were closed. */
function folder(files: Record<string, Uint8Array>): {
  open: (name: string) => Promise<RandomAccess>;
  opened: Set<string>;
} {
  const opened = new Set<string>();
  return {
    opened,
    async open(name) {
      opened.add(name);
      return { ...randomAccess(files[name], `folder/${name}`), close: async () => void opened.delete(name) };
    },
  };
}

describe("parseSafetensorsIndex", () => {
  test("lists each file once, in order", () => {
    const { weightMap, shards } = parseSafetensorsIndex(
      index({ b: "2.safetensors", a: "1.safetensors", __proto: "2.safetensors" }),
      where,
    );
    expect([...weightMap]).toEqual([
      ["b", "2.safetensors"],
      ["a", "1.safetensors"],
      ["__proto", "2.safetensors"],
    ]);
    expect(shards).toEqual(["1.safetensors", "2.safetensors"]);
  });

  test.each(["1.safetensors", "a/b.safetensors", "..safetensors", "a..b", ".hidden", "é 中"])("allows %j", (name) => {
    expect(parseSafetensorsIndex(index({ a: name }), where).shards).toEqual([name]);
  });

  test.each([
    "",
    ".",
    "..",
    "../x",
    "a/../x",
    "a/..",
    "./x",
    "/x",
    "//x",
    "a//b",
    "a/",
    "\\x",
    "..\\x",
    "a\\b",
    "C:x",
    "C:\\x",
    "file:x",
    "a\0b",
  ])("refuses %j", (name) => {
    expect(() => parseSafetensorsIndex(index({ w: name }), where)).toThrow(
      expect.objectContaining({
        code: "ERR_CHECKPOINT",
        message: expect.stringContaining(`${where}: tensor "w": file must be a name inside the model's folder, got "`),
      }),
    );
  });

  test.each<[string, string, RegExp]>([
    ["no JSON", "weights", /expected the index to be an object/],
    ["cut off", '{"weight_map":{"a":"b"', /expected "," or "}" in weight_map/],
    ["something after it", `${index({})}x`, /something follows/],
    ["no weight_map", '{"metadata":{}}', /weight_map is required/],
    ["a list", '{"weight_map":["a"]}', /expected weight_map to be an object/],
    ["a number for a file", '{"weight_map":{"a":1}}', /expected the file of tensor "a" to be a string/],
    ["a tensor twice", '{"weight_map":{"a":"1","a":"2"}}', /key "a" appears twice in weight_map/],
    ["the map twice", '{"weight_map":{},"weight_map":{}}', /key "weight_map" appears twice in the index/],
  ])("refuses %s", (_, json, message) => {
    expect(() => parseSafetensorsIndex(json, where)).toThrow(
      expect.objectContaining({ code: "ERR_CHECKPOINT", message: expect.stringMatching(message) }),
    );
  });

  test("10,000 files and no more", () => {
    const files = (count: number) =>
      index(Object.fromEntries(Array.from({ length: count }, (_, i) => [`w${i}`, `${i}.safetensors`])));
    expect(parseSafetensorsIndex(files(10_000), where).shards.length).toBe(10_000);
    expect(() => parseSafetensorsIndex(files(10_001), where)).toThrow(/at most 10000 files are possible, got 10001/);
  });
});

describe("openShards", () => {
  test("the tiny model in two files equals the one in one", async () => {
    const read = (name: string) => readFileSync(join(tiny, name));
    const parsed = parseSafetensorsIndex(read("model.safetensors.index.json").toString(), where);
    expect(parsed.shards.length).toBe(2);
    const weights = await openShards(parsed, async (name) => randomAccess(read(name), name));
    const whole = readSafetensors(read("model.safetensors"));
    expect(new Set(weights.tensors.keys())).toEqual(new Set(whole.tensors.keys()));
    expect(weights.tensors.size).toBe(46);
    expect(weights.files).toEqual(parsed.shards);
    for (const { name, shape, dtype } of whole.tensors.values()) {
      expect([weights.tensors.get(name)!.shape, weights.tensors.get(name)!.dtype]).toEqual([shape, dtype]);
      const target = new Float32Array(shape.reduce((p, n) => p * n, 1));
      await weights.readInto(name, target);
      expect(target).toEqual(whole.toFloat32(name));
    }
  });

  const refuse = async (weightMap: Record<string, string>, files: Record<string, Uint8Array>, message: string) => {
    const { open, opened } = folder(files);
    await expect(openShards(parseSafetensorsIndex(index(weightMap), where), open)).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message,
    });
    expect(opened).toEqual(new Set()); // all closed again
  };

  test("a tensor that its file does not have", () =>
    refuse({ a: "1", b: "1" }, { "1": shard("a") }, 'folder/1: no tensor is named "b", but the index says so'));

  test("a tensor that is in another file than the index says", () =>
    refuse(
      { a: "1", b: "1", c: "2" },
      { "1": shard("a"), "2": shard("b", "c") },
      'folder/1: no tensor is named "b", but the index says so',
    ));

  test("a tensor in two files", () =>
    refuse({ a: "1", b: "2" }, { "1": shard("a"), "2": shard("a", "b") }, 'folder/2: tensor "a" is in folder/1 too'));

  test("a broken file", () =>
    refuse(
      { a: "1", b: "2" },
      { "1": shard("a"), "2": new Uint8Array(3) },
      "folder/2: a safetensors file has at least 8 bytes, this has 3",
    ));

  test("a tensor that the index does not list counts too; the first file's metadata win; closing closes all", async () => {
    const { open, opened } = folder({ "1": shard("a"), "2": shard("b", "c") });
    const weights = await openShards(parseSafetensorsIndex(index({ b: "2", a: "1" }), where), open);
    expect([...weights.tensors.keys()]).toEqual(["a", "b", "c"]);
    expect([...weights.metadata]).toEqual([["format", "a"]]);
    const target = new Float32Array(1);
    await weights.readInto("c", target);
    expect(target[0]).toBe(1);
    await expect(weights.readInto("d", target)).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: 'folder/1 and 1 more: no tensor is named "d"',
    });
    expect(opened.size).toBe(2);
    await weights.close();
    expect(opened.size).toBe(0);
  });
});
