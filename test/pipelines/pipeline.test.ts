import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadBert, pipeline } from "../../src/pipelines/index.ts";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../src/safetensors/index.ts";
import { expectBertError, modelCopy, WEIGHTS } from "./support.ts";

const TASKS = ["fill-mask", "next-sentence-prediction", "feature-extraction"] as const;

test("a pipeline has its task, model and tokenizer; dispose frees a model that it has loaded", async () => {
  const unmask = await pipeline("fill-mask", WEIGHTS, { backend: "plain" });
  expect(unmask.task).toBe("fill-mask");
  expect(unmask.model.config.vocabSize).toBe(8192);
  expect(unmask.tokenizer).toBe(unmask.model.tokenizer);
  await unmask.dispose();
  await unmask.dispose();
  await expectBertError(unmask("[MASK]"), "ERR_BACKEND", "dispose()");
});

test("a model that was handed in outlives the pipelines that ask it", async () => {
  await using bert = await loadBert();
  for (const task of TASKS) {
    await using pipe = await pipeline(task, bert);
    expect(pipe.model).toBe(bert);
  }
  expect((await bert.forward([{ inputIds: [2, 3] }])).lastHiddenState.shape).toEqual([1, 2, 256]);
});

test("only what the task needs is loaded", async () => {
  const names = async (task: (typeof TASKS)[number]) => {
    await using pipe = await pipeline(task);
    return [...pipe.model.parameters.keys()].filter((name) => !/embeddings|encoder/.test(name)).sort();
  };
  expect(await names("feature-extraction")).toEqual(["bert.pooler.dense.bias", "bert.pooler.dense.weight"]);
  expect(await names("next-sentence-prediction")).toContain("cls.seq_relationship.weight");
  expect(await names("next-sentence-prediction")).not.toContain("cls.predictions.bias");
  expect(await names("fill-mask")).toContain("cls.predictions.bias");
  expect(await names("fill-mask")).not.toContain("cls.seq_relationship.weight");
});

describe("bad arguments", () => {
  const make = pipeline as (...args: unknown[]) => Promise<unknown>;

  test.each<[string, unknown[], string[]]>([
    ["an unknown task", ["summarization"], ["task must be one of fill-mask,", '"summarization"']],
    ["a task that is a name of objects", ["toString"], ["task must be one of", '"toString"']],
    ["no task", [], ["task must be", "undefined"]],
    [
      "a model that is none",
      ["fill-mask", 5],
      ["model must be a folder, a model's id on the hub, a Map of its files or a model from loadBert", "got 5"],
    ],
    ["null as model", ["fill-mask", null], ["model must be", "null"]],
    ["options no object", ["fill-mask", undefined, "plain"], ["options must be an object", '"plain"']],
  ])("%s", async (_, args, parts) => {
    await expectBertError(make(...args), "ERR_INPUT", "pipeline: ", ...parts);
  });

  test("load options for a model that is already loaded", async () => {
    await using bert = await loadBert();
    await expectBertError(pipeline("fill-mask", bert, { backend: "plain" }), "ERR_INPUT", "options", "already loaded");
  });

  test("an unknown backend", async () => {
    await expectBertError(make("fill-mask", WEIGHTS, { backend: "gpu" }), "ERR_BACKEND", '"gpu"');
  });

  test("a loaded model without the head", async () => {
    await using bert = await loadBert(undefined, { architecture: "BertModel" });
    await expectBertError(
      pipeline("fill-mask", bert),
      "ERR_INPUT",
      "fill-mask: model",
      "BertForMaskedLM",
      '"BertModel"',
    );
    await expectBertError(
      pipeline("next-sentence-prediction", bert),
      "ERR_INPUT",
      "next-sentence-prediction: model",
      "BertForPreTraining",
      '"BertModel"',
    );
  });
});

