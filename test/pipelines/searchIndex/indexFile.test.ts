import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BertError } from "../../../src/errors.ts";
import { Xxh32 } from "../../../src/load/xxh32.ts";
import { buildIndex, loadIndex, pipeline } from "../../../src/pipelines/index.ts";
import { checksumOf, TENSORS, type TensorName } from "../../../src/pipelines/searchIndex/indexFile.ts";
import type { Rows } from "../../../src/pipelines/searchIndex/indexRows.ts";
import { readIndexFrom } from "../../../src/pipelines/searchIndex/readIndex.ts";
import { SearchIndex } from "../../../src/pipelines/searchIndex/searchIndex.ts";
import { liveRows } from "../../../src/pipelines/searchIndex/segment.ts";
import { readSafetensors, type Safetensors, writeSafetensors } from "../../../src/safetensors/index.ts";
import { randomAccess } from "../../../src/safetensors/safetensorsReader.ts";
import { plain } from "../../../src/tensor/kernels/index.ts";
import { expectBertError } from "../support.ts";
import { hashedVectors } from "./hashedVectors.ts";

const H = 8;
const extract = hashedVectors(plain, H, "0123456789abcdef", "org/small");
const RECORDS = [
  { id: "door", text: "The door is open — naïve, 𝒳!", metadata: { page: 3, tags: ["a", null, -1.5e3] } },
  { text: "He read a letter." },
  { text: "Removed." },
  { id: "ö", text: "The window was shut.", metadata: "a string" },
];
let folder: string;
let path: string;
let index: SearchIndex;
let good: Uint8Array;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plainbert-"));
  path = join(folder, "index.safetensors");
  index = await buildIndex<unknown>(extract, RECORDS);
  index.remove("2");
  await index.save(path);
  good = await readFile(path);
});
afterAll(() => rm(folder, { recursive: true }));

/** Reads an index from memory: 10,000 files would take the disk's time. */
async function load(bytes: Uint8Array): Promise<SearchIndex> {
  const { rows, source } = await readIndexFrom(randomAccess(bytes, "bytes.safetensors"), extract);
  return new SearchIndex(source, rows);
}

/** Everything that is in an index. */
function contents(one: SearchIndex) {
  const { segments, next } = (one as unknown as { rows: Rows }).rows;
  const vectors = Array.from(liveRows(segments), ([segment, r]) => [...segment.vectors.subarray(r * H, (r + 1) * H)]);
  return { pooling: one.pooling, next, texts: [...one], vectors };
}

test("other programs read the vectors, and where a text ends", () => {
  const file = readSafetensors(good);
  expect(file.tensors.get("embeddings")?.shape).toEqual([3, H]);
  expect(Array.from(file.toTypedArray("indices") as BigInt64Array, Number)).toEqual([0, 1, 3]);
  const ends = Array.from(file.toTypedArray("text_ends") as BigInt64Array, Number);
  expect(new TextDecoder().decode(file.bytes("texts").subarray(ends[0], ends[1]))).toBe("He read a letter.");
  expect(new TextDecoder().decode(file.bytes("ids"))).toBe("doorö");
  expect(Object.fromEntries(file.metadata)).toMatchObject({ format: "plainbert search index", pooling: "mean" });
});

test("saving while texts are added and removed: the index as it was; and nothing but the file is left", async () => {
  const changing = await buildIndex<unknown>(extract, RECORDS);
  changing.remove("2");
  const saving = changing.save(join(folder, "changing.safetensors"));
  changing.remove("door");
  await changing.add(["Another."]);
  await saving;
  expect(await readFile(join(folder, "changing.safetensors"))).toEqual(good);
  await expectBertError(index.save(join(folder, "none", "x")), "ERR_FILE", "none");
  expect((await readdir(folder)).sort()).toEqual(["changing.safetensors", "index.safetensors"]);
});

