import { describe, expect, test } from "vitest";
import { createSimdBackend } from "../../src/tensor/simd/createSimdBackend.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { BACKENDS } from "../support/backends.ts";
import { expectClose } from "../support/close.ts";
import {
  DISTILBERT,
  DISTILBERT_FOLDERS,
  type DistilbertFolder,
  distilbertBatch,
  distilbertReference,
  loadDistilbert,
} from "../support/distilbert.ts";
import { realTokens } from "../support/reference.ts";
import { DISTILBERT_TOLERANCE } from "../tolerances.ts";

/** Which elements belong to real tokens; all of tensors that have none of padding. */
function selected(folder: DistilbertFolder, shape: readonly number[]): ((i: number) => boolean) | undefined {
  const mask = distilbertReference(folder).inputs.attention_mask;
  return shape[1] === mask[0].length || shape.length === 4 ? realTokens(shape, mask) : undefined;
}

describe.each(BACKENDS)("$title", (backend) => {
  const tolerance = DISTILBERT_TOLERANCE[backend.name];
  const toleranceOf = (name: string) =>
    /logits$|^vocab_projector$|^classifier$/.test(name) ? tolerance.logits : tolerance.activation;

  test.each(["mlm", "sequence-classification"] as const)(
    "%s: every activation equals the float64 truth; plain is as close as PyTorch's float32",
    async (folder) => {
      const { tensors, pytorch_float32_rms: pytorch } = distilbertReference(folder);
      const model = await loadDistilbert(folder, backend.create());
      const seen = new Map<string, Tensor>();
      model.forwardSync(distilbertBatch(folder).batch, { tap: (name, tensor) => seen.set(name, tensor) });
      expect(model.taps.map(({ name }) => name)).toEqual([...seen.keys()]);
      const names = [...tensors.tensors.keys()].flatMap((name) => /^activations\.(.+)/.exec(name)?.[1] ?? []);
      // Of the classifier the encoder's steps are those of the other model
      const own = folder === "mlm" ? [...seen.keys()] : [...seen.keys()].filter((n) => !n.startsWith("distilbert."));
      expect(own.sort()).toEqual(names.sort());
      for (const name of names) {
        const { data, shape } = seen.get(name) as Tensor;
        expect(shape, name).toEqual(tensors.tensors.get(`activations.${name}`)?.shape);
        const truth = tensors.toFloat64(`activations.${name}`);
        const { rms } = expectClose(name, data, truth, toleranceOf(name), selected(folder, shape));
        if (backend.name === "plain") expect(rms, name).toBeLessThanOrEqual(pytorch[name]);
      }
    },
  );

  test.each(DISTILBERT_FOLDERS)("%s: every output equals the float64 truth", async (folder) => {
    const { tensors } = distilbertReference(folder);
    const model = await loadDistilbert(folder, backend.create());
    expect(model.config.architecture).toBe(DISTILBERT[folder]);
    const options = { hiddenStates: true, attentions: true, ...(folder === "multiple-choice" && { numChoices: 2 }) };
    const got = model.forwardSync(distilbertBatch(folder).batch, options);
    const outputs = new Map<string, Tensor | undefined>([
      ...(["logits", "startLogits", "endLogits"] as const).map(
        (name) => [name.replace("Logits", "_logits"), got[name]] as const,
      ),
      ...(got.hiddenStates ?? []).map((state, n) => [`hidden_states.${n}`, state] as const),
      ...(got.attentions ?? []).map((probs, n) => [`attentions.${n}`, probs] as const),
    ]);
    expect(got.poolerOutput).toBeUndefined();
    expect(got.lastHiddenState).toEqual(got.hiddenStates?.at(-1));
    const names = [...tensors.tensors.keys()].flatMap((name) => /^outputs\.(.+)/.exec(name)?.[1] ?? []);
    const expected = [...outputs].filter(([name, value]) => value && (folder === "base" || name.endsWith("logits")));
    expect(names.sort()).toEqual(expected.map(([name]) => name).sort());
    for (const name of names) {
      const { data, shape } = outputs.get(name) as Tensor;
      expect(shape, name).toEqual(tensors.tensors.get(`outputs.${name}`)?.shape);
      const truth = tensors.toFloat64(`outputs.${name}`);
      expectClose(`${folder} ${name}`, data, truth, toleranceOf(name), selected(folder, shape));
    }
  });
});

test("threads do not change a bit", async () => {
  const { batch } = distilbertBatch("mlm");
  const outputs = [];
  for (const threads of [1, 3]) {
    const model = await loadDistilbert("mlm", createSimdBackend({ threads }));
    outputs.push(model.forwardSync(batch, { hiddenStates: true, attentions: true }));
  }
  expect(outputs[1]).toEqual(outputs[0]);
});
