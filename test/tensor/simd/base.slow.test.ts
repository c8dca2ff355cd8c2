import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BertModel, type BertOutput } from "../../../src/model/bertModel.ts";
import type { WeightSource } from "../../../src/model/checkpoint.ts";
import { parseConfig } from "../../../src/model/config.ts";
import { createSimdBackend, type SimdOptions } from "../../../src/tensor/simd/createSimdBackend.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { deviation } from "../../support/close.ts";
import { realTokens, reference, referenceInputs, referenceJson, referenceTensors } from "../../support/reference.ts";
import { preTrainingShapes, type SyntheticConfig, syntheticWeights } from "../../support/synthetic.ts";

/**
 * bert-base-cased's architecture against float64 (../../model/base.test.ts). The bar is PyTorch's own float32 error.
 */
const truth = referenceTensors("base/expected.float64.safetensors");
const inputs = referenceInputs("base/inputs.json");
const { errors: pytorch } = referenceJson<{ errors: Record<string, { rms: number }> }>(
  "base/pytorch_float32_error.json",
);
const json = readFileSync(reference("base/config.json"), "utf8");
const shapes = preTrainingShapes(JSON.parse(json) as SyntheticConfig);
const weights: WeightSource = {
  tensors: new Map(Array.from(shapes, ([name, shape]) => [name, { shape }])),
  readInto: async (name, target) => target.set(syntheticWeights(name, target.length)),
};

async function outputOf(options: SimdOptions): Promise<BertOutput> {
  const backend = createSimdBackend(options);
  const model = await BertModel.load(weights, parseConfig(json), backend);
  for (const [name, tensor] of model.parameters) {
    if (tensor.shape.length === 2 && !/position|token_type/.test(name)) backend.packWeight(tensor);
  }
  return model.forwardSync(inputs, { hiddenStates: true, attentions: true, maskedLmPositions: [[3, 4, 5], []] });
}

/** Every output's rms error as a share of PyTorch's, by name. */
function sharesOf(output: BertOutput): Map<string, number> {
  const named: [string, Tensor | undefined][] = [
    ...output.hiddenStates!.map((tensor, n): [string, Tensor] => [`hidden_states.${n}`, tensor]),
    ["prediction_logits", output.predictionLogits],
    ["seq_relationship_logits", output.seqRelationshipLogits],
  ];
  return new Map(
    named.map(([name, tensor]) => {
      const { data, shape } = tensor!;
      expect(shape, name).toEqual(truth.tensors.get(name)?.shape);
      const select = shape[1] === 12 ? realTokens(shape, inputs.attentionMask) : undefined;
      return [name, deviation(data, truth.toFloat64(name), select).rms / pytorch[name].rms];
    }),
  );
}

/** With the largest share measured. */
describe.each<[string, SimdOptions, number]>([
  ["best", {}, 0.89], // 0.882
  ["128-bit", { wide: false }, 0.89], // the same bits
  ["deterministic", { deterministic: true }, 0.99], // 0.982
])("%s", (_, options, bound) => {
  test("each layer's rms error is below PyTorch's", async () => {
    const shares = sharesOf(await outputOf(options));
    expect(shares.size).toBe(15);
    for (const [name, share] of shares) expect.soft(share, name).toBeLessThanOrEqual(bound);
  });
});
