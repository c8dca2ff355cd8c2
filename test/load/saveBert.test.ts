import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWeights } from "../../src/load/weightFiles.ts";
import { loadBert, loadTokenizer, pipeline, saveBert } from "../../src/pipelines/index.ts";
import { STORAGE_TYPES } from "../../src/tensor/storage.ts";
import { expectBertError, WEIGHTS } from "../pipelines/support.ts";
import { reference } from "../support/reference.ts";

const TEXTS = ["The [MASK] was open.", "She went [MASK] the river and looked at the water for a long time."];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plainbert-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(STORAGE_TYPES)("%s", (dtype) => {
  test("loaded, saved, loaded: the same bits, tokens and config", async () => {
    const path = join(folder, dtype);
    await using bert = await loadBert(undefined, { dtype });
    expect(bert.dtype).toBe(dtype);
    await saveBert(bert, path);
    const files =
      "config.json model.safetensors special_tokens_map.json tokenizer.json tokenizer_config.json vocab.txt";
    expect((await readdir(path)).sort()).toEqual(files.split(" "));
    await using again = await loadBert(path, { dtype });
    const batch = bert.tokenizer.encodeBatch(TEXTS);
    expect(again.tokenizer.encodeBatch(TEXTS)).toEqual(batch);
    expect(again.config).toEqual(bert.config);
    expect(await again.forward(batch)).toEqual(await bert.forward(batch));
    for (const [name, { data }] of again.parameters) expect(data, name).toEqual(bert.parameters.get(name)?.data);
  });

  test("the file's types, and its size", async () => {
    const weights = await openWeights(join(folder, dtype));
    const types = new Set([...weights.tensors.values()].filter(({ shape }) => shape.length === 2).map((t) => t.dtype));
    await weights.close();
    const expected = { float32: ["F32"], float16: ["F16"], bfloat16: ["BF16"], int8: ["I8", "F32"] }[dtype];
    expect([...types].sort()).toEqual(expected.sort());
    expect(weights.metadata).toEqual(new Map([["format", "pt"]]));
    const { size } = await stat(join(folder, dtype, "model.safetensors"));
    const whole = (await stat(join(WEIGHTS, "model.safetensors"))).size;
    expect(size / whole).toBeLessThan({ float32: 2.03, float16: 1.02, bfloat16: 1.02, int8: 0.55 }[dtype]); // it is F16 itself
    const config = JSON.parse(await readFile(join(folder, dtype, "config.json"), "utf8"));
    const own = JSON.parse(await readFile(join(WEIGHTS, "config.json"), "utf8"));
    const [field, other] = "dtype" in own ? ["dtype", "torch_dtype"] : ["torch_dtype", "dtype"];
    expect(config[field]).toBe(dtype === "int8" ? undefined : dtype);
    expect(other in config).toBe(false);
  });
});

test("what was loaded of a checkpoint is what is saved, with or without a tokenizer", async () => {
  const path = join(folder, "part");
  await using bert = await loadBert(reference("tiny"), { architecture: "BertForMaskedLM", dtype: "int8" });
  await saveBert(bert, path);
  expect((await readdir(path)).sort()).toEqual(["config.json", "model.safetensors"]);
  await using again = await loadBert(path);
  expect(again.config.architecture).toBe("BertForMaskedLM");
  expect([...again.parameters.keys()]).toEqual([...bert.parameters.keys()]);
  expect([...again.parameters.values()].map(({ data }) => data)).toEqual(
    [...bert.parameters.values()].map(({ data }) => data),
  );
});

test("a folder that exists is left as it is, and a failure leaves nothing", async () => {
  await using bert = await loadBert(reference("tiny"));
  const there = join(folder, "there");
  await mkdir(there);
  await writeFile(join(there, "notes.txt"), "mine");
  await expectBertError(saveBert(bert, there), "ERR_FILE", there, "must be empty or not there");
  expect(await readdir(there)).toEqual(["notes.txt"]);
  await expectBertError(saveBert(bert, join(there, "notes.txt", "model")), "ERR_FILE", "notes.txt");
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  await bert.dispose();
  await expectBertError(saveBert(bert, join(folder, "late")), "ERR_BACKEND", "after dispose()");
  expect(await readdir(folder)).not.toContain("late");
});

test("a pipeline takes dtype; an unknown one is refused", async () => {
  for (const dtype of ["float16", "int8"] as const) {
    await using unmask = await pipeline("fill-mask", undefined, { dtype });
    expect(unmask.model.dtype).toBe(dtype);
    expect(await unmask(TEXTS[0])).toHaveLength(5);
  }
  await expectBertError(
    loadBert(undefined, { dtype: "q4" as "int8" }),
    "ERR_INPUT",
    `loadBert: dtype must be one of float32, float16, bfloat16, int8, got "q4"`,
  );
  await using given = await loadBert();
  expect(given.dtype).toBe("float32");
  expect((await loadTokenizer()).size).toBe(given.config.vocabSize);
});
