import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Bert, loadBert, pipeline, saveBert } from "../../src/pipelines/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { STORAGE_TYPES } from "../../src/tensor/storage.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";
import { deviation } from "../support/close.ts";
import {
  DISTILBERT,
  DISTILBERT_FOLDERS,
  type DistilbertFolder,
  distilbertBatch,
  distilbertPath,
} from "../support/distilbert.ts";
import { reference } from "../support/reference.ts";
import { temporaryFolder } from "../support/tinyModel.ts";

type Tensors = Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

async function tensorsOf(folder: string): Promise<Tensors> {
  const file = readSafetensors(await readFile(join(folder, "model.safetensors")));
  return new Map(
    Array.from(file.tensors, ([name, { shape }]) => [name, { shape, data: Float32Array.from(file.toFloat32(name)) }]),
  );
}

const jsonOf = async (folder: string) => JSON.parse(await readFile(join(folder, "config.json"), "utf8"));

/** A copy of a model's folder with other weights or fields of config.json. */
async function altered(
  folder: DistilbertFolder,
  path: string,
  change: (tensors: Tensors) => Tensors,
  fields: object = {},
): Promise<string> {
  await cp(distilbertPath(folder), path, { recursive: true });
  await writeFile(join(path, "model.safetensors"), writeSafetensors(change(await tensorsOf(path))));
  await writeFile(join(path, "config.json"), JSON.stringify({ ...(await jsonOf(path)), ...fields }));
  return path;
}

const renamed = (change: (name: string) => string) => (tensors: Tensors) =>
  new Map(Array.from(tensors, ([name, tensor]) => [change(name), tensor]));

async function outputOf(
  path: string,
  batch = distilbertBatch("mlm").batch,
  options: Parameters<typeof loadBert>[1] = {},
) {
  await using bert = await loadBert(path, { backend: "plain", ...options });
  return bert.forwardSync(batch, { hiddenStates: true });
}

describe("forms of folder", () => {
  const { batch } = distilbertBatch("mlm");

  test.each([
    ["bare names", (name: string) => name.replace(/^distilbert\./, "")],
    ["module.", (name: string) => `module.${name}`],
    ["0.auto_model., bare", (name: string) => `0.auto_model.${name.replace(/^distilbert\./, "")}`],
    ["_orig_mod.", (name: string) => `_orig_mod.${name}`],
  ] as const)("%s", async (_, change) => {
    using place = temporaryFolder();
    const path = await altered("mlm", join(place.path, "m"), renamed(change));
    expect(await outputOf(path)).toEqual(await outputOf(distilbertPath("mlm")));
  });

  test("tied: the decoder's matrix is there twice, alone, or not; one of its own is kept", async () => {
    using place = temporaryFolder();
    const [WORDS, DECODER] = ["distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight"];
    const want = await outputOf(distilbertPath("mlm"));
    const twice = (tensors: Tensors) => tensors.set(DECODER, tensors.get(WORDS)!);
    expect(await outputOf(await altered("mlm", join(place.path, "twice"), twice))).toEqual(want);
    const alone = renamed((name) => (name === WORDS ? DECODER : name));
    expect(await outputOf(await altered("mlm", join(place.path, "alone"), alone))).toEqual(want);

    const own = (tensors: Tensors) => {
      const { shape, data } = tensors.get(WORDS)!;
      return tensors.set(DECODER, { shape, data: data.map((x) => 2 * x) });
    };
    const path = await altered("mlm", join(place.path, "own"), own, { tie_word_embeddings: false });
    await using bert = await loadBert(path, { backend: "plain" });
    expect(bert.parameters.get(DECODER)?.data).toEqual(bert.parameters.get(WORDS)?.data.map((x) => 2 * x));
    const bias = bert.parameters.get("vocab_projector.bias")!.data;
    const [got, tied] = [bert.forwardSync(batch).logits!.data, want.logits!.data];
    const scale = (x: number, i: number) => 2 * (x - bias[i % bias.length]) + bias[i % bias.length];
    const real = [...tied.keys()].filter((i) => tied[i] !== 0);
    expect(
      deviation(
        real.map((i) => got[i]),
        real.map((i) => scale(tied[i], i)),
      ).max,
    ).toBeLessThan(1e-5);
  });

  test("config.json without model_type or architectures, and with BERT's class asked for", async () => {
    using place = temporaryFolder();
    const want = await outputOf(distilbertPath("mlm"));
    const same = (tensors: Tensors) => tensors;
    const old = await altered("mlm", join(place.path, "old"), same, { model_type: undefined, architectures: null });
    expect(await outputOf(old, batch, { architecture: "BertForMaskedLM" })).toEqual(want);
    expect(await outputOf(old, batch, { architecture: "DistilBertForMaskedLM" })).toEqual(want);
    expect((await outputOf(old)).logits).toBeUndefined();
    await using unmask = await pipeline("fill-mask", old);
    expect(unmask.model.config.architecture).toBe("DistilBertForMaskedLM");
  });

  test("token types have no effect, whatever they are", async () => {
    const typed = batch.map((sequence) => ({ ...sequence, tokenTypeIds: Array.from(sequence.inputIds, (_, t) => t) }));
    expect(await outputOf(distilbertPath("mlm"), typed)).toEqual(await outputOf(distilbertPath("mlm")));
    await using bert = await loadBert(distilbertPath("mlm"));
    expect(bert.config.typeVocabSize).toBe(0);
    const pair = bert.tokenizer.encode("The door", { textPair: "was open." });
    const { inputIds, tokenTypeIds } = pair;
    expect(tokenTypeIds).toContain(1);
    expect(await bert.forward([pair])).toEqual(await bert.forward([{ inputIds }]));
  });

  test("a head mask multiplies what each head returns, and not its probabilities", async () => {
    await using bert = await loadBert(distilbertPath("mlm"), { backend: "plain" });
    const options = { attentions: true, taps: [CONTEXT] };
    const all = bert.forwardSync(batch, options);
    const mask = [0, 0.5, 2];
    const masked = bert.forwardSync(batch, { ...options, headMask: [mask, [1, 1, 1]] });
    const [got, whole] = [masked, all].map((output) => output.taps?.get(CONTEXT)?.data as Float32Array);
    expect(whole).toHaveLength(4 * 9 * 12);
    expect(got).toEqual(whole.map((x, i) => x * mask[Math.floor((i % 12) / 4)])); // powers of two lose no bit
    expect(masked.attentions?.[0]).toEqual(all.attentions?.[0]);
    expect(masked.logits).not.toEqual(all.logits);
  });
});

