import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openWeights } from "../../src/load/weightFiles.ts";
import { parseConfig } from "../../src/model/config.ts";
import { crc32 } from "../../src/pytorch/crc32.ts";
import { openPytorch } from "../../src/pytorch/pytorchReader.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { randomAccess, readSafetensors, type Weights } from "../../src/safetensors/index.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";
import { reference, referenceTensors } from "../support/reference.ts";
import { checkpoint, stateDict, tensor } from "./write.ts";

const folder = join(import.meta.dirname, "reference");
const expected = readSafetensors(readFileSync(join(folder, "expected.safetensors")));
const file = (name: string) => readFileSync(join(folder, name));
const LARGE = ["uint16", "uint32", "uint64"]; // which torch.load cannot read from the format before 1.6 itself

async function read(weights: Weights, name: string): Promise<Float32Array> {
  const target = new Float32Array(sizeOf(weights.tensors.get(name)!.shape));
  await weights.readInto(name, target);
  return target;
}

describe("files of torch.save: every dtype, and every way to lie in a storage", () => {
  test.each([
    ["tensors.bin", []],
    ["tensors.protocol4.bin", []],
    ["tensors.no_checksums.bin", []],
    ["tensors.big_endian.bin", []],
    ["tensors.legacy.bin", LARGE],
  ])("%s", async (name, without) => {
    const weights = await openPytorch(randomAccess(file(name), name));
    const names = [...expected.tensors.keys()].filter((key) => !without.includes(key));
    expect([...weights.tensors.keys()].sort()).toEqual(names.sort());
    expect(names.length).toBeGreaterThan(20);
    for (const key of names) {
      const want = expected.tensors.get(key)!;
      expect(weights.tensors.get(key), key).toMatchObject({
        name: key,
        dtype: want.dtype,
        shape: want.shape,
        byteLength: want.byteLength,
      });
      expect(await read(weights, key), key).toEqual(expected.toFloat32(key));
    }
    expect(weights.files).toEqual([name]);
    expect(weights.metadata).toEqual(new Map());
  });

  test("what no BERT is computed with is passed over, or refused when it is read; elements may be repeated", async () => {
    const weights = await openPytorch(randomAccess(file("tensors.others.bin"), "x"));
    expect(Array.from(weights.tensors.values(), ({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ["float32", "F32", [4, 6]],
      ["complex64", "C64", [2]],
      ["float8_e4m3fn", "F8_E4M3", [2]],
      ["float8_e5m2", "F8_E5M2", [2]],
      ["float8_e4m3fnuz", "F8_E4M3FNUZ", [2]],
      ["float8_e5m2fnuz", "F8_E5M2FNUZ", [2]],
      ["float8_e8m0fnu", "F8_E8M0", [2]],
      ["parameter", "F32", [6]],
      ["repeated", "F32", [4]],
      ["rows", "F32", [3, 6]],
    ]);
    const numbers = expected.toFloat32("float32");
    expect(await read(weights, "float32")).toEqual(numbers);
    expect(await read(weights, "parameter")).toEqual(numbers.subarray(12, 18));
    expect(await read(weights, "repeated")).toEqual(Float32Array.of(2.5, 2.5, 2.5, 2.5));
    const row = numbers.subarray(6, 12);
    expect(await read(weights, "rows")).toEqual(Float32Array.from([...row, ...row, ...row]));
    for (const name of ["complex64", "float8_e4m3fn"])
      await expect(read(weights, name)).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
  });

  test("tensors keep the order of the dict; byteOffset is where a contiguous one is", async () => {
    const bytes = file("tensors.bin");
    const { tensors } = await openPytorch(randomAccess(bytes, "x"));
    expect([...tensors.keys()].slice(0, 4)).toEqual(["float32", "tied", "parameter", "transposed"]);
    for (const name of ["float32", "tied", "parameter", "window", "int64", "scalar"]) {
      const { byteOffset, byteLength } = tensors.get(name)!;
      expect(bytes.subarray(byteOffset, byteOffset + byteLength), name).toEqual(Buffer.from(expected.bytes(name)));
    }
  });
});

describe("checkpoints", () => {
  const config = readFileSync(reference("tiny/config.json"), "utf8");
  const parametersOf = async (weights: Weights) => {
    const model = await BertModel.load(weights, parseConfig(config), plain);
    return new Map(Array.from(model.parameters, ([name, { shape, data }]) => [name, { shape, data }]));
  };

  test("one as of 2018 (gamma and beta, position_ids, tied decoder) gives the parameters of the safetensors file, bit by bit", async () => {
    const weights = await openWeights(join(folder, "old"));
    expect(weights.tensors.has("bert.embeddings.LayerNorm.gamma")).toBe(true);
    expect(weights.tensors.get("bert.embeddings.position_ids")?.dtype).toBe("I64");
    const safetensors = await openWeights(reference("tiny/model.safetensors"));
    const want = await parametersOf(safetensors);
    await safetensors.close();
    expect(want.size).toBe(46);
    expect(await parametersOf(weights)).toEqual(want);
    await weights.close();
  });

  test("shards with their index, in float16", async () => {
    const weights = await openWeights(join(folder, "sharded"));
    expect(weights.files.length).toBe(2);
    const want = referenceTensors("tiny/model.float16.safetensors");
    expect(new Set(weights.tensors.keys())).toEqual(new Set(want.tensors.keys()));
    for (const name of want.tensors.keys()) expect(await read(weights, name)).toEqual(want.toFloat32(name));
    await weights.close();
  });
});

describe("reading", () => {
  const weights = () => openPytorch(randomAccess(file("tensors.bin"), "x"));

  test("a name that is not there, a target of another length", async () => {
    const opened = await weights();
    await expect(opened.readInto("nothing", new Float32Array(1))).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: 'x: no tensor is named "nothing"',
    });
    for (const name of ["float32", "transposed"]) {
      await expect(opened.readInto(name, new Float32Array(23))).rejects.toMatchObject({
        code: "ERR_SHAPE",
        message: expect.stringContaining("must have 24 elements, got 23"),
      });
    }
  });

  test("a damaged storage: only the tensors on it are refused, each time", async () => {
    const bytes = new Uint8Array(file("tensors.bin"));
    const { byteOffset } = (await weights()).tensors.get("float64")!;
    bytes[byteOffset + 3] ^= 1;
    const opened = await openPytorch(randomAccess(bytes, "x"));
    for (let i = 0; i < 2; i++)
      await expect(read(opened, "float64")).rejects.toMatchObject({
        code: "ERR_CHECKPOINT",
        message: expect.stringMatching(
          /^x: "tensors\/data\/\d+": checksum must be [0-9a-f]{8}, is [0-9a-f]{8}: the file/,
        ),
      });
    expect(await read(opened, "float32")).toEqual(expected.toFloat32("float32"));
  });

  test("a storage's numbers are not read while the file is opened", async () => {
    const bytes = file("tensors.bin");
    const whole = await weights();
    const from = whole.tensors.get("float32")!.byteOffset;
    const inner = randomAccess(bytes, "x");
    const ranges: [number, number][] = [];
    await openPytorch({
      ...inner,
      read(target, position) {
        ranges.push([position, position + target.length]);
        return inner.read(target, position);
      },
    });
    const large = bytes.length - 22 - 0xffff;
    expect(ranges.filter(([start, end]) => start <= from && end >= from + 96 && start > Math.max(0, large))).toEqual(
      [],
    );
  });
});

