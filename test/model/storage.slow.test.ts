import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { WeightSource } from "../../src/checkpoint/weightSource.ts";
import { parseConfig } from "../../src/model/config.ts";
import { loadBert } from "../../src/pipelines/index.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import type { StorageType } from "../../src/tensor/tensor.ts";
import { BACKENDS } from "../support/backends.ts";
import { realTokens, reference, referenceInputs, referenceTensors } from "../support/reference.ts";
import { preTrainingShapes, type SyntheticConfig, syntheticWeights } from "../support/synthetic.ts";
import { STORAGE } from "../tolerances.ts";

const REDUCED = ["float16", "bfloat16", "int8"] as const;

describe.each(BACKENDS.slice(0, 2))("base model against float64: $title", (backend) => {
  test.each(REDUCED)("%s", async (dtype) => {
    const json = readFileSync(reference("base/config.json"), "utf8");
    const shapes = preTrainingShapes(JSON.parse(json) as SyntheticConfig);
    const weights: WeightSource = {
      tensors: new Map(Array.from(shapes, ([name, shape]) => [name, { shape }])),
      readInto: async (name, target) => target.set(syntheticWeights(name, target.length)),
    };
    const inputs = referenceInputs("base/inputs.json");
    await using model = await BertModel.load(weights, parseConfig(json), backend.create(dtype), dtype);
    const { data, shape } = model.forwardSync(inputs, { maskedLmPositions: [[], []] }).lastHiddenState;
    const want = referenceTensors("base/expected.float64.safetensors").toFloat64("hidden_states.12");
    const real = realTokens(shape, inputs.attentionMask);
    let [product, ours, theirs] = [0, 0, 0];
    for (let i = 0; i < want.length; i++) {
      if (!real(i)) continue;
      product += data[i] * want[i];
      ours += data[i] * data[i];
      theirs += want[i] * want[i];
    }
    const distance = 1 - product / Math.sqrt(ours * theirs);
    expect(distance).toBeLessThanOrEqual(STORAGE[dtype].base);
    expect(distance).toBeGreaterThan(STORAGE[dtype].base / 2); // that of another type would be noticed
  });
});

describe("masked tokens of a book that the small model has not seen", () => {
  /** The best guess for every seventh token of 150 paragraphs, each beside what stood there. */
  async function guesses(dtype: StorageType): Promise<{ best: number[]; right: number }> {
    await using bert = await loadBert(undefined, { dtype, architecture: "BertForMaskedLM" });
    const { tokenizer, config } = bert;
    const book = readFileSync(new URL("../../bench/data/the-wind-in-the-willows.txt", import.meta.url), "utf8");
    const paragraphs = book.split("\n").filter((text) => text.length > 200 && text.length < 600);
    const best: number[] = [];
    let right = 0;
    for (const [b, text] of paragraphs.slice(0, 150).entries()) {
      const inputIds = [...tokenizer.encode(text, { truncation: true, maxLength: 128 }).inputIds];
      const places = inputIds.flatMap((_, t) => (t > b % 7 && t % 7 === b % 7 && t < inputIds.length - 1 ? [t] : []));
      const hidden = inputIds.map((id, t) => (places.includes(t) ? (tokenizer.maskTokenId as number) : id));
      const { logits } = await bert.forward([{ inputIds: hidden }], { maskedLmPositions: [places] });
      for (const [m, t] of places.entries()) {
        const row = logits!.data.subarray(m * config.vocabSize, (m + 1) * config.vocabSize);
        const guess = row.indexOf(row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY));
        best.push(guess);
        if (guess === inputIds[t]) right++;
      }
    }
    return { best, right };
  }

  let float32: Awaited<ReturnType<typeof guesses>>;
  beforeAll(async () => {
    float32 = await guesses("float32");
  });

  test.each(REDUCED)("%s", async (dtype) => {
    const reduced = await guesses(dtype);
    const total = float32.best.length;
    expect(total).toBeGreaterThan(1500);
    expect(float32.right / total).toBeGreaterThan(0.45);
    const changed = reduced.best.filter((guess, i) => guess !== float32.best[i]).length / total;
    expect((100 * (float32.right - reduced.right)) / total).toBeLessThanOrEqual(STORAGE[dtype].lost);
    expect(changed).toBeLessThanOrEqual(STORAGE[dtype].changed);
  });
});
