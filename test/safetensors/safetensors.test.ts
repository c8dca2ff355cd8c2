import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { openSafetensors, randomAccess, readSafetensors, type SafetensorsHeader } from "../../src/safetensors/index.ts";

const root = join(import.meta.dirname, "..");

/** A file from the text of its header and its data; `length` is what the length field says. */
function file(json: string | Uint8Array, data: ArrayLike<number> = [], length?: bigint): Uint8Array {
  const header = typeof json === "string" ? new TextEncoder().encode(json) : json;
  const bytes = new Uint8Array(8 + header.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(header.length), true);
  bytes.set(header, 8);
  bytes.set(data, 8 + header.length);
  return bytes;
}

/** Reads from memory and by random access: the same header, or the same refusal, which is returned as an error. */
async function verdict(bytes: Uint8Array): Promise<SafetensorsHeader | BertError> {
  const settle = (error: unknown) => {
    if (error instanceof BertError && error.code === "ERR_CHECKPOINT") return error;
    throw error;
  };
  let memory: SafetensorsHeader | BertError;
  try {
    memory = readSafetensors(bytes);
  } catch (error) {
    memory = settle(error);
  }
  const streamed = await openSafetensors(randomAccess(bytes, "readSafetensors")).catch(settle);
  if (memory instanceof BertError || streamed instanceof BertError) expect(streamed).toEqual(memory);
  else expect([streamed.tensors, streamed.metadata]).toEqual([memory.tensors, memory.metadata]);
  return memory;
}

describe("verdicts on whole files", () => {
  const { cases } = JSON.parse(readFileSync(join(root, "reference", "safetensors_cases.json"), "utf8")) as {
    cases: { name: string; base64: string; expected: "accept" | "reject" }[];
  };

  test.each(cases)("$name: $expected", async ({ base64, expected }) => {
    const result = await verdict(Uint8Array.from(Buffer.from(base64, "base64")));
    expect(result instanceof BertError ? "reject" : "accept").toBe(expected);
  });

  test("the list is complete", () => {
    expect(cases.length).toBe(83);
    expect(new Set(cases.map((c) => c.expected))).toEqual(new Set(["accept", "reject"]));
  });
});

test("800 random changes to a header are judged as by the official library, which lets equal keys and odd forms pass", async () => {
  const lines = readFileSync(join(import.meta.dirname, "reference", "header_verdicts.jsonl"), "utf8")
    .trim()
    .split("\n");
  expect(lines.length).toBe(800);
  const data = Array.from({ length: 40 }, (_, i) => i);
  const counts = { accept: 0, stricter: 0, reject: 0 };
  for (const line of lines) {
    const [json, official] = JSON.parse(line) as [string, string];
    const result = await verdict(file(json, data));
    if (official === "reject") {
      expect(result, json).toBeInstanceOf(BertError);
      counts.reject++;
    } else if (result instanceof BertError) {
      expect(result.message, json).toMatch(
        /appears twice|to be an object|dtype of .* to be a string|to 2\^53 - 1, got [0-9]{16}/,
      );
      counts.stricter++;
    } else counts.accept++;
  }
  expect(counts.accept).toBeGreaterThan(150);
  expect(counts.reject).toBeGreaterThan(500);
  expect(counts.stricter).toBeLessThan(20);
});