describe("hostile files", () => {
  let want: ReturnType<typeof contents>;
  beforeAll(() => {
    want = contents(index);
  });

  /** The right index, or a BertError. */
  async function expectRightOrRefused(bytes: Uint8Array): Promise<boolean> {
    try {
      expect(contents(await load(bytes))).toEqual(want);
      return true;
    } catch (error) {
      if (!(error instanceof BertError)) throw error;
      expect(["ERR_CHECKPOINT", "ERR_FILE"]).toContain(error.code);
      expect(error.message.length).toBeLessThan(1000);
      return false;
    }
  }

  test("10,000 mutations give the right index or an error: bytes anywhere, parts cut out, doubled and moved", async () => {
    const at = fc.nat({ max: good.length });
    const headerEnd = 8 + Number(new DataView(good.buffer, good.byteOffset).getBigUint64(0, true));
    const anywhere = fc.oneof(at, fc.nat({ max: headerEnd })); // the header is a sixth of the file, and most of its rules
    const mutation = fc.oneof(
      fc.record({ at: anywhere, put: fc.uint8Array({ minLength: 1, maxLength: 8 }), drop: fc.nat({ max: 8 }) }),
      fc.record({ at: anywhere, bit: fc.nat({ max: 7 }) }),
      fc.record({
        at: anywhere,
        put: fc.constantFrom(...'0123456789[]{}",:eE-.F'.split("").map(bytesOf)),
        drop: fc.constant(1),
      }),
      fc.record({ from: at, length: fc.nat({ max: 64 }), to: at }),
      fc.record({ end: at }),
    );
    let right = 0;
    const property = fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
      let bytes = new Uint8Array(good);
      for (const one of mutations) bytes = mutated(bytes, one);
      if (await expectRightOrRefused(bytes)) right++;
    });
    await fc.assert(property, { numRuns: 10_000 });
    expect(right).toBeLessThan(2000); // spaces in the header and the like
  });

  test("10,000 indexes with other metadata of texts, under a right checksum: right JSON or an error", async () => {
    const file = readSafetensors(good);
    const json = bytesOf(JSON.stringify(RECORDS[0].metadata) + JSON.stringify(RECORDS[3].metadata));
    const mutation = fc.oneof(
      fc.record({ at: fc.nat({ max: json.length }), put: fc.uint8Array({ maxLength: 4 }), drop: fc.nat({ max: 4 }) }),
      fc.record({ at: fc.nat({ max: json.length }), bit: fc.nat({ max: 7 }) }),
      fc.record({
        at: fc.nat({ max: json.length }),
        put: fc.constantFrom(...'[]{}",:'.split("").map(bytesOf)),
        drop: fc.nat({ max: 2 }),
      }),
    );
    const property = fc.asyncProperty(mutation, fc.nat({ max: json.length }), async (one, middle) => {
      const bytes = mutated(json, one);
      const ends = BigInt64Array.from([middle, middle, bytes.length].map(BigInt));
      const forged = rewritten(file, { metadata: bytes, metadata_ends: ends });
      const parts = [bytes.subarray(0, middle), bytes.subarray(middle)];
      const loaded = await load(forged).catch((error) => {
        if (error instanceof BertError && error.code === "ERR_CHECKPOINT") return null;
        throw error;
      });
      if (!loaded) return;
      for (const [i, id] of ["door", "ö"].entries()) {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(parts[i]).replace(/^\ufeff/, "");
        expect(loaded.get(id)?.metadata).toEqual(text === "" ? undefined : JSON.parse(text));
      }
    });
    await fc.assert(property, { numRuns: 10_000 });
  });

  test.each<[string, Partial<Record<TensorName, ArrayBufferView>>, string]>([
    ["a vector that is not of length 1", { embeddings: new Float32Array(3 * H).fill(1) }, "vectors of length 1"],
    ["NaN", { embeddings: new Float32Array(3 * H).fill(Number.NaN) }, "vectors of length 1, that of text 0 has NaN"],
    ["texts that are no UTF-8", { texts: new Uint8Array(71).fill(255) }, "texts in UTF-8"],
    ["a text that ends within a character", { text_ends: BigInt64Array.of(18n, 51n, 71n) }, "text 0 ends within"],
    ["texts that go back", { text_ends: BigInt64Array.of(34n, 20n, 71n) }, "text 1 ends before it begins"],
    ["texts that end too late", { text_ends: BigInt64Array.of(34n, 51n, 72n) }, "that end where texts does"],
    ["texts that end too early", { text_ends: BigInt64Array.of(34n, 51n, 70n) }, "that end where texts does"],
    ["a negative end", { text_ends: BigInt64Array.of(-1n, 51n, 71n) }, "text_ends from 0 to"],
    ["an id twice", { ids: bytesOf("aa"), id_ends: BigInt64Array.of(1n, 1n, 2n) }, 'has "a" twice'],
    ["an id that is an index", { ids: bytesOf("1b"), id_ends: BigInt64Array.of(1n, 1n, 2n) }, 'has "1" twice'],
    ["indices that stay", { indices: BigInt64Array.of(0n, 0n, 3n) }, "indices that increase"],
    ["an index that is still to come", { indices: BigInt64Array.of(0n, 1n, 4n) }, "below the number of texts"],
    [
      "metadata that is no JSON",
      { metadata: bytesOf("{no}"), metadata_ends: BigInt64Array.of(4n, 4n, 4n) },
      "metadata of text 0: must be JSON",
    ],
  ])("%s, under a right checksum", async (_, changes, message) => {
    const file = readSafetensors(good);
    expect(rewritten(file, {})).toEqual(new Uint8Array(good));
    await expectBertError(load(rewritten(file, changes)), "ERR_CHECKPOINT", "loadIndex: bytes.safetensors", message);
  });

  test("what is no index, of another size, of another version, or missing", async () => {
    const file = readSafetensors(good);
    const refused = (bytes: Uint8Array, ...what: string[]) => expectBertError(load(bytes), "ERR_CHECKPOINT", ...what);
    await refused(
      writeSafetensors([["a", { shape: [1], data: new Float32Array(1) }]]),
      "must be a search index that index.save has written",
    );
    await refused(rewritten(file, {}, { version: "3" }), 'of version 2, is of "3"');
    await refused(rewritten(file, {}, { pooling: "none" }), "must name its pooling");
    await refused(rewritten(file, {}, { next: "-1" }), "how many texts");
    await expectBertError(loadIndex(hashedVectors(plain, 16), path), "ERR_CHECKPOINT", "size, 16, has [3,8]");
    await expectBertError(loadIndex(extract, join(folder, "missing")), "ERR_FILE", "missing");
  });
});

