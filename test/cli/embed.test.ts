import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type FeatureExtractionOptions, pipeline } from "../../src/pipelines/index.ts";
import { TEXT_POOLINGS } from "../../src/pipelines/pooling.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { head, plainbert, TINY } from "./run.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-embed-"));
let cwd = "";
beforeEach(async () => {
  cwd = await mkdtemp(join(root, "test-"));
});
const extract = await pipeline("feature-extraction", head("mlm"), { backend: "plain" });
afterAll(async () => {
  await extract.dispose();
  await rm(root, { recursive: true });
});

const H = 24;
const TEXTS = ["The door is open.", "", "He read a letter.", "Emma lived in London."];
const LINES = TEXTS.map((text) => `${text}\n`).join("");

const embed = (args: readonly string[], input = LINES) => plainbert(["embed", ...TINY, ...args], { cwd, input });
const read = async (name: string) => readSafetensors(new Uint8Array(await readFile(join(cwd, name))));

test.each(TEXT_POOLINGS)("--pooling %s: what the pipeline gives", async (pooling) => {
  const { stdout, stderr } = await embed(["--pooling", pooling]);
  expect(stderr).toBe("");
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line)); // biome-ignore format: one line
  const { data } = await extract(TEXTS, { pooling });
  expect(Float32Array.from(lines.flat())).toStrictEqual(data);
});

describe("--quantize", () => {
  /** Lines, cells and tensors of the same call, which must be the codes that the library gives. */
  async function expectCodes(args: readonly string[], options: FeatureExtractionOptions, dtype: "I8" | "U8") {
    const want = await extract(TEXTS, { ...options, pooling: "mean", quantize: true });
    const [, width] = want.dims;
    const rows = want.tolist() as number[][];
    const printed = await embed(["--quantize", ...args]);
    expect(printed).toMatchObject({ code: 0, stderr: "" });
    expect(printed.stdout).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    for (const name of ["a.csv", "a.safetensors"])
      expect(await embed(["--quantize", ...args, "--output", name])).toMatchObject({ code: 0, stderr: "" });
    const csv = (await readFile(join(cwd, "a.csv"), "utf8")).trimEnd().split("\n").slice(1);
    expect(csv).toEqual(rows.map((row) => row.join()));
    const file = await read("a.safetensors");
    expect(file.tensors.get("embeddings")).toMatchObject({ dtype, shape: [TEXTS.length, width] });
    expect([...file.toTypedArray("embeddings")]).toEqual(rows.flat());
    return file;
  }

  test("signs, of all numbers or of the first", async () => {
    expect([...(await expectCodes([], {}, "I8")).tensors.keys()]).toEqual(["embeddings"]);
    await expectCodes(["--precision", "binary"], { precision: "binary" }, "I8");
    const ubinary = { precision: "ubinary", truncate_dim: 16, normalize: true } as const;
    await expectCodes(["--precision", "ubinary", "--truncate-dim", "16", "--normalize"], ubinary, "U8");
  });

  test.each(["int8", "uint8"] as const)(
    "%s: ranges from vectors of an earlier call, or from its own",
    async (precision) => {
      const samples = ["She opened the window.", "A short book.", "It was very red!"];
      const lines = samples.map((text) => `\n${JSON.stringify(text)}\n`); // the blank ones have no vector
      await embed(["--jsonl", "--output", "samples.safetensors"], lines.join(""));
      const { data } = await extract(samples, { pooling: "mean" });
      const column = (h: number) => samples.map((_, b) => data[b * H + h]);
      const places = Array.from({ length: H }, (_, h) => column(h));
      const ranges = Float32Array.of(
        ...places.map((all) => Math.min(...all)),
        ...places.map((all) => Math.max(...all)),
      );
      const args = ["--precision", precision, "--ranges"];
      const dtype = precision === "int8" ? "I8" : "U8";
      const file = await expectCodes([...args, "samples.safetensors"], { precision, ranges }, dtype);
      expect(file.tensors.get("ranges")).toMatchObject({ dtype: "F32", shape: [2, H] });
      expect(file.toFloat32("ranges")).toStrictEqual(ranges);
      await writeFile(join(cwd, "codes.safetensors"), await readFile(join(cwd, "a.safetensors")));
      await expectCodes([...args, "codes.safetensors"], { precision, ranges }, dtype);
    },
  );

  test("work of other ranges is not gone on with", async () => {
    await embed(["--output", "one.safetensors"]);
    await embed(["--output", "two.safetensors"], "A book.\nThe sea.\n");
    const args = ["--no-truncation", "--quantize", "--precision", "int8", "--output", "a.csv", "--ranges"];
    await embed([...args, "one.safetensors"], `${LINES}${"long ".repeat(99)}\n`);
    const { code, stderr } = await embed([...args, "two.safetensors"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "plainbert: a.csv.partial was made with other options, or by another model; --restart begins anew\n",
    });
    expect(await embed([...args, "one.safetensors"])).toMatchObject({ code: 0, stderr: "" });
  });

  test.each<[string[], string]>([
    [["--precision", "int8"], "--precision goes with --quantize"],
    [["--quantize", "--pooling", "none"], "--quantize needs another --pooling than none"],
    [["--quantize", "--precision", "uint8"], "--precision uint8 needs --ranges FILE"],
    [["--quantize", "--ranges", "a.safetensors"], "--ranges goes with --precision int8 or uint8"],
  ])("wrong usage: %j", async (args, message) => {
    const { code, stdout, stderr } = await embed(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("a file that has no ranges of that size", async () => {
    const files = {
      "other.safetensors": [["weight", { shape: [1], data: new Float32Array(1) }]],
      "codes.safetensors": [["embeddings", { shape: [1, H], data: new Int8Array(H) }]],
      "wide.safetensors": [["embeddings", { shape: [1, 2 * H], data: new Float32Array(2 * H) }]],
      "blank.safetensors": [["embeddings", { shape: [1, H], data: new Float32Array(H).fill(Number.NaN) }]],
      "three.safetensors": [["ranges", { shape: [3, H], data: new Float32Array(3 * H) }]],
      "upside.safetensors": [["ranges", { shape: [2, H], data: new Float32Array(2 * H).map((_, i) => -i) }]],
    } as const;
    const rules = [
      "must have a tensor ranges, or one embeddings that is not quantized",
      "must have a tensor ranges, or one embeddings that is not quantized",
      `must have embeddings of ${H} numbers, has [1,${2 * H}]`,
      "must have a row of numbers, has none",
      `must have ranges of ${H} numbers, has [3,${H}]`,
      "finite and no less than its low",
    ];
    for (const [i, [name, tensors]] of Object.entries(files).entries()) {
      await writeFile(join(cwd, name), writeSafetensors(tensors as never));
      const { code, stdout, stderr } = await embed(["--quantize", "--precision", "int8", "--ranges", name]);
      expect({ code, stdout }, name).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(rules[i]);
    }
  });
});
