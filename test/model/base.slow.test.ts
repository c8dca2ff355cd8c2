import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import { BACKENDS } from "../support/backends.ts";
import { testBaseModel } from "../support/baseModel.ts";
import { deviation } from "../support/close.ts";
import { realTokens, referenceInputs, referenceJson, referenceTensors } from "../support/reference.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("bert-base-cased's 436 MB from a file, by path and with its vocabulary", async () => {
  execFileSync(process.execPath, ["scripts/syntheticCheckpoint.ts"], { cwd: root }); // fails unless equal to the probe
  await using bert = await loadBert(`${root}.cache/bert-base-synthetic`);
  const inputs = referenceInputs("base/inputs.json");
  const { lastHiddenState } = await bert.forward(inputs, { maskedLmPositions: [[], []] });
  const { data, shape } = lastHiddenState;
  const truth = referenceTensors("base/expected.float64.safetensors").toFloat64("hidden_states.12");
  const { errors } = referenceJson<{ errors: Record<string, { rms: number }> }>("base/pytorch_float32_error.json");
  const { rms } = deviation(data, truth, realTokens(shape, inputs.attentionMask));
  expect(rms).toBeLessThanOrEqual(errors["hidden_states.12"].rms);
  expect(bert.tokenizer.encode("Hello I'm a [MASK] model.").inputIds).toEqual([
    101, 8667, 146, 112, 182, 170, 103, 2235, 119, 102,
  ]);
});

for (const backend of BACKENDS.slice(2)) testBaseModel(backend);