describe("a model's folder that is not in order", () => {
  test("is missing, or a file", async () => {
    await expectBertError(pipeline("fill-mask", join(WEIGHTS, "nowhere")), "ERR_FILE", "nowhere", "no such file");
    await expectBertError(
      pipeline("fill-mask", join(WEIGHTS, "config.json")),
      "ERR_FILE",
      "must be a folder, is a file",
    );
  });

  test("has no config.json", async () => {
    await expectBertError(pipeline("fill-mask", join(WEIGHTS, "..", "src")), "ERR_FILE", "config.json");
  });

  test("has a config.json of other sizes", async () => {
    await using model = await modelCopy();
    await edit(model.file("config.json"), (text) => text.replace('"num_hidden_layers": 4', '"num_hidden_layers": 5'));
    await expectBertError(pipeline("fill-mask", model.path), "ERR_CHECKPOINT", "encoder.layer.4", "missing");
    await edit(model.file("config.json"), (text) =>
      text.replace('layers": 5', 'layers": 4').replace(": 1024", ": 1000"),
    );
    await expectBertError(pipeline("fill-mask", model.path), "ERR_CHECKPOINT", "[1000,256]", "[1024,256]");
  });

  test("has truncated weights", async () => {
    await using model = await modelCopy();
    await truncate(model.file("model.safetensors"), 1_000_000);
    await expectBertError(pipeline("fill-mask", model.path), "ERR_CHECKPOINT", "model.safetensors");
    await truncate(model.file("model.safetensors"), 5);
    await expectBertError(pipeline("fill-mask", model.path), "ERR_CHECKPOINT", "model.safetensors");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("has %d among its weights", async (bad) => {
    await using model = await modelCopy();
    await rewrite(model.file("model.safetensors"), "bert.encoder.layer.2.output.dense.bias", (data) =>
      data.with(7, bad),
    );
    await expectBertError(
      pipeline("fill-mask", model.path),
      "ERR_CHECKPOINT",
      "layer.2.output.dense.bias",
      "element 7",
      String(bad),
    );
  });

  test("has weights so large that the answers overflow", async () => {
    await using model = await modelCopy();
    await rewrite(model.file("model.safetensors"), "bert.encoder.layer.3.output.LayerNorm.weight", (data) =>
      data.fill(3e38),
    );
    const finite = ["finite numbers"];
    await using extract = await pipeline("feature-extraction", model.path);
    await expectBertError(extract("a"), "ERR_CHECKPOINT", "feature-extraction", ...finite);
    await using unmask = await pipeline("fill-mask", model.path);
    await expectBertError(unmask("[MASK]"), "ERR_CHECKPOINT", "fill-mask", ...finite);
  });

  test("has a vocabulary longer than the embedding", async () => {
    await using model = await modelCopy();
    await edit(model.file("vocab.txt"), (text) => `${text}more\nand more\n`);
    await expectBertError(pipeline("fill-mask", model.path), "ERR_VOCABULARY", "8192", "8194");
  });

  test("has no vocabulary, or one without [MASK]", async () => {
    await using model = await modelCopy();
    await edit(model.file("vocab.txt"), (text) => text.replace("[MASK]", "[MOSK]"));
    await edit(model.file("tokenizer_config.json"), (text) => text.replace(/,\s*"mask_token": "\[MASK\]"/, ""));
    await expectBertError(pipeline("fill-mask", model.path), "ERR_VOCABULARY", "fill-mask", "mask");
    await edit(model.file("vocab.txt"), () => "");
    await expectBertError(pipeline("fill-mask", model.path), "ERR_VOCABULARY");
  });

  test("an aborted load rejects with the signal's reason", async () => {
    const reason = new Error("enough");
    await expect(pipeline("fill-mask", WEIGHTS, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

async function edit(path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(path, "utf8");
  const after = change(before);
  expect(after, path).not.toBe(before);
  await writeFile(path, after);
}

/** Writes the file again, as float32, with one tensor changed. */
async function rewrite(path: string, name: string, change: (data: Float32Array) => Float32Array): Promise<void> {
  const file = readSafetensors(new Uint8Array(await readFile(path)));
  expect([...file.tensors.keys()]).toContain(name);
  const tensors = [...file.tensors.keys()].map((key): [string, TensorToWrite] => {
    const { shape } = file.tensors.get(key)!;
    const data = file.toFloat32(key);
    return [key, { shape, data: key === name ? change(data) : data }];
  });
  await writeFile(path, writeSafetensors(tensors));
}