const CONTEXT = "distilbert.transformer.layer.0.attention.context";

describe("refused with the reason", () => {
  test("next-sentence-prediction, and other classes that there are not", async () => {
    const other = "a BERT with a next-sentence head, such as google-bert/bert-base-uncased: a DistilBERT has none";
    const message = `loadBert: the model must be ${other}`;
    const model = distilbertPath("mlm");
    await expect(pipeline("next-sentence-prediction", model)).rejects.toMatchObject({ code: "ERR_INPUT", message });
    await expect(loadBert(model, { architecture: "BertForPreTraining" })).rejects.toMatchObject({ message });
    await using bert = await loadBert(model);
    await expect(pipeline("next-sentence-prediction", bert)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: `next-sentence-prediction: model must be ${other}, got "DistilBertForMaskedLM"`,
    });
    await expect(pipeline("text-classification", bert)).rejects.toMatchObject({
      message: 'text-classification: model must be a DistilBertForSequenceClassification, got "DistilBertForMaskedLM"',
    });
    await expect(loadBert(reference("tiny"), { architecture: "DistilBertModel" })).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringContaining("as config.json's model_type is bert, got DistilBertModel"),
    });
  });

  test("the other family's weights, by their names", async () => {
    using place = temporaryFolder();
    const same = (tensors: Tensors) => tensors;
    const bare = (tensors: Tensors) =>
      new Map(Array.from(tensors, ([name, tensor]) => [name.replace("distilbert.", ""), tensor]));
    const isDistil = (path: string, name: string) => ({
      code: "ERR_CHECKPOINT",
      message: `loadParams: ${join(path, "model.safetensors")}: the weights must be a BERT's by config.json, are a DistilBERT's by their names, such as ${name}: model_type must be "distilbert"`,
    });
    const fields = { model_type: "bert", architectures: ["BertForMaskedLM"], dim: undefined };
    for (const [folder, change] of Object.entries({ same, bare })) {
      const path = await altered("mlm", join(place.path, folder), change, fields);
      const name = `${change === bare ? "" : "distilbert."}transformer.layer.0.attention.q_lin.weight`;
      await expect(loadBert(path)).rejects.toMatchObject(isDistil(path, name));
    }
    const bert = join(place.path, "bert");
    await cp(reference("tiny"), bert, { recursive: true });
    const config = JSON.parse(await readFile(join(bert, "config.json"), "utf8"));
    await writeFile(join(bert, "config.json"), JSON.stringify({ ...config, model_type: "distilbert" }));
    await expect(loadBert(bert)).rejects.toThrow(
      `the weights must be a DistilBERT's by config.json, are a BERT's by their names, such as bert.encoder.layer.0.attention.self.query.weight: model_type must be "bert"`,
    );
  });

  test("weights that are missing, by their own names", async () => {
    using place = temporaryFolder();
    const without = (part: string) => (tensors: Tensors) =>
      new Map([...tensors].filter(([name]) => !name.startsWith(part)));
    const headless = await altered("sequence-classification", join(place.path, "a"), without("pre_classifier."));
    await expect(loadBert(headless)).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(
        /the weights must have the head of a DistilBertForSequenceClassification, 2 of its tensors are missing:\n {2}pre_classifier.weight: missing, must be \[12,12\]/,
      ),
    });
    const layer = await altered(
      "mlm",
      join(place.path, "b"),
      without("distilbert.transformer.layer.1.attention.q_lin"),
    );
    await expect(loadBert(layer)).rejects.toThrow(
      "distilbert.transformer.layer.1.attention.q_lin.weight: missing, must be [12,12]",
    );
  });

  test("weights that are left over, if strict: not those of its heads", async () => {
    using place = temporaryFolder();
    const more = (name: string) => (tensors: Tensors) => tensors.set(name, { shape: [1], data: new Float32Array(1) });
    await using bert = await loadBert(distilbertPath("sequence-classification"), {
      strict: true,
      architecture: "DistilBertModel",
    });
    expect(bert.ignoredTensors).toEqual([
      "classifier.bias",
      "classifier.weight",
      "pre_classifier.bias",
      "pre_classifier.weight",
    ]);
    const path = await altered("mlm", join(place.path, "more"), more("extra.weight"));
    await expect(loadBert(path, { strict: true })).rejects.toThrow("extra.weight: left over, [1]");
  });
});

