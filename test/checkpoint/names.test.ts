import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import { withOurNames } from "../../src/checkpoint/names.ts";
import type { WeightSource } from "../../src/checkpoint/weightSource.ts";
import type { Architecture } from "../../src/model/architectures.ts";
import { parseConfig } from "../../src/model/config.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
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

/**
 * The variables of Google's bert_model.ckpt, with one layer, and what PyTorch calls each; written out from modeling.py and
 * run_pretraining.py of google-research/bert, the shapes in TensorFlow's order.
 */
const PRE_TRAINING: readonly (readonly [google: string, shape: number[], pytorch: string])[] = [
  ["bert/embeddings/word_embeddings", [11, 6], "bert.embeddings.word_embeddings.weight"],
  ["bert/embeddings/position_embeddings", [7, 6], "bert.embeddings.position_embeddings.weight"],
  ["bert/embeddings/token_type_embeddings", [2, 6], "bert.embeddings.token_type_embeddings.weight"],
  ["bert/embeddings/LayerNorm/gamma", [6], "bert.embeddings.LayerNorm.weight"],
  ["bert/embeddings/LayerNorm/beta", [6], "bert.embeddings.LayerNorm.bias"],
  ["bert/encoder/layer_0/attention/self/query/kernel", [6, 6], "bert.encoder.layer.0.attention.self.query.weight"],
  ["bert/encoder/layer_0/attention/self/query/bias", [6], "bert.encoder.layer.0.attention.self.query.bias"],
  ["bert/encoder/layer_0/attention/self/key/kernel", [6, 6], "bert.encoder.layer.0.attention.self.key.weight"],
  ["bert/encoder/layer_0/attention/self/key/bias", [6], "bert.encoder.layer.0.attention.self.key.bias"],
  ["bert/encoder/layer_0/attention/self/value/kernel", [6, 6], "bert.encoder.layer.0.attention.self.value.weight"],
  ["bert/encoder/layer_0/attention/self/value/bias", [6], "bert.encoder.layer.0.attention.self.value.bias"],
  ["bert/encoder/layer_0/attention/output/dense/kernel", [6, 6], "bert.encoder.layer.0.attention.output.dense.weight"],
  ["bert/encoder/layer_0/attention/output/dense/bias", [6], "bert.encoder.layer.0.attention.output.dense.bias"],
  [
    "bert/encoder/layer_0/attention/output/LayerNorm/gamma",
    [6],
    "bert.encoder.layer.0.attention.output.LayerNorm.weight",
  ],
  ["bert/encoder/layer_0/attention/output/LayerNorm/beta", [6], "bert.encoder.layer.0.attention.output.LayerNorm.bias"],
  ["bert/encoder/layer_0/intermediate/dense/kernel", [6, 5], "bert.encoder.layer.0.intermediate.dense.weight"],
  ["bert/encoder/layer_0/intermediate/dense/bias", [5], "bert.encoder.layer.0.intermediate.dense.bias"],
  ["bert/encoder/layer_0/output/dense/kernel", [5, 6], "bert.encoder.layer.0.output.dense.weight"],
  ["bert/encoder/layer_0/output/dense/bias", [6], "bert.encoder.layer.0.output.dense.bias"],
  ["bert/encoder/layer_0/output/LayerNorm/gamma", [6], "bert.encoder.layer.0.output.LayerNorm.weight"],
  ["bert/encoder/layer_0/output/LayerNorm/beta", [6], "bert.encoder.layer.0.output.LayerNorm.bias"],
  ["bert/pooler/dense/kernel", [6, 6], "bert.pooler.dense.weight"],
  ["bert/pooler/dense/bias", [6], "bert.pooler.dense.bias"],
  ["cls/predictions/transform/dense/kernel", [6, 6], "cls.predictions.transform.dense.weight"],
  ["cls/predictions/transform/dense/bias", [6], "cls.predictions.transform.dense.bias"],
  ["cls/predictions/transform/LayerNorm/gamma", [6], "cls.predictions.transform.LayerNorm.weight"],
  ["cls/predictions/transform/LayerNorm/beta", [6], "cls.predictions.transform.LayerNorm.bias"],
  ["cls/predictions/output_bias", [11], "cls.predictions.bias"],
  ["cls/seq_relationship/output_weights", [2, 6], "cls.seq_relationship.weight"],
  ["cls/seq_relationship/output_bias", [2], "cls.seq_relationship.bias"],
];

/** Those of run_classifier.py and run_squad.py, beside the encoder's. */
const CLASSIFIER = [
  ["output_weights", [2, 6], "classifier.weight"],
  ["output_bias", [2], "classifier.bias"],
] as const;
const SQUAD = [
  ["cls/squad/output_weights", [2, 6], "qa_outputs.weight"],
  ["cls/squad/output_bias", [2], "qa_outputs.bias"],
] as const;
const ENCODER = PRE_TRAINING.filter(([name]) => name.startsWith("bert/"));

type Stored = Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

function stored(list: readonly (readonly [string, readonly number[], string])[]): Stored {
  return new Map(
    list.map(([name, shape], i) => [
      name,
      {
        shape,
        data: numbers(
          shape.reduce((a, b) => a * b),
          i,
        ),
      },
    ]),
  );
}

function source(tensors: Stored): WeightSource {
  return { tensors, readInto: async (name, target) => target.set(tensors.get(name)!.data) };
}

