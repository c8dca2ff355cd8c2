import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { pipeline } from "../../src/pipelines/index.ts";
import { PRECISIONS, type Precision, quantized, rangesOf } from "../../src/pipelines/quantize.ts";
import { expectBertError } from "./support.ts";

/** A line of reference/quantized.jsonl, which reference/make_quantized.py writes. */
type Case = { vectors: number[][]; ranges?: number[][] } & Record<Precision, number[][]>;
const lines = (await readFile(new URL("./reference/quantized.jsonl", import.meta.url), "utf8")).trimEnd().split("\n");
const cases: Case[] = lines.map((line) => JSON.parse(line));

describe.each(PRECISIONS)("%s: every code of sentence-transformers", (precision) => {
  test.each(cases.map((one, i) => ({ ...one, i })))("case $i", (one) => {
    const size = one.vectors[0].length;
    const vectors = Float32Array.from(one.vectors.flat());
    const ranges = one.ranges ? Float32Array.from(one.ranges.flat()) : rangesOf(vectors, size);
    const codes = quantized(vectors, size, precision, precision.endsWith("int8") ? ranges : undefined);
    expect(codes.constructor).toBe(precision === "binary" || precision === "int8" ? Int8Array : Uint8Array);
    expect(Array.from(codes)).toEqual(one[precision].flat());
  });
});

test("the ranges are the least and the largest number in each place", () => {
  expect(rangesOf(Float32Array.of(1, -2, 0, 5, 3, -7), 2)).toEqual(Float32Array.of(0, -7, 3, 5));
});

const TEXTS = ["The door is open.", "He read a letter.", "No.", "The sea was calm, and the night was long."];
const H = 256;
const extract = await pipeline("feature-extraction", undefined, { backend: "plain" });
afterAll(() => extract.dispose());

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

describe("the pipeline", async () => {
  const mean = { pooling: "mean" } as const;
  const { data } = await extract(TEXTS, mean);

  test.each(["binary", "ubinary"] as const)(
    "%s: the signs of the vectors, alone, together and in a stream",
    async (precision) => {
      const got = await extract(TEXTS, { ...mean, quantize: true, precision });
      expect(got).toMatchObject({ dims: [4, H / 8], type: precision === "binary" ? "int8" : "uint8" });
      expect("ranges" in got).toBe(false);
      // Bit by bit, by another way than the code's: as text.
      const bits = Array.from(got.data, (byte) =>
        (byte + (precision === "binary" ? 128 : 0)).toString(2).padStart(8, "0"),
      );
      expect(bits.join("")).toBe(Array.from(data, (x) => (x > 0 ? 1 : 0)).join(""));
      expect(got.tolist().flat()).toEqual(Array.from(got.data));
      for (const [i, one] of (
        await collect(extract(TEXTS.values(), { ...mean, quantize: true, precision }))
      ).entries()) {
        expect(one.tolist()).toEqual([got.tolist()[i]]);
        expect((await extract(TEXTS[i], { ...mean, quantize: true, precision })).tolist()).toEqual(one.tolist());
      }
    },
  );

  test("binary is the default precision, and quantize: false says no to any", async () => {
    const binary = await extract(TEXTS, { ...mean, quantize: true, precision: "binary" });
    expect((await extract(TEXTS, { ...mean, quantize: true })).data).toEqual(binary.data);
    expect((await extract(TEXTS, { ...mean, quantize: false, precision: "binary" })).data).toEqual(data);
  });

  test.each(["int8", "uint8"] as const)(
    "%s: codes within a step of the number, and the ranges for other texts",
    async (precision) => {
      const got = await extract(TEXTS, { ...mean, quantize: true, precision });
      expect(got).toMatchObject({ dims: [4, H], type: precision });
      const ranges = got.ranges!;
      const shift = precision === "int8" ? 128 : 0;
      for (const [i, code] of got.data.entries()) {
        const column = [0, 1, 2, 3].map((b) => data[b * H + (i % H)]);
        const [low, high] = [Math.min(...column), Math.max(...column)];
        expect([ranges[i % H], ranges[H + (i % H)]]).toEqual([low, high]);
        const error = data[i] - (low + ((code + shift) * (high - low)) / 255);
        expect(error).toBeGreaterThanOrEqual(-1e-6);
        expect(error).toBeLessThanOrEqual((high - low) / 255 + 1e-6);
      }
      const options = { ...mean, quantize: true, precision, ranges } as const;
      expect((await extract(TEXTS[1], options)).tolist()).toEqual([got.tolist()[1]]);
      expect((await collect(extract(TEXTS.values(), options))).flatMap((one) => one.tolist())).toEqual(got.tolist());
      const { dims, type } = got;
      expect(JSON.parse(JSON.stringify(got))).toEqual({ dims, type, data: [...got.data], ranges: [...ranges] });
      expect(structuredClone(got)).toEqual({ dims, type, truncated: 0, unknown: 0, data: got.data, ranges });
    },
  );

  test("after truncate_dim and normalize", async () => {
    const options = { ...mean, truncate_dim: 16, normalize: true } as const;
    const cut = await extract(TEXTS, options);
    const got = await extract(TEXTS, { ...options, quantize: true, precision: "uint8" });
    expect(got.dims).toEqual([4, 16]);
    expect(got.data).toEqual(quantized(cut.data, 16, "uint8", rangesOf(cut.data, 16)));
  });
});