describe.each(STORAGE_TYPES)("%s", (dtype) => {
  test.each(DISTILBERT_FOLDERS)("%s: saved and loaded, it is the same model", async (folder) => {
    using place = temporaryFolder();
    const path = join(place.path, "saved");
    const own = distilbertPath(folder);
    await using bert = await loadBert(own, { dtype, backend: "plain" });
    await saveBert(bert, path);
    const [config, saved] = [await jsonOf(own), await jsonOf(path)];
    if (dtype === "int8") delete config.dtype;
    else config.dtype = dtype;
    expect(saved).toEqual(config);
    const [before, after] = [await tensorsOf(own), await tensorsOf(path)];
    const names = [...after.keys()].filter((name) => !name.endsWith("_scale"));
    // transformers saves the bare model without "distilbert."
    const prefix = folder === "base" ? "distilbert." : "";
    expect(names.sort()).toEqual(Array.from(before.keys(), (name) => `${prefix}${name}`).sort());
    if (dtype === "float32")
      for (const [name, { data }] of before) expect(after.get(`${prefix}${name}`)?.data).toEqual(data);
    expect((await readdir(path)).sort()).toEqual(expect.arrayContaining(["config.json", "tokenizer.json"]));
    // Python's tokenizer makes no token types then, which transformers 4 refuses
    const tokenizer = JSON.parse(await readFile(join(path, "tokenizer_config.json"), "utf8"));
    expect(tokenizer.model_input_names).toEqual(["input_ids", "attention_mask"]);

    await using again = await loadBert(path, { dtype, backend: "plain" });
    expect(again.config).toEqual(bert.config);
    expect(again.config.architecture).toBe(DISTILBERT[folder]);
    const { batch } = distilbertBatch(folder);
    expect(again.forwardSync(batch, { hiddenStates: true })).toEqual(bert.forwardSync(batch, { hiddenStates: true }));
    expect(again.fingerprint === bert.fingerprint).toBe(dtype === "float32");
    expect(again.tokenizer.encode("Emma read.")).toEqual(bert.tokenizer.encode("Emma read."));
  });

  test("the last hidden states are near those of float32, with plain and simd", async () => {
    const truth = await outputOf(distilbertPath("base"));
    // measured 1.907e-6, 4.675e-3, 2.652e-2, 7.505e-2; |x| up to 4.4
    const allowed = { float32: 1.91e-6, float16: 4.7e-3, bfloat16: 2.7e-2, int8: 7.6e-2 }[dtype];
    for (const backend of ["plain", "simd"] as const) {
      const got = await outputOf(distilbertPath("base"), undefined, { dtype, backend });
      expect(deviation(got.lastHiddenState.data, truth.lastHiddenState.data).max).toBeLessThanOrEqual(allowed);
    }
  });
});

test("a folder of sentence-transformers: vectors as Python's, saved again as one", async () => {
  using place = temporaryFolder();
  const path = join(place.path, "sentences");
  await cp(distilbertPath("base"), path, { recursive: true });
  await cp(reference("distilbert/sentence"), path, { recursive: true });
  const texts = ["The door was open.", "x"];
  await using embed = await pipeline("embeddings", path);
  await using mean = await pipeline("embeddings", distilbertPath("base"));
  const want = await mean(texts);
  expect((await embed(texts)).data).toEqual(want.data);
  const moved = join(place.path, "moved");
  await saveBert(embed.model as Bert, moved);
  expect(await readdir(moved)).toContain("modules.json");
  await using again = await pipeline("embeddings", moved);
  expect((await again(texts)).data).toEqual(want.data);
  await using similar = await pipeline("sentence-similarity", moved);
  const scores = await similar({ source_sentence: "x", sentences: texts });
  expect(scores[1]).toBeCloseTo(1, 6);
  expect(sizeOf(want.dims)).toBe(24);
});
