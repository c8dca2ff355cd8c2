import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { WeightSource } from "../../src/checkpoint/weightSource.ts";
import { parseConfig } from "../../src/model/config.ts";
import type { BertOutput } from "../../src/model/forward.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { TOLERANCE } from "../tolerances.ts";
import type { TestedBackend } from "./backends.ts";
import { deviation } from "./close.ts";
import { realTokens, reference, referenceInputs, referenceJson, referenceTensors } from "./reference.ts";
import { preTrainingShapes, type SyntheticConfig, syntheticWeights } from "./synthetic.ts";

/**
 * bert-base-cased's architecture, 12 layers × 768, with weights that are computed from their names. The bar is
 * PyTorch's own float32 error, recorded with the float64 truth.
 */
const truth = referenceTensors("base/expected.float64.safetensors");
const inputs = referenceInputs("base/inputs.json");
const mask = inputs.attentionMask;
const { errors: pytorch } = referenceJson<{ errors: Record<string, { rms: number }> }>(
  "base/pytorch_float32_error.json",
);

/** Defines the tests of the base model on a backend; each takes some two seconds. */
export function testBaseModel(backend: TestedBackend): void {
  describe(`base model against float64: ${backend.title}`, () => {
    const tolerance = TOLERANCE[backend.name];
    let output: BertOutput;
    const compared = new Set<string>();

    beforeAll(async () => {
      const json = readFileSync(reference("base/config.json"), "utf8");
      const shapes = preTrainingShapes(JSON.parse(json) as SyntheticConfig);
      const weights: WeightSource = {
        tensors: new Map(Array.from(shapes, ([name, shape]) => [name, { shape }])),
        readInto: async (name, target) => target.set(syntheticWeights(name, target.length)),
      };
      const model = await BertModel.load(weights, parseConfig(json), backend.create());
      expectProbe(model.parameters);
      output = model.forwardSync(inputs, { hiddenStates: true, attentions: true, maskedLmPositions: [[3, 4, 5], []] });
    }, 60_000);

    function errorOf(name: string, { data, shape }: Tensor): number {
      compared.add(name);
      expect(shape, name).toEqual(truth.tensors.get(name)?.shape);
      const select = shape[1] === 12 ? realTokens(shape, mask) : undefined;
      return deviation(data, truth.toFloat64(name), select).rms;
    }

    test.each(Array.from({ length: 13 }, (_, n) => n))("hidden state %i: rms error beside PyTorch's float32", (n) => {
      const rms = errorOf(`hidden_states.${n}`, output.hiddenStates?.[n] as Tensor);
      expect(rms / pytorch[`hidden_states.${n}`].rms).toBeLessThanOrEqual(tolerance.basePytorchShare(n));
    });

    test.each(Array.from({ length: 12 }, (_, n) => n))("attention map %i", (n) => {
      const rms = errorOf(`attentions.${n}`, output.attentions?.[n] as Tensor);
      expect(rms).toBeLessThanOrEqual(tolerance.baseAttention);
    });

    test("logits: rms error beside PyTorch's float32", () => {
      const share = (name: string, logits: Tensor | undefined) => errorOf(name, logits as Tensor) / pytorch[name].rms;
      expect(share("prediction_logits", output.predictionLogits)).toBeLessThanOrEqual(tolerance.baseLogitsShare);
      expect(share("seq_relationship_logits", output.seqRelationshipLogits)).toBeLessThanOrEqual(
        tolerance.baseLogitsShare,
      );
    });

    test("everything in the reference was compared", () => {
      expect([...compared].sort()).toEqual([...truth.tensors.keys()].sort());
      expect(compared.size).toBe(27);
    });
  });
}

/** The weights must be the ones that the truth was computed with. */
function expectProbe(parameters: ReadonlyMap<string, Tensor>): void {
  const { values } = referenceJson<{ values: Record<string, number[]> }>("base/weights.probe.json");
  expect([...parameters.keys()].sort()).toEqual(Object.keys(values).sort());
  for (const [name, { data }] of parameters) {
    const probed = [0, 1, Math.floor(data.length / 2), data.length - 1].map((i) => data[i]);
    expect(probed, name).toEqual(values[name]);
  }
}