test("crc32 is zlib's, for every length, alignment and beginning", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (data, cut) => {
      const [head, tail] = [data.subarray(0, cut), data.subarray(cut)];
      expect(crc32(tail, crc32(head))).toBe(zlibCrc32(data));
    }),
  );
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926); // the check value that catalogues of CRCs list
});

describe("damaged files, thousands of them: a BertError, or what was saved", () => {
  /** Reads everything; counts the tensors that could be. */
  async function readAll(bytes: Uint8Array): Promise<Map<string, Float32Array>> {
    const read = new Map<string, Float32Array>();
    let largest = 0;
    const inner = randomAccess(bytes, "fuzzed");
    try {
      const weights = await openPytorch({
        ...inner,
        read(target, position) {
          largest = Math.max(largest, target.length);
          return inner.read(target, position);
        },
      });
      for (const { name, shape } of weights.tensors.values()) {
        const target = new Float32Array(sizeOf(shape));
        expect(target.length).toBeLessThanOrEqual(bytes.length);
        try {
          await weights.readInto(name, target);
          read.set(name, target);
        } catch (error) {
          if (!(error instanceof Error && error.name === "BertError")) throw error;
        }
      }
    } catch (error) {
      if (!(error instanceof Error && error.name === "BertError" && "code" in error && error.code === "ERR_CHECKPOINT"))
        throw error;
    }
    expect(largest).toBeLessThanOrEqual(bytes.length);
    return read;
  }

  const change = fc.record({ at: fc.maxSafeNat(), value: fc.nat(255) });
  const spoil = (valid: Uint8Array, changes: readonly { at: number; value: number }[]) => {
    const bytes = Uint8Array.from(valid);
    for (const { at, value } of changes) bytes[at % bytes.length] = value;
    return bytes;
  };
  const changes = fc.array(change, { minLength: 1, maxLength: 3 });

  test("a zip file has checksums: every tensor that is read has its own numbers", async () => {
    const small = checkpoint(stateDict({ float32: tensor(), tied: tensor({ shape: [3, 2], stride: [1, 3] }) }));
    const want = await readAll(small);
    expect(want.get("tied")).toEqual(new Float32Array([1, 4, 2, 5, 3, 6]));
    let readable = 0;
    await fc.assert(
      fc.asyncProperty(fc.boolean(), changes, async (real, spoiled) => {
        const read = await readAll(spoil(real ? file("tensors.bin") : small, spoiled));
        for (const [name, numbers] of read) {
          expect(numbers, name).toEqual(real ? expected.toFloat32(name) : want.get(name));
          readable++;
        }
      }),
      { numRuns: 3000 },
    );
    expect(readable).toBeGreaterThan(1000); // both ways were taken
  });

  test("without checksums: a BertError, or numbers", async () => {
    let readable = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("tensors.legacy.bin", "tensors.no_checksums.bin"),
        changes,
        async (name, spoiled) => {
          readable += (await readAll(spoil(file(name), spoiled))).size;
        },
      ),
      { numRuns: 3000 },
    );
    expect(readable).toBeGreaterThan(1000);
  });

  test.each(["tensors.bin", "tensors.legacy.bin"])("%s cut off anywhere is refused", async (name) => {
    const whole = file(name);
    for (let length = 0; length < whole.length; length += 7)
      await expect(openPytorch(randomAccess(whole.subarray(0, length), name)), String(length)).rejects.toMatchObject({
        name: "BertError",
        code: "ERR_CHECKPOINT",
      });
  });
});
