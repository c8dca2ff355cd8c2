import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { googleName } from "../../src/checkpoint/families.ts";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import type { WeightSource } from "../../src/checkpoint/weightSource.ts";
import { openWeights } from "../../src/load/weightFiles.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import { initialWeights, withInitialHead } from "../../src/training/initialWeights.ts";
import { reference } from "../support/reference.ts";
import { trainedModel } from "../support/trainedModel.ts";

const CONFIG: BertConfig = {
  ...parseConfig(readFileSync(reference("tiny/config.json"), "utf8")),
  vocabSize: 3001,
  initializerRange: 0.05,
};

async function valuesOf(source: WeightSource, name: string): Promise<Float32Array> {
  const { shape } = source.tensors.get(name)!;
  const target = new Float32Array(shape.reduce((a, b) => a * b, 1));
  await source.readInto(name, target);
  return target;
}

test("matrices are normal, cut off at two deviations; biases 0, LayerNorm 1 and 0", async () => {
  const weights = initialWeights(CONFIG, 7);
  const { byName } = await loadParams(weights, CONFIG, plainTraining);
  expect([...byName.keys()]).toEqual([...weights.tensors.keys()]);
  for (const [name, { data, shape }] of byName) {
    if (shape.length === 1) {
      const value = name.endsWith("LayerNorm.weight") ? 1 : 0;
      expect(
        data.every((v) => v === value),
        name,
      ).toBe(true);
      continue;
    }
    expect(
      data.every((v) => Math.abs(v) <= Math.fround(0.1)),
      name,
    ).toBe(true);
    expect(new Set(data).size, name).toBeGreaterThan(data.length * 0.99);
  }
  const words = byName.get("bert.embeddings.word_embeddings.weight")!.data as Float32Array;
  const N = words.length; // 108,036
  const moment = (n: number) => words.reduce((sum, v) => sum + (v / 0.05) ** n, 0) / N;
  // Of a normal distribution cut off at ±2: variance 0.773741, and 0.382925 / 0.954500 of it within half a deviation.
  expect(Math.abs(moment(1))).toBeLessThan(4 * Math.sqrt(0.774 / N));
  expect(Math.abs(moment(2) - 0.773741)).toBeLessThan(0.01);
  expect(Math.abs(moment(3))).toBeLessThan(0.03);
  const inner = words.filter((v) => Math.abs(v) < 0.025).length / N;
  expect(Math.abs(inner - 0.382925 / 0.9545)).toBeLessThan(0.006);
});

test("they are a function of seed and name", async () => {
  const query = "bert.encoder.layer.0.attention.self.query.weight";
  const first = await valuesOf(initialWeights(CONFIG, 7), query);
  expect(await valuesOf(initialWeights(CONFIG, 7), query)).toEqual(first);
  expect(await valuesOf(initialWeights(CONFIG, 8), query)).not.toEqual(first);
  expect(await valuesOf(initialWeights(CONFIG, 7), query.replace("query", "key"))).not.toEqual(first);
  expect(Array.from(first.subarray(0, 4)), "pinned: a seed in a paper must go on meaning this").toEqual([
    -0.006801632698625326, -0.009216174483299255, -0.02183518186211586, -0.005630264524370432,
  ]);
});

test("a head that the checkpoint lacks is made, the rest is read", async () => {
  const file = await openWeights(reference("tiny/model.safetensors"));
  const config: BertConfig = {
    ...parseConfig(readFileSync(reference("tiny/config.json"), "utf8")),
    architecture: "BertForSequenceClassification",
    labels: ["a", "b", "c"],
  };
  const model = await trainedModel(file, config, plainTraining, 7);
  expect([model.config, model.kernels]).toEqual([config, plainTraining]);
  const { byName } = model.params;
  for (const [name, { data }] of byName) {
    const isNew = name.startsWith("classifier.");
    expect(data, name).toEqual(await valuesOf(isNew ? initialWeights(config, 7) : file, name));
  }
  expect(byName.get("classifier.weight")?.shape).toEqual([3, 36]);

  // The same encoder without "bert." and without pooler, as another library may have saved it.
  const names = [...file.tensors].filter(([name]) => /^bert\.(embeddings|encoder)/.test(name));
  const bare: WeightSource = {
    tensors: new Map(names.map(([name, entry]) => [name.slice(5), entry])),
    readInto: (name, target) => file.readInto(`bert.${name}`, target),
  };
  const loaded = await loadParams(withInitialHead(bare, config, 7), config, plainTraining);
  expect([...loaded.byName.keys()]).toEqual([...byName.keys()]);
  expect(loaded.byName.get("bert.pooler.dense.weight")?.data).toEqual(
    await valuesOf(initialWeights(config, 7), "bert.pooler.dense.weight"),
  );

  const broken: WeightSource = {
    ...bare,
    tensors: new Map(names.slice(3).map(([name, entry]) => [name.slice(5), entry])),
  };
  await expect(loadParams(withInitialHead(broken, config, 7), config, plainTraining)).rejects.toThrow(
    "bert.embeddings.LayerNorm.weight: missing",
  );
  await file.close();
});

test.each([true, false])("weights under Google's names get a head, with their own pooler: %s", async (hasPooler) => {
  const start = initialWeights({ ...CONFIG, architecture: "BertModel" }, 3);
  const names = [...start.tensors.keys()].filter((name) => hasPooler || !name.includes("pooler"));
  const ours = new Map(names.map((name) => [googleName(name).name, name]));
  const google: WeightSource = {
    tensors: new Map(
      Array.from(ours, ([theirs, name]) => {
        const { shape } = start.tensors.get(name)!;
        return [theirs, { shape: googleName(name).transposed ? shape.toReversed() : shape }];
      }),
    ),
    readInto: async (theirs, target) => void target.fill(theirs.includes("pooler") ? 0.5 : 0.25),
  };
  const config: BertConfig = { ...CONFIG, architecture: "BertForSequenceClassification", labels: ["no", "yes"] };
  const { byName, tree } = await loadParams(withInitialHead(google, config, 7), config, plainTraining);
  expect(byName.get("bert.embeddings.LayerNorm.weight")?.data[0]).toBe(0.25);
  expect(tree.heads.classifier?.weight.shape).toEqual([2, CONFIG.hiddenSize]);
  const pooler = byName.get("bert.pooler.dense.weight")?.data as Float32Array;
  expect(pooler.every((value) => value === 0.5)).toBe(hasPooler);
});
