import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { BertOutput } from "../../src/model/forward.ts";
import type { BertModel } from "../../src/runtime/bertModel.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { BACKENDS } from "../support/backends.ts";
import { deviation, expectClose } from "../support/close.ts";
import {
  loadModel,
  loadTiny,
  realTokens,
  reference,
  referenceInputs,
  referenceJson,
  referenceTensors,
} from "../support/reference.ts";
import { TOLERANCE, type Tolerance } from "../tolerances.ts";

const inputs = referenceInputs("tiny/inputs.json");
const mask = inputs.attentionMask;
describe.each(BACKENDS)("$title", (backend) => {
  const tolerance = TOLERANCE[backend.name];
  let tiny: BertModel;

  beforeAll(async () => {
    tiny = await loadTiny("model.safetensors", {}, backend.create());
  });

  describe("every activation", () => {
    const truth = referenceTensors("tiny/activations.float64.safetensors");
    const pytorch = referenceTensors("tiny/activations.float32.safetensors");

    test("equals the float64 truth; plain is closer than PyTorch's float32", () => {
      const seen = new Set<string>();
      tiny.forwardSync(inputs, {
        tap: (name, { data, shape }) => {
          seen.add(name);
          const want = truth.toFloat64(name);
          expect(shape, name).toEqual(truth.tensors.get(name)?.shape);
          const select = shape[1] === 17 || shape.length === 4 ? realTokens(shape, mask) : () => true;
          const { rms } = expectClose(name, data, want, tolerance.activation(name), select);
          if (backend.name !== "plain") return;
          const theirs = deviation(pytorch.toFloat64(name), want, select);
          expect(rms, `${name}: rms error beside PyTorch's`).toBeLessThanOrEqual(theirs.rms);
        },
      });
      // A tap that stops firing is a failure, not a pass.
      expect([...seen].sort()).toEqual([...truth.tensors.keys()].sort());
      expect(seen.size).toBe(46);
      expect(tiny.taps.map(({ name }) => name)).toEqual([...seen]);
    });

    test("each head's attention is the truth's", () => {
      const { attentions } = tiny.forwardSync(inputs, { attentions: true });
      expect(attentions).toHaveLength(2);
      attentions?.forEach(({ data, shape }, n) => {
        const name = `bert.encoder.layer.${n}.attention.self.probs`;
        expect(shape).toEqual([3, 3, 17, 17]);
        expectClose(name, data, truth.toFloat64(name), tolerance.activation(name), realTokens(shape, mask));
      });
    });

    test("rows that are padding are zeros", () => {
      const { lastHiddenState, predictionLogits } = tiny.forwardSync(inputs);
      for (const { data, shape } of [lastHiddenState, predictionLogits!]) {
        const isReal = realTokens(shape, mask);
        expect(data.every((value, i) => isReal(i) || value === 0)).toBe(true);
      }
    });
  });

  describe("hidden_act", () => {
    test.each(["gelu_new", "relu", "silu"] as const)("%s", async (hiddenAct) => {
      const model = await loadTiny("model.safetensors", { hiddenAct }, backend.create());
      expectPreTraining(tolerance, model.forwardSync(inputs), `tiny/hidden_act.${hiddenAct}.float64.safetensors`);
    });
  });

  describe("storage forms", () => {
    test.each(["model.legacy-names.safetensors", "model.safetensors.index.json"])(
      "%s holds the same model",
      async (file) => {
        const other = await loadTiny(file, {}, backend.create());
        expect([...other.parameters.keys()]).toEqual([...tiny.parameters.keys()]);
        for (const [name, { data }] of other.parameters) expect(data, name).toEqual(tiny.parameters.get(name)?.data);
      },
    );

    test.each(["float16", "bfloat16"])("%s", async (dtype) => {
      const model = await loadTiny(`model.${dtype}.safetensors`, {}, backend.create());
      expectPreTraining(tolerance, model.forwardSync(inputs), `tiny/storage.${dtype}.float64.safetensors`);
    });
  });

  test("head mask: each head's output is multiplied by its number", () => {
    const truth = referenceTensors("tiny/head_mask.float64.safetensors");
    const flat = truth.toFloat64("head_mask");
    const { hiddenStates } = tiny.forwardSync(inputs, {
      headMask: [flat.subarray(0, 3), flat.subarray(3)],
      hiddenStates: true,
    });
    expect(hiddenStates).toHaveLength(3);
    hiddenStates?.forEach(({ data, shape }, n) => {
      const name = `hidden_states.${n}`;
      expectClose(name, data, truth.toFloat64(name), tolerance.activation(name), realTokens(shape, mask));
    });
  });

  /** Each task head: what our output is called beside the reference's name for it. */
  describe.each([
    ["sequence-classification", { logits: "logits" }],
    ["sequence-multilabel", { logits: "logits" }],
    ["sequence-regression", { logits: "logits" }],
    ["token-classification", { logits: "logits" }],
    ["question-answering", { startLogits: "start_logits", endLogits: "end_logits" }],
    ["next-sentence-prediction", { logits: "logits" }],
    ["multiple-choice", { logits: "logits" }],
  ] as const)("head %s", (head, names) => {
    test("equals the float64 truth", async () => {
      const folder = `tiny/heads/${head}`;
      const model = await loadModel(
        reference(folder),
        readFileSync(reference(`${folder}/config.json`), "utf8"),
        {},
        backend.create(),
      );
      const truth = referenceTensors(`${folder}/outputs.float64.safetensors`);
      const choices = head === "multiple-choice";
      const batch = choices ? flatten(folder) : referenceInputs(`${folder}/inputs.json`);
      const output = model.forwardSync(batch, choices ? { numChoices: 2 } : {});
      expect([...truth.tensors.keys()].sort()).toEqual(Object.values(names).sort());
      for (const [ours, theirs] of Object.entries(names)) {
        const got = output[ours as "logits" | "startLogits" | "endLogits"] as Tensor;
        expect(got.shape, ours).toEqual(truth.tensors.get(theirs)?.shape);
        const select = got.shape[1] === 17 ? realTokens(got.shape, batch.attentionMask) : undefined;
        expectClose(`${head} ${ours}`, got.data, truth.toFloat64(theirs), tolerance.headLogits, select);
      }
    });
  });
});

function expectPreTraining(tolerance: Tolerance, output: BertOutput, truthPath: string): void {
  const truth = referenceTensors(truthPath);
  expect([...truth.tensors.keys()].sort()).toEqual(["prediction_logits", "seq_relationship_logits"]);
  const predictions = output.predictionLogits!;
  expectClose(
    "predictionLogits",
    predictions.data,
    truth.toFloat64("prediction_logits"),
    tolerance.mlmLogits,
    realTokens(predictions.shape, mask),
  );
  const nsp = output.seqRelationshipLogits!;
  expectClose("seqRelationshipLogits", nsp.data, truth.toFloat64("seq_relationship_logits"), tolerance.headLogits);
}

/** [B, choices, T] → [B · choices, T] */
function flatten(folder: string): ReturnType<typeof referenceInputs> {
  type Nested = Record<"input_ids" | "attention_mask" | "token_type_ids", number[][][]>;
  const json = referenceJson<Nested>(`${folder}/inputs.json`);
  return {
    inputIds: json.input_ids.flat(),
    attentionMask: json.attention_mask.flat(),
    tokenTypeIds: json.token_type_ids.flat(),
  };
}