describe("each rule is named in the message", () => {
  const entry = (fields: string) => `{"w":{${fields}}}`;
  const whole = (dtype: string, shape: string, begin: number | string, end: number | string) =>
    entry(`"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]`);

  test.each<[string, Uint8Array, RegExp]>([
    ["shorter than a length field", new Uint8Array(7), /at least 8 bytes, this has 7/],
    [
      "header over the limit",
      file("{}", [], 100_000_001n),
      /may have 100000000 bytes, its length field says 100000001/,
    ],
    [
      "a pointer of git-lfs",
      new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"),
      /is no safetensors file but a pointer of git-lfs: `git lfs pull` brings the file itself$/,
    ],
    [
      "a page of HTML",
      new TextEncoder().encode("<!DOCTYPE html><title>Log in</title>"),
      /is no safetensors file but a page of HTML that begins with "<!DOCTYP"$/,
    ],
    [
      "a text",
      new TextEncoder().encode("Entry not found"),
      /is no safetensors file but a text that begins with "Entry no"$/,
    ],
    ["length of 64 ones", file("{}", [], 2n ** 64n - 1n), /length field says 18446744073709551615/],
    ["header beyond the file", file("{}", [], 3n), /should have 3 bytes, only 2 follow/],
    ["not UTF-8", file(new Uint8Array([0x7b, 0xff, 0x7d])), /not UTF-8/],
    ["a surrogate in UTF-8", file(new Uint8Array([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22])), /not UTF-8/],
    ["byte order mark", file("\ufeff{}"), /expected the header to be an object/],
    ["no-break space is not white space", file("\u00a0{}"), /expected the header to be an object/],
    ["an array", file("[]"), /expected the header to be an object/],
    ["something after the end", file("{}\0"), /something follows the closing brace/],
    ["control character in a name", file('{"a\nb":1}'), /a key in the header has a control character or no end/],
    ["wrong escape", file('{"\\x":1}'), /a key in the header has a wrong escape/],
    ["half an escape", file('{"\\u00'), /a key in the header has a control character or no end/],
    ["lone surrogate", file('{"\\udc00\\ud800":1}'), /a key in the header has a lone surrogate/],
    [
      "equal names",
      file('{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0077":{}}'),
      /key "w" appears twice in the header/,
    ],
    ["equal fields", file(entry('"dtype":"U8","dtype":"U8"')), /key "dtype" appears twice in tensor "w"/],
    ["equal unknown fields", file(entry('"x":{"y":1,"y":2}')), /key "y" appears twice in "x" of tensor "w"/],
    ["equal metadata keys", file('{"__metadata__":{"k":"1","k":"1"}}'), /key "k" appears twice in __metadata__/],
    ["metadata not a string", file('{"__metadata__":{"k":1}}'), /expected __metadata__ "k" to be a string/],
    ["nesting", file(entry(`"x":${"[".repeat(126)}`)), /nested deeper than 127/],
    ["a number that is none", file(entry('"x":1e999')), /expected "x" of tensor "w" to be a JSON value/],
    [
      "missing field",
      file(entry('"dtype":"U8","shape":[]')),
      /tensor "w": dtype, shape and data_offsets are all required/,
    ],
    ["dtype", file(whole("f32", "[]", 0, 4)), /tensor "w": dtype "f32" is not one of the format/],
    ["dtype named as a property of objects", file(whole("constructor", "[]", 0, 4)), /dtype "constructor" is not one/],
    ["shape not an array", file(whole("F32", "{}", 0, 4)), /expected shape of tensor "w" to be an array/],
    ["negative size", file(whole("F32", "[-1]", 0, 4)), /shape of tensor "w" to be a whole number .* got -1/],
    ["size with a fraction", file(whole("F32", "[1.0]", 0, 4)), /shape of tensor "w" to be a whole number .* got 1\.0/],
    ["size as a power", file(whole("F32", "[1e0]", 0, 4)), /shape of tensor "w" to be a whole number .* got 1e0/],
    ["size of 2^53", file(whole("F32", "[9007199254740992]", 0, 4)), /got 9007199254740992/],
    [
      "overflow before 0",
      file(whole("F32", `[${2 ** 40},${2 ** 40},0]`, 0, 0)),
      /F32 \[.*\] has 2\^64 elements or more/,
    ],
    ["overflow by one", file(whole("F32", `[${2 ** 32},${2 ** 32},0]`, 0, 0)), /has 2\^64 elements or more/],
    ["too many bits", file(whole("F32", `[${2 ** 31},${2 ** 31}]`, 0, 0)), /takes 2\^64 bits or more/],
    ["half a byte", file(whole("F4", "[3]", 0, 1), [0]), /F4 \[3\] does not end at a whole byte/],
    ["three offsets", file(whole("U8", "[1]", "0,0", 1), [0]), /data_offsets must be \[begin, end\], got \[0,0,1\]/],
    ["decreasing offsets", file(whole("U8", "[1]", 1, 0), [0]), /data_offsets must not decrease, got \[1,0\]/],
    [
      "size is not shape times dtype",
      file(whole("F32", "[2]", 0, 4), [0, 0, 0, 0]),
      /F32 \[2\] takes 8 bytes, data_offsets give 4/,
    ],
    [
      "hole",
      file(whole("U8", "[1]", 1, 2), [0, 0]),
      /tensor "w" starts at byte 1 of the data, must be 0: it leaves a hole/,
    ],
    [
      "truncated",
      file(whole("U8", "[2]", 0, 2), [0]),
      /tensors take 2 bytes, the file has 1 after its header: truncated/,
    ],
    ["appended", file(whole("U8", "[1]", 0, 1), [0, 0]), /tensors take 1 bytes, the file has 2 after .* appended/],
  ])("%s", async (_, bytes, message) => {
    const result = await verdict(bytes);
    expect(result).toBeInstanceOf(BertError);
    expect((result as BertError).message).toMatch(message);
  });

  test("an overlap", async () => {
    const json =
      '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}';
    expect(String(await verdict(file(json, [0, 0, 0])))).toMatch(/tensor "b" .* overlaps the tensor before it/);
  });

  test("names that could harm a terminal or fill a screen are made harmless", async () => {
    const name = `\u001b[2J\u009b\u202e${"x".repeat(1000)}`;
    const message = String(await verdict(file(JSON.stringify({ [name]: 1 }))));
    expect(message).toContain('"\\u{1b}[2J\\u{9b}\\u{202e}xxx');
    expect(message.length).toBeLessThan(400);
  });
});

