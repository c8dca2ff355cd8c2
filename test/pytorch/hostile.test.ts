import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openPytorch } from "../../src/pytorch/pytorchReader.ts";
import { randomAccess } from "../../src/safetensors/index.ts";
import {
  bytes,
  checkpoint,
  type Entry,
  global,
  int,
  stateDict,
  tensor,
  text,
  tuple,
  u16,
  u32,
  u64,
  zip,
} from "./write.ts";

const open = (file: Uint8Array) => openPytorch(randomAccess(file, "x"));
const refused = (message: string | RegExp) => ({
  name: "BertError",
  code: "ERR_CHECKPOINT",
  message: typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message),
});

describe("pickles that name what they should not: refused by the name, and nothing is run", () => {
  const folder = join(import.meta.dirname, "reference");
  const files = readdirSync(folder).filter((name) => name.startsWith("hostile."));

  test.each(files)("%s, which torch.load(weights_only=True) refuses too", async (name) => {
    await expect(open(readFileSync(join(folder, name)))).rejects.toMatchObject(
      refused(
        /"(posix\.system|(__builtin__|builtins)\.(eval|getattr)|torch\.nn\.modules\.linear\.Linear)" is not one of the names/,
      ),
    );
    expect(existsSync("pwned")).toBe(false);
  });
  test("there are eight", () => expect(files.length).toBe(8));

  test.each([
    ["GLOBAL", bytes(0x80, 2, global("os", "system"), text("x"), 0x85, "R.")],
    ["STACK_GLOBAL", bytes(0x80, 4, text("os"), text("system"), 0x93, text("x"), 0x85, "R.")],
    ["a prototype's name", bytes(0x80, 2, global("__proto__", "constructor"), ".")],
    ["half a name that is allowed", bytes(0x80, 2, global("torch", "_utils._rebuild_tensor_v2 "), ".")],
    ["a name that is no text", bytes(0x80, 4, int(1), int(2), 0x93, ".")],
  ])("%s", async (_, pickle) => {
    await expect(open(checkpoint(pickle))).rejects.toMatchObject(refused("is not one of the names that tensors need"));
  });
});