describe("another model is refused by its fingerprint, both with their names", () => {
  const other = hashedVectors(plain, H, "fedcba9876543210", "large");
  const made = (name: string) => `must be searched with the model that it was made with: ${name} of fingerprint`;

  test("as the file says it", async () => {
    const both = `${made('"org/small"')} "0123456789abcdef"; this one is "large" of fingerprint "fedcba9876543210"; make`;
    await expectBertError(loadIndex(other, path), "ERR_CHECKPOINT", both);
    const nameless = hashedVectors(plain, H, "fedcba9876543210");
    await expectBertError(loadIndex(nameless, path), "ERR_CHECKPOINT", "this one is a model of fingerprint");
  });

  test("an index of the same version without a name, as earlier ones are, loads", async () => {
    const file = readSafetensors(good);
    const unnamed = readSafetensors(rewritten(file, {}, {}, "model_name"));
    expect(unnamed.metadata.has("model_name")).toBe(false);
    expect(contents(await load(rewritten(unnamed, {})))).toEqual(contents(index));
    await writeFile(join(folder, "unnamed.safetensors"), rewritten(unnamed, {}));
    await expectBertError(loadIndex(other, join(folder, "unnamed.safetensors")), "ERR_CHECKPOINT", made("a model"));
  });

  test("a name that was changed is damage", async () => {
    const damaged = rewritten(readSafetensors(good), {}, { model_name: "org/other" });
    await expectBertError(load(damaged), "ERR_CHECKPOINT", "is damaged");
  });
});

