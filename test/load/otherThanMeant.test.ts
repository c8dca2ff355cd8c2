import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadBert } from "../../src/index.ts";
import { BertTokenizer } from "../../src/tokenizer/index.ts";
import { temporaryFolder, writeTinyModel } from "../support/tinyModel.ts";

const POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:53aa51172d142c89\nsize 90868376\n";
const PAGE = "<!DOCTYPE html>\n<html><head><title>Not found</title></head></html>\n";

describe.each([
  ["a pointer of git-lfs", POINTER, "a pointer of git-lfs: `git lfs pull` brings the file itself"],
  ["a web page", PAGE, "a page of HTML"],
])("%s in place of", (_, text, what) => {
  test.each([
    ["config.json", "ERR_CHECKPOINT"],
    ["tokenizer.json", "ERR_VOCABULARY"],
    ["tokenizer_config.json", "ERR_VOCABULARY"],
    ["model.safetensors", "ERR_CHECKPOINT"],
    ["modules.json", "ERR_CHECKPOINT"],
  ])("%s is said to be that", async (file, code) => {
    using folder = temporaryFolder();
    await writeTinyModel(folder.path);
    await writeFile(join(folder.path, file), text);
    const error = await loadBert(folder.path, { backend: "plain" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "BertError", code, message: expect.stringContaining(what) });
    expect((error as Error).message).toContain(file);
  });

  test.each(["model.safetensors", "pytorch_model.bin"])(
    "the index of %s in shards is said to be that",
    async (file) => {
      using folder = temporaryFolder();
      await writeTinyModel(folder.path);
      await rm(join(folder.path, "model.safetensors"));
      await writeFile(join(folder.path, `${file}.index.json`), text);
      await expect(loadBert(folder.path, { backend: "plain" })).rejects.toMatchObject({
        code: "ERR_CHECKPOINT",
        message: `${join(folder.path, file)}.index.json: is no index of weights but ${what}`,
      });
    },
  );

  test("vocab.txt is said to be that", () => {
    const must = "vocab.txt: must have a token in each line, is ";
    expect(() => BertTokenizer.fromFiles({ "vocab.txt": text })).toThrow(must + what);
  });
});

test.each(["tf_model.h5", "flax_model.msgpack", "model.fp16.safetensors", "bert_model.ckpt.index", "onnx/model.onnx"])(
  "weights that are %s alone are said to be not read",
  async (name) => {
    using folder = temporaryFolder();
    await writeTinyModel(folder.path);
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await rename(join(folder.path, "model.safetensors"), join(folder.path, name));
    await expect(loadBert(folder.path, { backend: "plain" })).rejects.toMatchObject({
      code: "ERR_FILE",
      message: `openWeights: ${folder.path}: must hold model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json; it has "${name}", which is not read`,
    });
  },
);

test.each(["model.safetensors", "pytorch_model.bin.index.json", "config.json", "vocab.txt"])(
  "a broken link in place of %s is said to be one, with its target",
  async (name) => {
    using folder = temporaryFolder();
    await writeTinyModel(folder.path);
    if (name.startsWith("pytorch")) await rm(join(folder.path, "model.safetensors"));
    await rm(join(folder.path, name), { force: true });
    await symlink("/gone/blob", join(folder.path, name));
    await expect(loadBert(folder.path, { backend: "plain" })).rejects.toMatchObject({
      code: "ERR_FILE",
      message: `openFile: ${join(folder.path, name)}: is a broken link, to /gone/blob`,
    });
  },
);

test.each([
  ["model.safetensors", "model-0000N-of-00002.safetensors"],
  ["pytorch_model.bin", "pytorch_model-0000N-of-00002.bin"],
])("files of %s without their index: the message names it", async (file, shard) => {
  using folder = temporaryFolder();
  await writeTinyModel(folder.path);
  await rm(join(folder.path, "model.safetensors"));
  const names = ["1", "2"].map((n) => shard.replace("N", n));
  for (const name of names) await writeFile(join(folder.path, name), "");
  await expect(loadBert(folder.path, { backend: "plain" })).rejects.toMatchObject({
    code: "ERR_FILE",
    message: `openWeights: ${folder.path}: must hold ${file}.index.json beside "${names[0]}", "${names[1]}": it lists which tensor is in which of them`,
  });
});

test.each([true, false])("an adapter of peft is said to be one, without a config.json: %s", async (isBare) => {
  using folder = temporaryFolder();
  await writeTinyModel(folder.path);
  await rm(join(folder.path, isBare ? "config.json" : "model.safetensors"));
  await writeFile(join(folder.path, "adapter_config.json"), '{"peft_type": "LORA"}');
  await writeFile(join(folder.path, "adapter_model.safetensors"), "");
  const what = "is an adapter of peft, no model: merge it into its model in Python (merge_and_unload), and save that";
  await expect(loadBert(folder.path, { backend: "plain" })).rejects.toMatchObject({
    code: "ERR_FILE",
    message: `${isBare ? "loadBert" : "openWeights"}: ${folder.path}: ${what}`,
  });
});