const load = (tensors: Stored, architecture: Architecture, strict = false) =>
  loadParams(
    source(tensors),
    parseConfig(JSON.stringify({ ...SIZES, architectures: [architecture] })),
    plain,
    "float32",
    strict,
  );

describe("names of Google's TensorFlow checkpoints", () => {
  test.each([
    ["BertForPreTraining", PRE_TRAINING],
    ["BertForSequenceClassification", [...ENCODER, ...CLASSIFIER]],
    ["BertForQuestionAnswering", [...ENCODER, ...SQUAD]],
  ] as const)("%s: every tensor is read, kernels are transposed", async (architecture, list) => {
    const tensors = stored(list);
    const { byName } = await load(tensors, architecture);
    const used = list.filter(([name]) => architecture !== "BertForQuestionAnswering" || !name.includes("pooler"));
    expect(new Set(byName.keys())).toEqual(new Set(used.map(([, , pytorch]) => pytorch)));
    for (const [google, [rows, columns], pytorch] of used) {
      const { shape, data } = byName.get(pytorch)!;
      const kept = tensors.get(google)!.data;
      if (!google.endsWith("/kernel")) {
        expect(data, google).toEqual(kept);
        continue;
      }
      expect(shape, google).toEqual([columns, rows]);
      for (let i = 0; i < rows; i++)
        for (let o = 0; o < columns; o++) expect(data[o * rows + i], google).toBe(kept[i * columns + o]);
    }
  });

  test("what the optimiser keeps is not looked at, whatever its shape", async () => {
    const tensors = stored(PRE_TRAINING);
    const want = await load(stored(PRE_TRAINING), "BertForPreTraining");
    for (const [name, shape] of PRE_TRAINING)
      for (const moment of ["adam_m", "adam_v"]) tensors.set(`${name}/${moment}`, { shape, data: numbers(1, 0) });
    tensors.set("global_step", { shape: [], data: numbers(1, 0) });
    expect((await load(tensors, "BertForPreTraining")).byName).toEqual(want.byName);
  });

  test("messages have the file's own names, shapes as the model has them", async () => {
    const tensors = stored(PRE_TRAINING);
    tensors.delete("bert/pooler/dense/bias");
    tensors.set("bert/encoder/layer_0/output/dense/kernel", { shape: [6, 6], data: numbers(36, 0) });
    tensors.set("bert/encoder/layer_1/output/dense/kernel", { shape: [5, 6], data: numbers(30, 0) });
    await expect(load(tensors, "BertForPreTraining", true)).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: [
        "loadParams: the weights must be those of config.json's model, 3 of them are not:",
        "  bert.pooler.dense.bias: missing, must be [6]",
        "  bert/encoder/layer_0/output/dense/kernel: must be [6,5] by config.json, is [6,6]",
        "  bert/encoder/layer_1/output/dense/kernel: left over, [6,5]",
      ].join("\n"),
    });
  });

  test("both spellings of one tensor", async () => {
    const tensors = stored(PRE_TRAINING).set("bert.pooler.dense.bias", { shape: [6], data: numbers(6, 0) });
    await expect(load(tensors, "BertForPreTraining")).rejects.toThrow(
      "bert/pooler/dense/bias and bert.pooler.dense.bias must not both be there: they are one tensor",
    );
  });

  test("a name that no tensor has", async () => {
    await expect(
      withOurNames(source(stored(PRE_TRAINING)), { modelType: "bert", tieWordEmbeddings: true }).readInto(
        "x",
        new Float32Array(1),
      ),
    ).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: "readInto: no tensor is named x",
    });
  });
});

describe("names within a module's", () => {
  const renamed = (change: (name: string) => string): Stored =>
    new Map(Array.from(stored(PRE_TRAINING), ([name, tensor]) => [change(name), tensor]));

  test.each(["module/", "a.b/", "0.auto_model/"])("Google's names after %s", async (wrapper) => {
    const want = await load(stored(PRE_TRAINING), "BertForPreTraining");
    const got = await load(
      renamed((name) => wrapper + name),
      "BertForPreTraining",
    );
    expect(got.byName).toEqual(want.byName);
  });

  test.each(["query_", "x"])("%s is no module: the tensors are missing", async (beginning) => {
    const file = renamed((name) => (name.startsWith("cls") ? name : beginning + name.replace("bert/", "")));
    await expect(load(file, "BertForPreTraining")).rejects.toThrow("bert.embeddings.word_embeddings.weight: missing");
  });

  test("whatever the names are, each is read once or refused", () => {
    const part = fc.constantFrom("bert", "embeddings", "word_embeddings", "weight", "query_", "0", "", "classifier");
    const name = fc
      .array(fc.tuple(part, fc.constantFrom(".", "/", "")), { minLength: 1, maxLength: 6 })
      .map((parts) => parts.flat().join(""));
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 6 }), (names) => {
        const file = new Map(names.map((name) => [name, { shape: [1], data: new Float32Array(1) }] as const));
        try {
          const { ourNames } = withOurNames(source(file), { modelType: "bert", tieWordEmbeddings: false });
          expect([...ourNames.keys()]).toEqual(names);
          expect(new Set(ourNames.values()).size).toBe(names.length);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_CHECKPOINT" });
        }
      }),
    );
  });
});
