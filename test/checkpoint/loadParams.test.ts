import { describe, expect, test } from "vitest";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import type { WeightSource } from "../../src/checkpoint/weightSource.ts";
import { gather } from "../../src/layers/gather.ts";
import { openMended } from "../../src/load/mendedWeights.ts";
import { stoppable } from "../../src/load/stoppableReading.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { openSafetensors, randomAccess } from "../../src/safetensors/safetensorsReader.ts";
import { writeSafetensors } from "../../src/safetensors/safetensorsWriter.ts";
import { openShards, parseSafetensorsIndex } from "../../src/safetensors/shards.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import { createSimdBackend } from "../../src/tensor/simd/createSimdBackend.ts";
import { STORAGE_TYPES } from "../../src/tensor/storage.ts";
import type { Weight } from "../../src/tensor/tensor.ts";
import { preTrainingShapes } from "../support/synthetic.ts";
import { numbers } from "../tensor/kernels/cases.ts";

const SIZES = {
  vocab_size: 11,
  hidden_size: 6,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 5,
  max_position_embeddings: 7,
  type_vocab_size: 2,
};
const config = parseConfig(JSON.stringify({ ...SIZES, architectures: ["BertForPreTraining"] }));

type Stored = Map<string, { shape: readonly number[]; data: Float32Array }>;

/** A complete BertForPreTraining checkpoint in memory, to be spoiled. */
function checkpoint(): Stored {
  return new Map(
    Array.from(preTrainingShapes(SIZES), ([name, shape], i) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, data: numbers(length, i) }];
    }),
  );
}

function source(stored: Stored): WeightSource {
  return { tensors: stored, readInto: async (name, target) => target.set(stored.get(name)!.data) };
}

function load(stored: Stored, changes: Partial<BertConfig> = {}, strict = false): Promise<BertModel> {
  return BertModel.load(source(stored), { ...config, ...changes }, plain, "float32", strict);
}

function rename(stored: Stored, to: (name: string) => string): Stored {
  return new Map(Array.from(stored, ([name, tensor]) => [to(name), tensor]));
}

const batch = [{ inputIds: [1, 2, 3] }];

describe("name forms of the same model", () => {
  test("gamma and beta", async () => {
    const legacy = rename(checkpoint(), (name) =>
      name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta"),
    );
    expect(legacy.has("cls.predictions.transform.LayerNorm.gamma")).toBe(true);
    expect((await load(legacy)).forwardSync(batch)).toEqual((await load(checkpoint())).forwardSync(batch));
  });

  test("a bare BertModel, without the prefix bert.", async () => {
    const bare = rename(checkpoint(), (name) => name.replace(/^bert\./, ""));
    const changes = { architecture: "BertModel" } as const;
    expect((await load(bare, changes)).forwardSync(batch)).toEqual(
      (await load(checkpoint(), changes)).forwardSync(batch),
    );
  });

  test("position_ids are ignored, with the prefix and without", async () => {
    const ids = { shape: [1, 7], data: new Float32Array(7) };
    await load(checkpoint().set("bert.embeddings.position_ids", ids));
    const bare = rename(checkpoint(), (name) => name.replace(/^bert\./, ""));
    await load(bare.set("embeddings.position_ids", ids), { architecture: "BertModel" });
  });

  test("the decoder's bias under its other name, or under both", async () => {
    const want = (await load(checkpoint())).forwardSync(batch);
    const bias = checkpoint().get("cls.predictions.bias")!;
    const both = checkpoint().set("cls.predictions.decoder.bias", bias);
    expect((await load(both)).forwardSync(batch)).toEqual(want);
    both.delete("cls.predictions.bias");
    expect((await load(both)).forwardSync(batch)).toEqual(want);
  });

  test("a BertModel may lack the pooler; then it has no pooled output", async () => {
    const stored = checkpoint();
    stored.delete("bert.pooler.dense.weight");
    stored.delete("bert.pooler.dense.bias");
    const model = await load(stored, { architecture: "BertModel" });
    expect(model.forwardSync(batch).poolerOutput).toBeUndefined();
    await expect(load(stored)).rejects.toThrow("bert.pooler.dense.weight: missing, must be [6,6]");
  });
});