const ask = extract as (...args: unknown[]) => Promise<unknown>;
const quantize = true;
const pooling = "mean";
test.each<[string, unknown, object, string[]]>([
  ["no pooling", "a", { quantize }, ["pooling must be another than none where vectors are quantized"]],
  [
    "an unknown precision",
    "a",
    { quantize, pooling, precision: "int4" },
    ["precision must be one of binary, ubinary, int8", '"int4"'],
  ],
  ["quantize a string", "a", { quantize: "yes", pooling }, ["quantize must be true or false"]],
  ["precision alone", "a", { pooling, precision: "int8" }, ["quantize must be true where there is precision"]],
  ["ranges alone", "a", { pooling, ranges: [0, 1] }, ["quantize must be true where there is ranges"]],
  [
    "signs that fill no byte",
    "a",
    { quantize, pooling, truncate_dim: 12 },
    ["truncate_dim must be a multiple of 8", "got 12"],
  ],
  [
    "one text without ranges",
    "a",
    { quantize, pooling, precision: "int8" },
    ["ranges must be given for int8 vectors of a single text"],
  ],
  [
    "ranges for signs",
    "a",
    { quantize, pooling, ranges: new Float32Array(512) },
    ["precision must be int8 or uint8 where there are ranges"],
  ],
  [
    "ranges of another size",
    "a",
    { quantize, pooling, precision: "int8", ranges: [0, 1] },
    ["ranges must be", "512 finite numbers", "2 numbers"],
  ],
  ["ranges no list", "a", { quantize, pooling, precision: "int8", ranges: 3 }, ["ranges must be", "got 3"]],
  [
    "ranges NaN",
    "a",
    { quantize, pooling, precision: "int8", ranges: new Float32Array(512).fill(Number.NaN) },
    ["ranges[0] must be finite"],
  ],
  [
    "ranges turned over",
    "a",
    { quantize, pooling, precision: "int8", ranges: new Float32Array(512).fill(1, 0, 256) },
    ["ranges[256] must be finite and no less than its low, got 0"],
  ],
])("bad input: %s", async (_, text, options, parts) => {
  await expectBertError(ask(text, options), "ERR_INPUT", "feature-extraction: ", ...parts);
});

test("bad input: a stream without ranges", async () => {
  const stream = extract(TEXTS.values(), { quantize, pooling, precision: "uint8" });
  await expectBertError(stream.next(), "ERR_INPUT", "ranges must be given for uint8 vectors of a stream");
});
