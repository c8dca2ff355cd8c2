import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseOutputs } from "../../src/cli/outputs.ts";
import { BertError } from "../../src/errors.ts";
import { loadBert } from "../../src/load/loadBert.ts";
import { ARCHITECTURES } from "../../src/model/architectures.ts";
import { parseConfig } from "../../src/model/config.ts";
import { parseSafetensorsIndex } from "../../src/safetensors/shards.ts";
import { alteredJson, RUNS } from "../support/altered.ts";
import { temporaryFolder, writeTinyModel } from "../support/tinyModel.ts";

const CONFIG = JSON.stringify({
  architectures: ["BertForTokenClassification"],
  model_type: "bert",
  vocab_size: 30,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 32,
  hidden_act: "gelu",
  layer_norm_eps: 1e-12,
  classifier_dropout: null,
  tie_word_embeddings: true,
  position_embedding_type: "absolute",
  id2label: { 0: "O", 1: "PER" },
  problem_type: null,
});

const INDEX = JSON.stringify({
  metadata: { total_size: 12 },
  weight_map: { "bert.a": "model-00001-of-00002.safetensors", "bert.b": "model-00002-of-00002.safetensors" },
});

const OUTPUTS = JSON.stringify([
  { task: "fill-mask", text: "A [MASK].", top: [{ token_str: "door", score: 0.5 }], atol: 1e-5 },
  { task: "next-sentence-prediction", text: "A.", text_pair: "B.", is_next: 0.9, atol: 0 },
  { task: "embeddings", text: "A.", prompt_name: "query", embedding: [0.5, -1], atol: 1e-6 },
  { task: "forward", architecture: "BertModel", output: "logits", input_ids: [[1, 2]], values: [[[1]]], atol: 1 },
]);

/** Reads altered texts, 10,000 of them; `check` judges what was read. */
function readAltered<Value>(text: string, read: (text: string) => Value, check: (value: Value) => void): void {
  const counts = { read: 0, refused: 0 };
  check(read(text));
  fc.assert(
    fc.property(alteredJson(text), (changed) => {
      try {
        check(read(changed));
        counts.read++;
      } catch (error) {
        if (!(error instanceof BertError)) throw error;
        expect(error.message.length).toBeLessThan(1000);
        counts.refused++;
      }
    }),
    { numRuns: RUNS },
  );
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(RUNS / 100);
}

describe("whatever stands in a file, it is read or refused by a BertError", { timeout: 300_000 }, () => {
  test("config.json", () => {
    readAltered(CONFIG, parseConfig, (config) => {
      expect(ARCHITECTURES).toContain(config.architecture);
      const { vocabSize, hiddenSize, numHiddenLayers, numAttentionHeads, intermediateSize, layerNormEps } = config;
      for (const size of [vocabSize, hiddenSize, numHiddenLayers, numAttentionHeads, intermediateSize]) {
        expect(Number.isSafeInteger(size) && size >= 1).toBe(true);
      }
      expect(hiddenSize % numAttentionHeads).toBe(0);
      expect(layerNormEps).toBeGreaterThanOrEqual(0);
      expect(config.labels.length).toBeGreaterThan(0);
      for (const label of config.labels) expect(label.isWellFormed()).toBe(true);
    });
  });

  test("the index of a model in several files", () => {
    readAltered(
      INDEX,
      (text) => parseSafetensorsIndex(text, "index.json"),
      ({ weightMap, shards }) => {
        expect(shards).toEqual([...new Set(weightMap.values())].sort());
        for (const shard of shards) expect(shard).not.toMatch(/^\/|(^|\/)\.\.(\/|$)|\\/);
      },
    );
  });

  test("expected outputs", () => {
    readAltered(
      OUTPUTS,
      (text) => parseOutputs(text, "outputs.json"),
      (outputs) => {
        for (const { atol } of outputs) expect(atol).toBeGreaterThanOrEqual(0);
      },
    );
  });

  test("config.json of a model that is loaded", async () => {
    using folder = temporaryFolder();
    using altered = temporaryFolder();
    await writeTinyModel(folder.path);
    await cp(folder.path, altered.path, { recursive: true });
    const text = await readFile(join(folder.path, "config.json"), "utf8");
    const counts = { read: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(alteredJson(text), async (changed) => {
        await writeFile(join(altered.path, "config.json"), changed);
        try {
          await using bert = await loadBert(altered.path, { backend: "plain" });
          const { lastHiddenState } = bert.forwardSync(bert.tokenizer.encodeBatch(["the cat"]));
          expect(lastHiddenState.data.every(Number.isFinite)).toBe(true);
          counts.read++;
        } catch (error) {
          if (!(error instanceof BertError)) throw error;
          expect(error.message.length).toBeLessThan(10_000);
          counts.refused++;
        }
      }),
      { numRuns: RUNS / 10 },
    );
    expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(0);
  });
});