describe("pickles that break a rule", () => {
  const ALLOWED = "\x80\x95(N\x88\x89JKM\x8aGX\x8c)\x85\x86\x87t]ae}suc\x93RbQqr\x94hj.";
  const others = Array.from({ length: 256 }, (_, code) => code).filter(
    (code) => !ALLOWED.includes(String.fromCharCode(code)),
  );

  test("every other opcode", async () => {
    expect(others.length).toBe(256 - 35);
    for (const code of others) {
      const pickle = bytes(0x80, 2, "N", code, ".");
      await expect(open(checkpoint(pickle)), String(code)).rejects.toMatchObject(
        refused(`pickle, byte 4: opcode 0x${code.toString(16)} is not one that tensors need`),
      );
    }
  });

  const deep = 1_000_000;
  test.each<[string, Uint8Array, string]>([
    ["nothing", bytes(), "the pickle breaks off"],
    ["no end", bytes(0x80, 2, "N"), "the pickle breaks off"],
    ["an end without a value", bytes(0x80, 2, "."), "a value is missing"],
    ["values left over", bytes(0x80, 2, "NN."), "1 values are left over"],
    ["bytes left over", bytes(0x80, 2, "N.N"), "data.pkl must end at byte 4, has 5"],
    ["protocol 0", bytes(0x80, 0, "N."), "protocol must be from 2 to 5, got 0"],
    ["a text of 4 GB", bytes(0x80, 2, "X", u32(0xffffffff), "abc."), "the pickle breaks off"],
    ["a frame of 2^64 − 1 bytes", bytes(0x80, 4, 0x95, u64(-1n), "N."), "a frame breaks off"],
    ["a text that is not UTF-8", bytes(0x80, 2, "X", u32(1), 0xff, "."), "a string is not UTF-8"],
    ["an integer that breaks off", bytes(0x80, 2, 0x8a, 255, "abc"), "the pickle breaks off"],
    ["a memory that is empty", bytes(0x80, 2, "h", 3, "."), "no value was remembered as 3"],
    ["a tuple without a mark", bytes(0x80, 2, "NNt."), "a mark is missing"],
    ["a tuple over a mark", bytes(0x80, 2, "N(N", 0x86, "."), "a value is missing"],
    ["a mark as value", bytes(0x80, 2, "(q", 0, "."), "a value is missing"],
    ["items of a number", bytes(0x80, 2, "K", 1, "K", 1, "K", 1, "s."), "items may be set in a dict alone"],
    ["a key without a value", bytes(0x80, 2, "}(Nu."), "a key has no value"],
    ["a dict as a key", bytes(0x80, 2, "}}Ns."), "a key of a dict must be text or a number, is a dict"],
    ["a key twice", bytes(0x80, 2, "}(", text("a"), "N", text("a"), "Nu."), 'key "a" is there twice'],
    ["values added to a tuple", bytes(0x80, 2, ")Na."), "values may be added to a list alone"],
    ["a text that is called", bytes(0x80, 2, text("f"), ")R."), 'the text "f" must not be called'],
    [
      "a type that is called",
      bytes(0x80, 2, global("torch", "FloatStorage"), ")R."),
      "torch.FloatStorage must not be called",
    ],
    ["arguments that are no tuple", bytes(0x80, 2, global("collections", "OrderedDict"), "]R."), "must not be called"],
    [
      "attributes of a name",
      bytes(0x80, 2, global("torch", "float32"), "}b."),
      "torch.float32 must not have attributes",
    ],
    ["a dict from pairs", bytes(0x80, 2, global("collections", "OrderedDict"), "]", 0x85, "R."), "must start empty"],
    [
      "a parameter of nothing",
      bytes(0x80, 2, global("torch._utils", "_rebuild_parameter"), ")R."),
      "must be a tensor, is undefined",
    ],
    ["a list", bytes(0x80, 2, "]."), "must hold a dict of tensors, as model.state_dict() gives, holds a list"],
    ["a tensor alone", bytes(0x80, 2, tensor(), "."), "holds a tensor or storage"],
    ["a number in the dict", stateDict({ epoch: int(3) }), 'holds "epoch", which is 3'],
    ["dicts in the dict", stateDict({ state_dict: bytes("}") }), 'holds "state_dict", which is a dict'],
    ["a number for a name", bytes(0x80, 2, "}", int(1), tensor(), "s."), 'holds "1", which is a tensor'],
    ["a million nested lists", bytes(0x80, 2, "]".repeat(deep), "a".repeat(deep - 1), "."), "holds a list"],
    ["a million nested tuples", bytes(0x80, 2, ")", "\x85".repeat(deep), "."), "holds a tuple"],
    ["a dict that is in itself", bytes(0x80, 2, "}q", 0, text("a"), "h", 0, "s."), 'holds "a", which is a dict'],
  ])("%s", async (_, pickle, message) => {
    await expect(open(checkpoint(pickle))).rejects.toMatchObject(refused(message));
  });

  test("what is no tensor beside tensors is left alone", async () => {
    const pickle = stateDict({ epoch: int(3), w: tensor(), optimizer: bytes("}"), note: text("x"), none: bytes("N") });
    expect([...(await open(checkpoint(pickle))).tensors.keys()]).toEqual(["w"]);
  });

  test("a huge place in the memory takes no room", async () => {
    const far = bytes(0x80, 2, "}r", u32(0xffffffff), text("a"), tensor(), "sj", u32(0xffffffff), 0x85, "0");
    await expect(open(checkpoint(far))).rejects.toMatchObject(refused("opcode 0x30")); // POP is not needed by tensors
    const pickle = bytes(0x80, 2, "}r", u32(0xffffffff), text("a"), tensor(), "s.");
    expect([...(await open(checkpoint(pickle))).tensors.keys()]).toEqual(["a"]);
  });

  test("a pickle of more than 16 MiB is not even read", async () => {
    await expect(open(checkpoint(new Uint8Array((1 << 24) + 1)))).rejects.toMatchObject(
      refused('"a/data.pkl" may have 16777216 bytes, has 16777217'),
    );
  });
});

