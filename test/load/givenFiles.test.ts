import { createHash } from "node:crypto";
import { openAsBlob, readFileSync } from "node:fs";
import { appendFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { type Bert, downloadModel, loadBert, loadTokenizer, pipeline, saveBert } from "../../src/index.ts";
import { head } from "../cli/run.ts";
import { expectBertError, WEIGHTS } from "../pipelines/support.ts";
import {
  copied,
  filesOf,
  inPytorchModelBin,
  inPytorchShards,
  inShards,
  ofSentences,
  tiny,
  type WriteModel,
} from "../support/modelFiles.ts";
import { referenceInputs } from "../support/reference.ts";
import { SENTENCE_FORMS, SENTENCES } from "../support/sentenceFolders.ts";
import { temporaryFolder } from "../support/tinyModel.ts";

/** A model whose files are given as Blobs is the model of the folder that they are in. */
const PLAIN = { backend: "plain" } as const;
const TOKENIZER_JSON = join(import.meta.dirname, "..", "tokenizer", "reference", "bert-base-cased", "tokenizer.json");

/** The bits of a tensor. */
function bitsOf({ shape, data }: { readonly shape: readonly number[]; readonly data: unknown }): object {
  const { buffer, byteOffset, byteLength } = data as Uint8Array;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return { shape, bits: createHash("sha256").update(bytes).digest("hex") };
}

/** All that can be asked of a model. */
async function allOf(bert: Bert): Promise<object> {
  const output = await bert.forward(referenceInputs("tiny/inputs.json"), { hiddenStates: true, attentions: true });
  const tensors = Object.values(output).flat() as Parameters<typeof bitsOf>[0][];
  expect(tensors.length).toBeGreaterThan(5);
  return {
    output: [Object.keys(output), tensors.map(bitsOf)],
    parameters: Array.from(bert.tensorsToWrite(), ([name, parameter]) => [name, parameter.dtype, bitsOf(parameter)]),
    ...{ config: bert.config, configText: bert.configText, fingerprint: bert.fingerprint },
    ...{ ignored: bert.ignoredTensors, sentence: bert.sentence },
    encoding: bert.hasTokenizer && bert.tokenizer.encode("Emma Smith lived in [MASK].", { textPair: "Who?" }),
    tokenizerFiles: bert.hasTokenizer && bert.tokenizer.toFiles(),
  };
}

/** The masked language model under Google's name of its configuration. */
const fromGoogle: WriteModel = async (folder) => {
  await copied(head("mlm"))(folder);
  await rename(join(folder, "config.json"), join(folder, "bert_config.json"));
};

describe("has the bits of the folder on disk", () => {
  test.each<[string, WriteModel]>([
    ["the small model", copied(WEIGHTS)],
    ["one without a vocabulary", tiny(["model.safetensors"])],
    ["safetensors in shards", inShards],
    ["pytorch_model.bin", inPytorchModelBin],
    ["PyTorch's in shards", inPytorchShards],
    ["bert_config.json", fromGoogle],
  ])("%s", async (_, write) => {
    using folder = temporaryFolder();
    await write(folder.path);
    await using onDisk = await loadBert(folder.path, PLAIN);
    await using given = await loadBert(await filesOf(folder.path), PLAIN);
    expect(await allOf(given)).toEqual(await allOf(onDisk));
  });

  test.each(SENTENCE_FORMS)("the vectors of sentence-transformers' form %s, and what is saved of it", async (form) => {
    using folder = temporaryFolder();
    await ofSentences(form)(folder.path);
    const results = [];
    for (const model of [folder.path, await filesOf(folder.path)]) {
      await using embed = await pipeline("embeddings", model, PLAIN);
      const vectors = [await embed([...SENTENCES]), await embed.encodeQuery([...SENTENCES])];
      using saved = temporaryFolder();
      await saveBert(embed.model, saved.path);
      results.push([vectors.map(({ dims, data }) => bitsOf({ shape: dims, data })), await contentsOf(saved.path)]);
    }
    expect(results[1]).toEqual(results[0]);
  });

  /** The bytes of each file. */
  async function contentsOf(folder: string): Promise<object[]> {
    const files = [...(await filesOf(folder))].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(files.length).toBeGreaterThan(3);
    return Promise.all(
      files.map(async ([name, blob]) => [name, bitsOf({ shape: [], data: new Uint8Array(await blob.arrayBuffer()) })]),
    );
  }
});

describe("loadTokenizer", () => {
  test("of tokenizer.json alone", async () => {
    const text = "Hello, I'm a [MASK] model — naïve 東京.";
    const onDisk = await loadTokenizer(join(TOKENIZER_JSON, ".."));
    const given = await loadTokenizer(new Map([["tokenizer.json", await openAsBlob(TOKENIZER_JSON)]]));
    expect(given.encode(text, { textPair: "b" })).toEqual(onDisk.encode(text, { textPair: "b" }));
    expect(given.encode(text).length).toBeGreaterThan(10);
  });

  test("in the folder that modules.json names", async () => {
    using folder = temporaryFolder();
    await ofSentences("in_a_folder")(folder.path);
    const given = await loadTokenizer(await filesOf(folder.path));
    expect(given.toFiles()).toEqual((await loadTokenizer(folder.path)).toFiles());
  });

  test("needs a vocabulary", async () => {
    const message = "loadTokenizer: the given folder must have vocab.txt or tokenizer.json";
    const files = new Map([["config.json", new Blob(["{}"])]]);
    await expect(loadTokenizer(files)).rejects.toMatchObject({ code: "ERR_VOCABULARY", message });
  });
});

describe("reading", () => {
  /** Notes how many bytes of a file are asked for at once. */
  class Counted extends Blob {
    readonly asked: number[] = [];
    override slice(start: number, end: number): Blob {
      this.asked.push(end - start);
      return super.slice(start, end);
    }
    override arrayBuffer(): never {
      throw new Error("a whole file is read");
    }
  }

  test("asks for no more of the weights than is needed, and never for all at once", async () => {
    const bytes = readFileSync(join(WEIGHTS, "model.safetensors"));
    const weights = new Counted([bytes]);
    const files = await filesOf(WEIGHTS);
    await using bert = await loadBert(new Map([...files, ["model.safetensors", weights]]), PLAIN);
    const inOrder = weights.asked.toSorted((a, b) => b - a);
    expect(inOrder[0]).toBeLessThanOrEqual(8 << 20);
    expect(inOrder[0]).toBeLessThan(bytes.length / 2);
    const total = inOrder.reduce((sum, length) => sum + length, 0);
    const sampled = 1.1; // what is looked at again for the fingerprint
    expect(total).toBeLessThan(bytes.length * sampled);
    expect(total).toBeGreaterThan(bytes.length * 0.9);
    expect(bert.config.architecture).toBe("BertForPreTraining");
  });

  test("the tokenizer needs nothing of the weights", async () => {
    const weights = new Counted([readFileSync(join(WEIGHTS, "model.safetensors"))]);
    await loadTokenizer(new Map([...(await filesOf(WEIGHTS)), ["model.safetensors", weights]]));
    expect(weights.asked).toEqual([]);
  });

  test("a file that has changed since it was given is an error that names it", async () => {
    using folder = temporaryFolder();
    await copied(head("mlm"))(folder.path);
    const files = await filesOf(folder.path);
    await appendFile(join(folder.path, "model.safetensors"), "x");
    await expectBertError(
      loadBert(files, PLAIN),
      "ERR_FILE",
      "read: the given folder/model.safetensors: can no longer be read: ",
    );
  });

  test("what becomes of the Map later does not matter", async () => {
    const files = await filesOf(head("mlm"));
    const loading = loadBert(files, PLAIN);
    files.clear();
    await using bert = await loading;
    expect(bert.hasTokenizer).toBe(true);
  });

  test("Files, and a Map of another realm", async () => {
    const files = Array.from(await filesOf(head("mlm")), ([name, blob]) => [name, new File([blob], name)]);
    const foreign = runInNewContext("new Map(files)", { files }) as Map<string, Blob>;
    expect(foreign instanceof Map).toBe(false);
    await using bert = await loadBert(foreign, PLAIN);
    await using onDisk = await loadBert(head("mlm"), PLAIN);
    expect(bert.fingerprint).toBe(onDisk.fingerprint);
  });

  test("ends with the signal's reason", async () => {
    const files = await filesOf(head("mlm"));
    await expect(loadBert(files, { ...PLAIN, signal: AbortSignal.abort("enough") })).rejects.toBe("enough");
  });

  test("reports no progress but that a pipeline is ready, as a folder on disk", async () => {
    const seen: unknown[] = [];
    const progress_callback = (step: unknown) => void seen.push(step);
    await using unmask = await pipeline("fill-mask", await filesOf(head("mlm")), { ...PLAIN, progress_callback });
    expect(seen).toEqual([{ status: "ready", task: "fill-mask", model: "" }]);
    await using onDisk = await pipeline("fill-mask", head("mlm"), PLAIN);
    const text = "The [MASK] was open.";
    expect(await unmask(text)).toEqual(await onDisk(text));
  });
});

describe("what cannot be meant", () => {
  const config = new Blob(["{}"]);
  const FORMS = "the model must be a folder, a model's id on the hub or a Map of its files, got";
  test.each<[string, unknown, string]>([
    ["an object", { "config.json": config }, `${FORMS} {"config.json": {}}`],
    ["a list", [["config.json", config]], `${FORMS} [["config.json", {}]]`],
    ["a Set", new Set([config]), `${FORMS} a Set of 1`],
    ["no file", new Map(), "the model must be a Map of at least one file, got none"],
    ["a name that is none", new Map([[1, config]]), "the name of a file must be a string, got 1"],
    ["bytes", new Map([["config.json", Uint8Array.of(1)]]), '"config.json" must be a Blob, got a Uint8Array of 1'],
    ["a text", new Map([["config.json", "{}"]]), '"config.json" must be a Blob, got "{}"'],
    ["nothing", new Map([["config.json", undefined]]), '"config.json" must be a Blob, got undefined'],
    [
      "names that begin with the folder's own",
      new Map([
        ["my-model/config.json", config],
        ["my-model/vocab.txt", config],
      ]),
      `names of files must be those inside the model's folder, such as "config.json", got "my-model/config.json"`,
    ],
  ])("%s", async (_, model, message) => {
    await expect(loadBert(model as never)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: `loadBert: ${message}`,
    });
    const loading = loadTokenizer(model as never);
    await expect(loading).rejects.toMatchObject({ code: "ERR_INPUT", message: `loadTokenizer: ${message}` });
  });

  test("options of the hub: those without a meaning are left alone, wrong ones are not, as for a folder on disk", async () => {
    const files = await filesOf(head("mlm"));
    const unneeded = { revision: "v1", cache_dir: "nowhere", local_files_only: true, force_download: true, token: "t" };
    for (const model of [files, head("mlm")]) {
      await using bert = await loadBert(model, { ...PLAIN, ...unneeded });
      expect(bert.hasTokenizer).toBe(true);
      await expectBertError(
        loadBert(model, { ...PLAIN, revision: "a b" }),
        "ERR_INPUT",
        'hub: revision must be a branch, a tag or a commit, got "a b"',
      );
    }
  });

  test("files where a name is asked for", async () => {
    await expectBertError(
      downloadModel((await filesOf(head("mlm"))) as never),
      "ERR_INPUT",
      "hub: the model must be an existing folder",
      "got a Map of 4",
    );
  });
});