test("nesting is allowed to the official library's limit", async () => {
  const nested = (depth: number) =>
    file(`{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":${"[".repeat(depth)}${"]".repeat(depth)}}}`);
  expect(await verdict(nested(125))).not.toBeInstanceOf(BertError);
  expect(await verdict(nested(126))).toBeInstanceOf(BertError);
});

test("an empty tensor may be listed after the one that starts where it does", async () => {
  const json =
    '{"full":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"empty":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}';
  const header = await verdict(file(json, [0, 0]));
  expect(header instanceof BertError ? header : [...header.tensors.keys()]).toEqual(["empty", "full"]);
});

test("a product of 0 is judged as the official library judges it: 2^60 before it is in order", async () => {
  const header = await verdict(file('{"w":{"dtype":"F32","shape":[1073741824,1073741824,0],"data_offsets":[0,0]}}'));
  expect(header).not.toBeInstanceOf(BertError);
});

test("any name is only a name", () => {
  const names = ["", "__proto__", "constructor", "toString", "a\u0000b", "\u{1f600}"];
  const entries = names.map(
    (name, i) => `${JSON.stringify(name)}:{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`,
  );
  const metadata = '"__metadata__":{"__proto__":"p","":"e"}';
  const read = readSafetensors(file(`{${[metadata, ...entries].join(",")}}`, [0, 1, 2, 3, 4, 5]));
  expect([...read.tensors.keys()]).toEqual(names);
  names.forEach((name, i) => {
    expect(read.bytes(name)).toEqual(new Uint8Array([i]));
  });
  expect([...read.metadata]).toEqual([
    ["__proto__", "p"],
    ["", "e"],
  ]);
  expect(() => read.bytes("hasOwnProperty")).toThrow('readSafetensors: no tensor is named "hasOwnProperty"');
});

test("what is not bytes is refused", () => {
  for (const wrong of [null, undefined, "text", [1, 2], new Float32Array(4)])
    expect(() => readSafetensors(wrong as unknown as Uint8Array)).toThrow(
      /bytes must be a Uint8Array or an ArrayBuffer/,
    );
  const bytes = file("{}");
  expect(readSafetensors(bytes.buffer).tensors.size).toBe(0);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  expect(readSafetensors(shared).tensors.size).toBe(0);
  expect(readSafetensors(shared.buffer).tensors.size).toBe(0);
});

test("every official file here is readable to its last byte", async () => {
  const paths = ["reference", join("safetensors", "reference"), join("..", "weights")].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".safetensors"))
      .map((path) => join(root, folder, path)),
  );
  expect(paths.length).toBeGreaterThanOrEqual(32);
  for (const path of paths) {
    const bytes = readFileSync(path);
    const header = await verdict(bytes);
    if (header instanceof BertError) throw header;
    const last = [...header.tensors.values()].at(-1);
    if (last) expect(last.byteOffset + last.byteLength).toBe(bytes.length);
    for (const { shape, dtype, byteLength } of header.tensors.values())
      if (dtype === "F32") expect(shape.reduce((p, n) => p * n, 4)).toBe(byteLength);
  }
});