describe("decoder", () => {
  const DECODER = "cls.predictions.decoder.weight";
  const WORDS = "bert.embeddings.word_embeddings.weight";

  test("absent: tied, one tensor in memory", async () => {
    const { tree, byName } = await loadParams(source(checkpoint()), config, plain);
    expect(tree.heads["cls.predictions"]?.decoder.weight).toBe(byName.get(WORDS));
    expect(byName.has(DECODER)).toBe(false);
  });

  test("a copy of the word embeddings: tied, one tensor in memory", async () => {
    const stored = checkpoint();
    stored.set(DECODER, stored.get(WORDS)!);
    const { tree, byName } = await loadParams(source(stored), config, plain);
    expect(tree.heads["cls.predictions"]?.decoder.weight).toBe(byName.get(WORDS));
    expect(byName.has(DECODER)).toBe(false);
  });

  test("a matrix of its own: used, as transformers 5 does", async () => {
    const own = { shape: [11, 6], data: numbers(66, 99) };
    const { tree, byName } = await loadParams(source(checkpoint().set(DECODER, own)), config, plain);
    expect(tree.heads["cls.predictions"]?.decoder.weight).toBe(byName.get(DECODER));
    expect(byName.get(DECODER)?.data).toEqual(own.data);
  });

  test.each([
    ["tied", checkpoint(), WORDS],
    ["of its own", checkpoint().set(DECODER, { shape: [11, 6], data: numbers(66, 99) }), DECODER],
  ])("%s: packed, in the tree and by name, and the words are looked up as they were", async (_, stored, packed) => {
    const k = createSimdBackend({ threads: 1 });
    const { tree, byName } = await loadParams(source(stored), config, k);
    const decoder = tree.heads["cls.predictions"]?.decoder.weight as Weight;
    expect(decoder.dtype).toBe("float32");
    expect(byName.get(packed)).toBe(decoder);
    expect(k.unpackWeight(decoder)).toEqual(stored.get(packed)?.data);
    const words = tree.bert.embeddings.word_embeddings.weight;
    expect(byName.get(WORDS)).toBe(words);
    expect(words.dtype).toBe(packed === WORDS ? "float32" : undefined);
    const row = stored.get(WORDS)?.data.slice(6 * 6, 7 * 6);
    expect(gather(k, words, Int32Array.of(6)).data).toEqual(row);
  });

  test("tie_word_embeddings: false wants one", async () => {
    await expect(load(checkpoint(), { tieWordEmbeddings: false })).rejects.toThrow(
      `${DECODER}: missing, must be [11,6]`,
    );
  });

  test("a model without that head leaves it where it is", async () => {
    const stored = checkpoint().set(DECODER, { shape: [11, 6], data: numbers(66, 99) });
    const model = await load(stored, { architecture: "BertForNextSentencePrediction" });
    expect(model.parameters.has(DECODER)).toBe(false);
  });
});