describe("an index of plainbert 0.2.0", () => {
  const old = join(import.meta.dirname, "..", "reference", "index-0.2.0.safetensors");

  test("is searched with its model, whatever holds the numbers, and saved as of now", async () => {
    await using small = await pipeline("feature-extraction", undefined, { backend: "plain", dtype: "int8" });
    const loaded = await loadIndex(small, old);
    expect(Array.from(loaded, ({ text }) => text)).toEqual([
      "The door is open.",
      "He read a letter — naïve, 𝒳!",
      "The window was shut.",
    ]);
    expect((await loaded.search("The window was shut.", 1))[0].index).toBe(2);
    await loaded.save(join(folder, "new.safetensors"));
    expect([...(await loadIndex(small, join(folder, "new.safetensors")))]).toEqual([...loaded]);
  });

  test("gives the scores of 0.2.0 on plain", async () => {
    await using small = await pipeline("feature-extraction", undefined, { backend: "plain" });
    const found = await (await loadIndex(small, old)).search("a letter", 3);
    const scores = [0.6767443938684753, 0.6760278471066303, 0.6218373080339223]; // what 0.2.0 printed
    expect(found.map(({ index, score }) => [index, score])).toEqual([2, 0, 1].map((n, i) => [n, scores[i]]));
  });

  test("is refused with another model of the same size, with the line to write instead", async () => {
    const other = hashedVectors(plain, 256);
    await expectBertError(
      loadIndex(other, old),
      "ERR_CHECKPOINT",
      "must have been made with this model",
      "buildIndex(",
    );
  });

  test("with a tensor more it is none", async () => {
    const file = readSafetensors(await readFile(old));
    const tensors = [...file.tensors.values()].map(
      ({ name, shape, dtype }) => [name, { shape, dtype, data: file.bytes(name) }] as const,
    );
    const more = [...tensors, ["ids", { shape: [1], data: new Uint8Array(1) }] as const];
    await writeFile(join(folder, "more.safetensors"), writeSafetensors(more, file.metadata));
    await expectBertError(
      loadIndex(hashedVectors(plain, 256), join(folder, "more.safetensors")),
      "ERR_CHECKPOINT",
      "save",
    );
  });
});

type Mutation =
  | { readonly at: number; readonly put: Uint8Array; readonly drop: number }
  | { readonly at: number; readonly bit: number }
  | { readonly from: number; readonly length: number; readonly to: number }
  | { readonly end: number };

function mutated(bytes: Uint8Array, one: Mutation): Uint8Array<ArrayBuffer> {
  const list = [...bytes];
  if ("put" in one) list.splice(one.at, one.drop, ...one.put);
  else if ("bit" in one) list[one.at % list.length] ^= 1 << one.bit;
  else if ("end" in one) list.splice(one.end);
  else list.splice(one.to, 0, ...bytes.subarray(one.from, one.from + one.length));
  return Uint8Array.from(list);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** The file with other tensors or fields, and the checksum that belongs to them. */
function rewritten(
  file: Safetensors,
  changes: Partial<Record<TensorName, ArrayBufferView>>,
  fields: Record<string, string> = {},
  without?: string,
): Uint8Array {
  const bytes = (name: TensorName) => {
    const { buffer, byteOffset, byteLength } = changes[name] ?? file.bytes(name);
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  };
  const names = Object.keys(TENSORS) as TensorName[];
  const digests = names.map((name) => new Xxh32().update(bytes(name)).digest());
  type Told = { pooling: "mean"; model: string; model_name?: string; next: string };
  const told = Object.fromEntries([...file.metadata].filter(([name]) => name !== without)) as Told;
  const { pooling, model, model_name: name = null, next } = told;
  const checksum = checksumOf({ pooling, model, name, next: Number(next) }, digests);
  const tensors = names.map((name) => {
    const width = { F32: 4, I64: 8, U8: 1 }[TENSORS[name] as "F32"];
    const shape = name === "embeddings" ? [3, H] : [bytes(name).length / width];
    return [name, { shape, dtype: TENSORS[name], data: bytes(name) }] as const;
  });
  return writeSafetensors(tensors, Object.entries({ ...told, checksum, ...fields }));
}
