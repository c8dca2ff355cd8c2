import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { writeSafetensors } from "../../src/safetensors/index.ts";
import { openSafetensors, randomAccess } from "../../src/safetensors/safetensorsReader.ts";
import { createSimdBackend } from "../../src/tensor/simd/createSimdBackend.ts";
import { BACKENDS, type TestedBackend } from "../support/backends.ts";
import { DISTILBERT_FOLDERS, distilbertBatch, loadDistilbert } from "../support/distilbert.ts";
import { loadModel, loadTiny, reference, referenceInputs } from "../support/reference.ts";

/**
 * A silenced head against a model that has no use for it: one whose output projection has zeros in that head's columns.
 * PyTorch's numbers are in tiny.test.ts.
 */
const inputs = referenceInputs("tiny/inputs.json");

/** [L, A]: heads of both layers are silenced, one in the last. */
const MASK = [
  [1, 0, 0],
  [0, 1, 1],
];

/** The output projection of a layer, in the names of either family. */
const PROJECTION = /layer\.(\d+)\.attention\.(output\.dense|out_lin)\.weight$/;

/** The same model with zeros in place of what the output projections take of silenced heads. */
async function withoutHeads(model: BertModel, backend: TestedBackend): Promise<BertModel> {
  const { numAttentionHeads: A, hiddenSize: H } = model.config;
  const changed = new Set<string>();
  const tensors = [...model.parameters].map(([name, { shape, data }]) => {
    const layer = PROJECTION.exec(name)?.[1];
    if (layer === undefined) return [name, { shape, data }] as const;
    changed.add(layer);
    const kept = data.map((weight, i) => (MASK[Number(layer)][Math.floor((i % H) / (H / A))] === 0 ? 0 : weight));
    return [name, { shape, data: kept }] as const;
  });
  expect([...changed]).toEqual(["0", "1"]);
  const file = await openSafetensors(randomAccess(writeSafetensors(tensors), "memory"));
  return BertModel.load(file, model.config, backend.create());
}

const HEADS = readdirSync(reference("tiny/heads"));

describe.each(BACKENDS)("$title", (backend) => {
  const loadHead = (folder: string) =>
    loadModel(
      reference(`tiny/heads/${folder}/model.safetensors`),
      readFileSync(reference(`tiny/heads/${folder}/config.json`), "utf8"),
      {},
      backend.create(),
    );

  test.each([
    ["pretraining", () => loadTiny("model.safetensors", {}, backend.create()), inputs] as const,
    ...HEADS.map((folder) => [folder, () => loadHead(folder), inputs] as const),
    ...DISTILBERT_FOLDERS.map(
      (folder) => [`DistilBERT, ${folder}`, () => loadDistilbert(folder, backend.create()), distilbertBatch(folder).batch] as const, // biome-ignore format: one line
    ),
  ])("%s: the bits of a model that has no use for the silenced heads", async (_, load, batch) => {
    const model = await load();
    const options = { hiddenStates: true, attentions: true, numChoices: 1 };
    const want = (await withoutHeads(model, backend)).forwardSync(batch, options);
    expect(model.forwardSync(batch, { ...options, headMask: MASK })).toEqual(want);
    expect(model.forwardSync(batch, options).lastHiddenState).not.toEqual(want.lastHiddenState);
  });

  test.each(["float32", "float16", "bfloat16", "int8"] as const)(
    "%s: the silenced heads' part of the context is zeros, that of the others has the same bits",
    async (dtype) => {
      const model = await loadTiny("model.safetensors", {}, backend.create(dtype), dtype);
      const tap = "bert.encoder.layer.0.attention.self";
      const [whole, masked] = [{}, { headMask: MASK }].map(
        (options) => model.forwardSync(inputs, { ...options, taps: [tap] }).taps?.get(tap)?.data as Float32Array,
      );
      for (const [i, x] of masked.entries()) {
        const wanted = MASK[0][Math.floor((i % 36) / 12)] * whole[i];
        if (x !== wanted) expect.fail(`[${i}]: ${x}, not ${wanted}`);
      }
      expect(masked.some((x) => x !== 0)).toBe(true);
    },
  );
});

test("two threads give the bits of one", async () => {
  const [one, two] = [createSimdBackend(), createSimdBackend({ threads: 2 })];
  const [alone, both] = await Promise.all([one, two].map((backend) => loadTiny("model.safetensors", {}, backend)));
  const options = { headMask: MASK, hiddenStates: true, attentions: true };
  expect(await both.forward(inputs, options)).toEqual(await alone.forward(inputs, options));
  await Promise.all([alone, both].map((model) => model.dispose()));
});