describe("refused", () => {
  test("everything that is wrong is in one message", async () => {
    const stored = checkpoint();
    stored.delete("bert.encoder.layer.0.attention.self.key.bias");
    stored.delete("cls.seq_relationship.weight");
    stored.set("bert.pooler.dense.bias", { shape: [7], data: numbers(7, 0) });
    stored.set("bert.encoder.layer.1.output.dense.bias", { shape: [6], data: numbers(6, 0) });
    await expect(load(stored, {}, true)).rejects.toMatchObject({
      name: "BertError",
      code: "ERR_CHECKPOINT",
      message: [
        "loadParams: the weights must be those of config.json's model, 4 of them are not:",
        "  bert.encoder.layer.0.attention.self.key.bias: missing, must be [6]",
        "  cls.seq_relationship.weight: missing, must be [2,6]",
        "  bert.pooler.dense.bias: must be [6] by config.json, is [7]",
        "  bert.encoder.layer.1.output.dense.bias: left over, [6]",
      ].join("\n"),
    });
  });

  test("one tensor alone", async () => {
    const stored = checkpoint();
    stored.delete("cls.seq_relationship.bias");
    stored.set("bert.pooler.dense.bias", { shape: [7], data: numbers(7, 0) });
    await expect(load(stored)).rejects.toThrow(", 2 of them are not:\n");
    stored.set("cls.seq_relationship.bias", { shape: [2], data: numbers(2, 0) });
    await expect(load(stored)).rejects.toThrow(", 1 of them is not:\n");
  });

  test("a list of a hundred layers that are missing stops after ten", async () => {
    const error = await load(checkpoint(), { numHiddenLayers: 100 }).catch((thrown: Error) => thrown);
    expect((error as Error).message.split("\n")).toHaveLength(12);
    expect((error as Error).message).toMatch(/, 1584 of them are not:\n.*\n {2}and 1574 more$/s);
  });

  test("a config that contradicts the weights", async () => {
    await expect(load(checkpoint(), { vocabSize: 12 })).rejects.toThrow(
      "bert.embeddings.word_embeddings.weight: must be [12,6] by config.json, is [11,6]",
    );
  });

  test("nothing of BERT at all", async () => {
    const nothing = new Map([["a", { shape: [1], data: numbers(1, 0) }]]);
    await expect(load(nothing, {}, true)).rejects.toThrow("a: left over, [1]");
    await expect(load(nothing)).rejects.toThrow("bert.embeddings.word_embeddings.weight: missing, must be [11,6]");
  });

  test("another number of labels than config.json's: how many each says", async () => {
    const stored = checkpoint();
    stored.set("classifier.weight", { shape: [3, 6], data: numbers(18, 0) });
    stored.set("classifier.bias", { shape: [3], data: numbers(3, 0) });
    const architecture = "BertForSequenceClassification";
    await expect(load(stored, { architecture, labels: ["no", "yes"] })).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: [
        "loadParams: the weights must be those of config.json's model, 2 of them are not:",
        "  classifier.weight: must be [2,6] by config.json, is [3,6]",
        "  classifier.bias: must be [2] by config.json, is [3]",
        "id2label or num_labels of config.json must say 3 labels, as many as the classifier has rows: they say 2",
      ].join("\n"),
    });
    await expect(load(stored, { architecture: "BertForMultipleChoice" })).rejects.toThrow(/is \[3\]$/);
  });

  test("an encoder without the head that is asked for", async () => {
    const stored = checkpoint();
    for (const name of [...stored.keys()]) if (name.startsWith("cls.predictions.")) stored.delete(name);
    await expect(load(stored, { architecture: "BertForMaskedLM" })).rejects.toThrow(
      "loadParams: the weights must have the head of a BertForMaskedLM, 5 of its tensors are missing:\n" +
        "  cls.predictions.transform.dense.weight: missing, must be [6,6]\n",
    );
  });

  test("the message names the file, or the first of several", async () => {
    const stored = checkpoint();
    stored.get("bert.pooler.dense.bias")!.data[3] = Number.NaN;
    const what = "bert.pooler.dense.bias must hold finite numbers, element 3 is NaN";
    const named = (...files: string[]) => BertModel.load({ ...source(stored), files }, config, plain);
    await expect(named("a/b.safetensors")).rejects.toThrow(`loadParams: a/b.safetensors: ${what}`);
    await expect(named("a", "b", "c")).rejects.toThrow(`loadParams: a and 2 more: ${what}`);
    stored.delete("bert.pooler.dense.weight");
    await expect(named("a")).rejects.toThrow("loadParams: a: the weights must be those of config.json's model, 1 of");
  });

  test("both spellings of one tensor", async () => {
    const stored = checkpoint();
    stored.set("bert.embeddings.LayerNorm.gamma", stored.get("bert.embeddings.LayerNorm.weight")!);
    await expect(load(stored)).rejects.toThrow(
      "bert.embeddings.LayerNorm.weight and bert.embeddings.LayerNorm.gamma must not both be there",
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("a weight that is %f", async (value) => {
    const stored = checkpoint();
    stored.get("bert.pooler.dense.bias")!.data[3] = value;
    await expect(load(stored)).rejects.toThrow(
      `loadParams: bert.pooler.dense.bias must hold finite numbers, element 3 is ${value}`,
    );
  });
});

test("every tensor of the checkpoint is used: changing any changes the output", async () => {
  const batch = [{ inputIds: [1, 2, 3], tokenTypeIds: [0, 1, 1] }];
  const want = JSON.stringify((await load(checkpoint())).forwardSync(batch));
  for (const name of checkpoint().keys()) {
    const stored = checkpoint();
    const { data } = stored.get(name)!;
    // Element 7 is in row 1 of each embedding, which this batch reads.
    data[7 % data.length] += 1;
    const changed = JSON.stringify((await load(stored)).forwardSync(batch)) !== want;
    // A bias on the keys adds the same number to a query's score for every key: softmax takes it out again.
    if (!name.endsWith("key.bias")) expect(changed, name).toBe(true);
  }
});

describe.each(["F16", "BF16"] as const)("a file of %s is decoded by the backend", (fileType) => {
  const tensors = [...checkpoint()].map(([name, tensor]) => [name, { ...tensor, dtype: fileType }] as const);
  const one = () => openSafetensors(randomAccess(writeSafetensors(tensors), "one"));
  const two = () => {
    const parts = { a: tensors.slice(0, 9), b: tensors.slice(9) };
    const listed = Object.entries(parts).flatMap(([file, part]) => part.map(([name]) => [name, file]));
    const index = parseSafetensorsIndex(JSON.stringify({ weight_map: Object.fromEntries(listed) }), "index");
    return openShards(index, async (file) => randomAccess(writeSafetensors(parts[file as "a" | "b"]), file));
  };
  const FORMS: Readonly<Record<string, () => Promise<WeightSource>>> = {
    "one file": one,
    shards: two,
    "one that may be mended": () => openMended(one, async () => false),
    "one whose reading may be stopped": async () => stoppable(await one(), undefined),
  };

  test.each(Object.keys(FORMS).flatMap((form) => STORAGE_TYPES.map((dtype) => [form, dtype] as const)))(
    "%s, held as %s",
    async (form, dtype) => {
      let decoded = 0;
      const decodeHalves: typeof plain.decodeHalves = (target, halves, type) => {
        decoded += halves.length;
        plain.decodeHalves(target, halves, type);
      };
      await loadParams(await FORMS[form](), config, { ...plain, decodeHalves }, dtype);
      expect(decoded).toBe(tensors.reduce((sum, [, { data }]) => sum + data.length, 0));
    },
  );
});
