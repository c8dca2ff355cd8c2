import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBert, saveBert } from "../../src/pipelines/index.ts";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../src/safetensors/index.ts";
import { head } from "../cli/run.ts";

const MODEL = head("mlm");
let folder: string;
let own: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plainbert-"));
  own = await fingerprintOf(MODEL);
});
afterAll(() => rm(folder, { recursive: true }));

async function fingerprintOf(path: string, options = {}): Promise<string> {
  await using bert = await loadBert(path, { backend: "plain", ...options });
  return bert.fingerprint;
}

test("is the same for every backend, dtype, number of threads and model class", async () => {
  expect(own).toMatch(/^[0-9a-f]{16}$/);
  const options = [
    { backend: "simd", threads: 1 },
    { backend: "simd", threads: 2 },
    { dtype: "float16" },
    { dtype: "bfloat16" },
    { dtype: "int8" },
    { backend: "simd", dtype: "int8" },
    { architecture: "BertModel" },
  ];
  for (const one of options) expect(await fingerprintOf(MODEL, one), JSON.stringify(one)).toBe(own);
});

test("of a copy that was saved in the same type too; of one in int8 it is another, whatever it is then held in", async () => {
  await using bert = await loadBert(MODEL, { backend: "plain" });
  await using int8 = await loadBert(MODEL, { backend: "plain", dtype: "int8" });
  await saveBert(bert, join(folder, "float32"));
  await saveBert(int8, join(folder, "int8"));
  expect(await fingerprintOf(join(folder, "float32"))).toBe(own);
  const saved = await fingerprintOf(join(folder, "int8"), { dtype: "int8" });
  expect(saved).not.toBe(own);
  expect(await fingerprintOf(join(folder, "int8"))).toBe(saved);
});

describe("is another where", () => {
  /** The model with other files. */
  async function altered(name: string, change: (text: string) => string): Promise<string> {
    const path = join(folder, `${name}-altered`);
    await cp(MODEL, path, { recursive: true });
    await writeFile(join(path, name), change(await readFile(join(path, name), "utf8")));
    return path;
  }

  /** The model with other numbers in one tensor. */
  async function retrained(tensor: RegExp): Promise<string> {
    const path = join(folder, "retrained");
    await cp(MODEL, path, { recursive: true });
    const file = readSafetensors(await readFile(join(MODEL, "model.safetensors")));
    const tensors = [...file.tensors.values()].map(({ name, shape }): [string, TensorToWrite] => {
      const data = file.toFloat32(name).map((x) => (tensor.test(name) ? x * 1.001 : x));
      return [name, { shape, data }];
    });
    await writeFile(join(path, "model.safetensors"), writeSafetensors(tensors, file.metadata));
    return path;
  }

  test("a matrix was trained, in any layer; not where a head was", async () => {
    expect(await fingerprintOf(await retrained(/^nothing$/))).toBe(own);
    expect(await fingerprintOf(await retrained(/encoder\.layer\.1\.attention\.self\.query\.weight$/))).not.toBe(own);
    expect(await fingerprintOf(await retrained(/word_embeddings\.weight$/))).not.toBe(own);
    expect(await fingerprintOf(await retrained(/^cls\.predictions\.transform/))).toBe(own);
  });

  test("the vocabulary has another order", async () => {
    const swapped = (text: string) => {
      const tokens = text.split("\n");
      [tokens[10], tokens[11]] = [tokens[11], tokens[10]];
      return tokens.join("\n");
    };
    expect(await fingerprintOf(await altered("vocab.txt", swapped))).not.toBe(own);
  });

  test("the tokenizer treats capitals in another way; not where the same is said in other words", async () => {
    const withFields = (changes: object) => (text: string) => JSON.stringify({ ...JSON.parse(text), ...changes });
    const config = JSON.parse(await readFile(join(MODEL, "tokenizer_config.json"), "utf8"));
    const other = withFields({ do_lower_case: !(config.do_lower_case ?? true) });
    expect(await fingerprintOf(await altered("tokenizer_config.json", other))).not.toBe(own);
    const same = withFields({ tokenize_chinese_chars: config.tokenize_chinese_chars ?? true, model_max_length: 60 });
    expect(await fingerprintOf(await altered("tokenizer_config.json", same))).toBe(own);
  });

  test("config.json says another activation function", async () => {
    const relu = (text: string) => JSON.stringify({ ...JSON.parse(text), hidden_act: "relu" });
    expect(await fingerprintOf(await altered("config.json", relu))).not.toBe(own);
  });
});