describe("tensors that are not what their storage holds", () => {
  const one = (parts: Parameters<typeof tensor>[0]) => checkpoint(stateDict({ w: tensor(parts) }));

  test("as it should be", async () => {
    const weights = await open(one({}));
    const target = new Float32Array(6);
    await weights.readInto("w", target);
    expect([...target]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test.each<[string, Parameters<typeof tensor>[0], string]>([
    ["past the end", { shape: [7], stride: [1] }, "must stay within its 6 elements"],
    ["an offset past the end", { offset: 1 }, "must stay within its 6 elements"],
    ["an offset of 2^53", { offset: 2n ** 53n }, "must be whole numbers from 0"],
    ["a negative offset", { offset: -1 }, "must be whole numbers from 0"],
    ["a negative size", { shape: [-2, 3] }, "must be whole numbers from 0"],
    ["a negative stride", { stride: [-3, 1] }, "must be whole numbers from 0"],
    ["a stride that overflows 64 bits", { stride: [2n ** 63n - 1n, 1] }, "must be whole numbers from 0"],
    [
      "a stride whose product overflows",
      { shape: [3, 2], stride: [2n ** 52n, 2n ** 52n] },
      "must stay within its 6 elements",
    ],
    ["sizes whose product overflows", { shape: [2n ** 40n, 2n ** 40n], stride: [0, 0] }, "has 2^64 elements or more"],
    ["an overflow beside a zero", { shape: [2n ** 52n, 2n ** 52n, 0], stride: [0, 0, 0] }, "has 2^64 elements or more"],
    ["an element repeated a billion times", { shape: [1e9], stride: [0] }, "must not repeat elements"],
    ["fewer strides than sizes", { stride: [1] }, "a stride for each"],
    ["65 sizes", { shape: Array(65).fill(1), stride: Array(65).fill(1) }, "of at most 64 sizes"],
    ["a storage that is missing", { key: "1" }, "data/1 must have 24 bytes, is missing"],
    ["a storage outside of the archive", { key: "../data/0" }, "data/../data/0 must have 24 bytes, is missing"],
    ["a storage of another length", { length: 7 }, "data/0 must have 28 bytes, has 24"],
    ["a storage of 2^63 elements", { length: 2n ** 63n - 1n }, "a persistent id must be"],
    ["a storage of a negative length", { length: -6 }, "a persistent id must be"],
    ["a dtype for a storage", { type: global("torch", "float32") }, "a persistent id must be"],
    ["a function for a storage", { type: global("torch._utils", "_rebuild_tensor_v2") }, "a persistent id must be"],
    ["a text for a storage", { type: text("FloatStorage") }, "a persistent id must be"],
    [
      "bytes without a dtype",
      { type: global("torch.storage", "UntypedStorage"), length: 24 },
      "a tensor on bytes must have a dtype",
    ],
  ])("%s", async (_, parts, message) => {
    await expect(open(one(parts))).rejects.toMatchObject(refused(message));
  });

  test("one storage as two types", async () => {
    const double = { type: global("torch", "DoubleStorage"), length: 3, shape: [3], stride: [1] };
    await expect(open(checkpoint(stateDict({ a: tensor(), b: tensor(double) })))).rejects.toMatchObject(
      refused('storage "0" is described in two ways'),
    );
  });

  test("a tensor without a storage, and an id that is no tuple", async () => {
    const rebuild = bytes(
      global("torch._utils", "_rebuild_tensor_v2"),
      tuple(text("0"), int(0), tuple(), tuple()),
      "R",
    );
    await expect(open(checkpoint(stateDict({ a: rebuild })))).rejects.toMatchObject(
      refused('a tensor must have a storage, has the text "0"'),
    );
    await expect(open(checkpoint(bytes(0x80, 2, text("0"), "Q.")))).rejects.toMatchObject(
      refused('a persistent id must be a tuple, is the text "0"'),
    );
  });
});

describe("zip files that are not torch.save's", () => {
  const pickle: Entry = { name: "a/data.pkl", content: stateDict({ w: tensor() }) };
  const numbers: Entry = { name: "a/data/0", content: new Uint8Array(24) };

  test.each<[string, Uint8Array, string | RegExp]>([
    ["an empty file", bytes(), "is not a file of torch.save"],
    ["a text", bytes("version https://git-lfs…"), "is not a file of torch.save: it is a pointer of git-lfs"],
    ["a compressed entry", zip([pickle, { ...numbers, method: 8 }]), '"a/data/0" is compressed'],
    ["an encrypted entry", zip([pickle, { ...numbers, flags: 1 }]), '"a/data/0" is encrypted'],
    ["two entries of one name", zip([pickle, numbers, numbers]), "two entries have the same name"],
    [
      "two entries on the same bytes",
      zip([pickle, numbers, { ...numbers, offset: 0 }]),
      '"a/data/0" has another name where its data are',
    ],
    ["an entry inside another", nested(), "must not start before byte"],
    ["an entry larger than the file", zip([pickle, { ...numbers, size: 1000 }]), "must end before the directory"],
    ["an entry after the directory", zip([pickle, { ...numbers, offset: 100_000 }]), "must start before the directory"],
    ["a position where no entry is", zip([pickle, { ...numbers, offset: 5 }]), "no entry starts at byte 5"],
    [
      "another name in the directory",
      zip([pickle, { ...numbers, centralName: "a/data/1" }]),
      '"a/data/1" has another name',
    ],
    ...["../data.pkl", "/a/data.pkl", "a/../data.pkl", "a\\data.pkl", "C:a/data.pkl", "a//data.pkl", "a/", ""].map(
      (name): [string, Uint8Array, string] => [
        `an entry named ${JSON.stringify(name)}`,
        zip([pickle, { ...numbers, name }]),
        "an entry must be a file inside the archive",
      ],
    ),
    ["a name that is not UTF-8", zip([pickle, { ...numbers, name: "a/\xff" }]), "an entry's name is not UTF-8"],
    ["no pickle", zip([numbers]), "must have one entry NAME/data.pkl, as torch.save writes, has 0"],
    ["two pickles", zip([pickle, { ...pickle, name: "b/data.pkl" }, numbers]), "has 2"],
    [
      "a wrong checksum of the pickle",
      zip([{ ...pickle, crc: 1 }, numbers]),
      '"a/data.pkl": checksum must be 00000001',
    ],
    [
      "an unknown byte order",
      zip([pickle, numbers, { name: "a/byteorder", content: bytes("middle") }]),
      "byteorder must be little or big",
    ],
    [
      "a long byte order",
      zip([pickle, numbers, { name: "a/byteorder", content: new Uint8Array(1e6) }]),
      '"a/byteorder" may have 16 bytes',
    ],
    [
      "something before the first entry",
      zip([pickle, numbers], { before: bytes("PK00") }),
      "starts at byte 4, must not start before byte 0",
    ],
    [
      "more entries than the directory has",
      zip([pickle, { ...numbers, extra: bytes(u16(9), u16(60), new Uint8Array(60)) }], { count: 3 }),
      "no entry of the directory is at its byte",
    ],
    [
      "fewer entries than the directory has",
      zip([pickle, numbers], { count: 1 }),
      /the directory has \d+ bytes, its entries take \d+/,
    ],
    ["65,535 entries", zip([pickle, numbers], { count: 65_535 }), "cannot have 65535 entries"],
    ["several disks", zip([pickle, numbers], { disks: 1 }), "in several parts"],
    ["a directory elsewhere", zip([pickle, numbers], { directoryOffset: 0 }), "the directory must end at byte"],
    [
      "a size of 64 bits that is not there",
      zip([pickle, { ...numbers, size: 0xffffffff }]),
      "lacks its 64-bit size or position",
    ],
    [
      "a size of 2^63",
      zip([pickle, { ...numbers, size: 0xffffffff, extra: bytes(u16(1), u16(16), u64(2n ** 63n), u64(2n ** 63n)) }]),
      "a size or position is 9223372036854775808",
    ],
    ["a field that breaks off", zip([pickle, { ...numbers, extra: bytes(u16(1), u16(500)) }]), "ends within a field"],
    ["no end", zip([pickle, numbers]).subarray(0, -5), "the end of a zip file is missing"],
  ])("%s", async (_, file, message) => {
    await expect(open(file)).rejects.toMatchObject(refused(message));
  });

  /** An entry whose local header stands in the middle of another's data. */
  function nested(): Uint8Array {
    const inner = bytes(
      "PK\x03\x04",
      u16(0),
      u16(0),
      u16(0),
      u32(0),
      u32(0),
      u32(4),
      u32(4),
      u16(8),
      u16(0),
      "a/data/0",
      u32(7),
    );
    const outer = { name: "a/other", content: inner };
    const at = zip([pickle]).indexOf(0x50, 30 + pickle.name.length + pickle.content.length) + 30 + outer.name.length;
    return zip([pickle, outer, { ...numbers, size: 4, offset: at }]);
  }

  test("a comment that looks like an end is not taken for one", async () => {
    const fake = "PK\x05\x06".padEnd(22, "\0");
    expect((await open(zip([pickle, numbers], { comment: `${fake}x` }))).tensors.size).toBe(1);
  });

  test("sizes and positions of 64 bits", async () => {
    const at = zip([pickle, numbers]).length - 22 - 2 * 46 - "a/data.pkl".length - "a/data/0".length - 24 - 30 - 8;
    const extra = bytes(u16(7), u16(1), "x", u16(1), u16(24), u64(24), u64(24), u64(at));
    const file = zip([pickle, { ...numbers, size: 0xffffffff, offset: 0xffffffff, extra }]);
    expect((await open(file)).tensors.get("w")?.byteOffset).toBe(at + 38);
  });
});

describe("files in the format before PyTorch 1.6", () => {
  const magic = bytes(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, ".");
  const version = bytes(0x80, 2, int(1001), ".");
  const machine = bytes(0x80, 2, "}", text("little_endian"), 0x88, "s.");
  const keys = bytes(0x80, 2, "]", text("0"), "a.");
  const value = stateDict({ w: tensor() });
  const data = bytes(u64(6), new Uint8Array(24));

  test("as it should be", async () => {
    expect((await open(bytes(magic, version, machine, value, keys, data))).tensors.size).toBe(1);
  });

  test.each<[string, Uint8Array, string]>([
    ["another pickle", bytes(value), "is a pickle, but not one of torch.save"],
    [
      "another version",
      bytes(magic, bytes(0x80, 2, int(1000), "."), machine, value, keys, data),
      "must be 1001, is 1000",
    ],
    [
      "a big-endian machine",
      bytes(magic, version, bytes(0x80, 2, "}."), value, keys, data),
      "must be from a little-endian machine",
    ],
    [
      "keys that are no list",
      bytes(magic, version, machine, value, bytes(0x80, 2, "N."), data),
      "keys of the storages must be a list",
    ],
    [
      "a key that nobody uses",
      bytes(magic, version, machine, value, bytes(0x80, 2, "]", text("1"), "a."), data),
      'storage "1" is not used',
    ],
    [
      "a key twice",
      bytes(magic, version, machine, value, bytes(0x80, 2, "](", text("0"), text("0"), "e."), data, data),
      'storage "0" is there twice',
    ],
    [
      "a key that is missing",
      bytes(magic, version, machine, value, bytes(0x80, 2, "]."), data),
      "a tensor's storage is missing",
    ],
    [
      "another length",
      bytes(magic, version, machine, value, keys, u64(-1n), new Uint8Array(24)),
      'storage "0" has another length',
    ],
    ["numbers that break off", bytes(magic, version, machine, value, keys, u64(6), new Uint8Array(23)), "truncated"],
    ["bytes left over", bytes(magic, version, machine, value, keys, data, 0), "must end at byte"],
  ])("%s", async (_, file, message) => {
    await expect(open(file)).rejects.toMatchObject(refused(message));
  });
});
