import { appendFile, cp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BertError, type BertErrorCode, loadBert, pipeline } from "../../src/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { head } from "../cli/run.ts";
import {
  copied,
  filesOf,
  inPytorchModelBin,
  inShards,
  ofSentences,
  SHARDS,
  type WriteModel,
} from "../support/modelFiles.ts";
import { temporaryFolder } from "../support/tinyModel.ts";

const PLAIN = { backend: "plain" } as const;

/** The code and the message of an error of ours. */
async function errorOf(loading: Promise<unknown>): Promise<{ readonly code: BertErrorCode; readonly message: string }> {
  const error = await loading.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BertError);
  const { code, message } = error as BertError;
  return { code, message };
}

describe("a broken folder has the error that it has on disk", () => {
  type Break = (folder: string) => Promise<unknown>;
  const without = (file: string) => (folder: string) => rm(join(folder, file));
  const written = (file: string, content: string | Uint8Array) => (folder: string) =>
    writeFile(join(folder, file), content);
  const inTurn =
    (...changes: readonly Break[]): Break =>
    async (folder) => {
      for (const change of changes) await change(folder);
    };
  const mlm = copied(head("mlm"));
  const NO_TENSOR = "bert.embeddings.LayerNorm.bias";
  /** model.safetensors without one tensor, or with another shape of it. */
  const reshaped = (shape: readonly number[] | null) => async (folder: string) => {
    const path = join(folder, "model.safetensors");
    const file = readSafetensors(await readFile(path));
    const tensors = Array.from(file.tensors, ([name, own]) => {
      if (name !== NO_TENSOR) return [name, { shape: own.shape, data: file.toFloat32(name) }] as const;
      return shape && ([name, { shape, data: new Float32Array(shape[0]) }] as const);
    });
    await writeFile(path, writeSafetensors(tensors.filter((entry) => entry !== null)));
  };
  const HTML = "<!doctype html><html><title>404</title></html>";
  const dense = ofSentences("dense");

  test.each<[what: string, write: WriteModel, Break, code: string, ...parts: string[]]>([
    ["no config.json", mlm, without("config.json"), "ERR_FILE", "loadBert: ", " must have a config.json, has none"],
    ["a config.json that is no JSON", mlm, written("config.json", "{"), "ERR_CHECKPOINT", "config.json: must be JSON"],
    ["a page in its place", mlm, written("config.json", HTML), "ERR_CHECKPOINT", "is a page of HTML"],
    ["a truncated header", mlm, (at) => truncate(join(at, "model.safetensors"), 100), "ERR_CHECKPOINT", "header"],
    ["truncated weights", mlm, (at) => truncate(join(at, "model.safetensors"), 9000), "ERR_CHECKPOINT", ": truncated"],
    ["empty weights", mlm, written("model.safetensors", ""), "ERR_CHECKPOINT", "/model.safetensors"],
    ["a page in place of weights", mlm, written("model.safetensors", HTML), "ERR_CHECKPOINT", "a page of HTML"],
    ["a missing tensor", mlm, reshaped(null), "ERR_CHECKPOINT", `${NO_TENSOR}: missing`],
    ["a tensor of another shape", mlm, reshaped([3]), "ERR_CHECKPOINT", NO_TENSOR, "[3]"],
    [
      "a truncated pytorch_model.bin",
      inPytorchModelBin,
      (at) => truncate(join(at, "pytorch_model.bin"), 9000),
      "ERR_CHECKPOINT",
      "/pytorch_model.bin",
    ],
    [
      "a text in its place",
      inPytorchModelBin,
      written("pytorch_model.bin", HTML),
      "ERR_CHECKPOINT",
      "/pytorch_model.bin",
    ],
    [
      "a vocabulary that is too long",
      mlm,
      (at) => appendFile(join(at, "vocab.txt"), "more\nand more\n"),
      "ERR_VOCABULARY",
      "loadBert: ",
      "must have at most as many tokens",
    ],
    [
      "a vocabulary that is not UTF-8",
      mlm,
      written("vocab.txt", Uint8Array.of(0x61, 0xff)),
      "ERR_FILE",
      "/vocab.txt: is not UTF-8 text",
    ],
    [
      "a tokenizer.json that is none",
      mlm,
      written("tokenizer.json", "[]"),
      "ERR_VOCABULARY",
      "tokenizer.json: must be an object",
    ],
    [
      "a missing shard",
      inShards,
      without(SHARDS[1]),
      "ERR_FILE",
      `openFile: `,
      `/${SHARDS[1]}: no such file or folder`,
    ],
    [
      "shards without an index",
      inShards,
      without("model.safetensors.index.json"),
      "ERR_FILE",
      "openWeights: ",
      "must hold model.safetensors.index.json beside",
    ],
    [
      "an index that is none",
      inShards,
      written("model.safetensors.index.json", HTML),
      "ERR_CHECKPOINT",
      "/model.safetensors.index.json: is no index of weights",
    ],
    ["no weights", mlm, without("model.safetensors"), "ERR_FILE", "must hold model.safetensors, "],
    [
      "weights in other formats",
      mlm,
      inTurn(without("model.safetensors"), written("tf_model.h5", ""), (at) =>
        cp(head("qa"), join(at, "onnx"), { recursive: true }),
      ),
      "ERR_FILE",
      'it has "tf_model.h5", "onnx/model.safetensors", which is not read',
    ],
    [
      "an adapter",
      mlm,
      inTurn(without("config.json"), written("adapter_config.json", "{}")),
      "ERR_FILE",
      "loadBert: ",
      "is an adapter of peft",
    ],
    [
      "an adapter's weights",
      mlm,
      inTurn(without("model.safetensors"), written("adapter_config.json", "{}")),
      "ERR_FILE",
      "openWeights: ",
      "is an adapter of peft",
    ],
    [
      "a modules.json that is none",
      dense,
      written("modules.json", "{}"),
      "ERR_CHECKPOINT",
      "modules.json: must be an array",
    ],
  ])("%s", async (_, write, change, code, ...parts) => {
    using folder = temporaryFolder();
    await write(folder.path);
    await change(folder.path);
    const onDisk = await errorOf(loadBert(folder.path, PLAIN));
    const given = await errorOf(loadBert(await filesOf(folder.path), PLAIN));
    expect(onDisk.code).toBe(code);
    expect(onDisk.message).toContain(folder.path);
    expect(given).toEqual({ code, message: onDisk.message.replaceAll(folder.path, "the given folder") });
    for (const part of parts) expect(given.message).toContain(part);
  });

  test.each<[what: string, Break, ...parts: string[]]>([
    ["a missing Pooling", without("1_Pooling/config.json"), "the settings of modules.json's Pooling must be there"],
    ["a Dense without weights", without("2_Dense/model.safetensors"), "openWeights: ", "/2_Dense: must hold model.saf"],
    ["a Dense that is a text", written("2_Dense/model.safetensors", HTML), "/2_Dense/model.safetensors: is no safe"],
    [
      "settings that are not UTF-8",
      written("1_Pooling/config.json", Uint8Array.of(0xff)),
      "/1_Pooling/config.json: is",
    ],
  ])("%s", async (_, change, ...parts) => {
    using folder = temporaryFolder();
    await dense(folder.path);
    await change(folder.path);
    const onDisk = await errorOf(pipeline("embeddings", folder.path, PLAIN));
    const given = await errorOf(pipeline("embeddings", await filesOf(folder.path), PLAIN));
    expect(given).toEqual({ ...onDisk, message: onDisk.message.replaceAll(folder.path, "the given folder") });
    for (const part of parts) expect(given.message).toContain(part);
  });

  test("no vocabulary, when the tokenizer is asked for", async () => {
    const files = await filesOf(head("mlm"));
    files.delete("vocab.txt");
    await using bert = await loadBert(files, PLAIN);
    expect(() => bert.tokenizer).toThrow("bert.tokenizer: the given folder must have vocab.txt or tokenizer.json");
  });
});
