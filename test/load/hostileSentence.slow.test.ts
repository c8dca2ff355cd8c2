import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import type { ModelFolder } from "../../src/load/modelFolder.ts";
import { readSentenceFolder, type SentenceModules } from "../../src/load/sentenceModules.ts";
import { sentenceFilesToSave } from "../../src/load/sentenceToSave.ts";
import { sentenceSize, sentenceVector } from "../../src/load/sentenceVector.ts";
import { writeSafetensors } from "../../src/safetensors/index.ts";
import { openSafetensors } from "../../src/safetensors/safetensorsReader.ts";
import { alteredJson, RUNS } from "../support/altered.ts";

type Files = Readonly<Record<string, Uint8Array | string>>;

/** A folder of these files alone. */
function folderOf(files: Files, path = ""): ModelFolder {
  const at = (name: string) => (path === "" ? name : `${path}/${name}`);
  return {
    path: "models/sentences",
    async readText(name) {
      const text = Object.hasOwn(files, at(name)) ? files[at(name)] : null;
      return typeof text === "string" ? text : null;
    },
    async openWeights() {
      const bytes = files[at("model.safetensors")];
      if (!(bytes instanceof Uint8Array)) throw new BertError("ERR_FILE", `models/sentences/${path}: no weights`);
      return openSafetensors({
        name: at("model.safetensors"),
        size: bytes.length,
        async read(target, position) {
          target.set(bytes.subarray(position, position + target.length));
        },
        async close() {},
      });
    },
    inside: (name) => (name === "" ? folderOf(files, path) : folderOf(files, at(name))),
  };
}

const REFERENCE = join(import.meta.dirname, "../pipelines/reference/sentence/dense_residual");
const text = (name: string) => readFileSync(join(REFERENCE, name), "utf8");
const H = 24;
const FILES: Files = {
  "modules.json": text("modules.json"),
  "config_sentence_transformers.json": JSON.stringify({
    __version__: { sentence_transformers: "3.1.0" },
    prompts: { query: "query: ", document: "", passage: "passage: " },
    default_prompt_name: "passage",
    similarity_fn_name: "dot",
    truncate_dim: 4,
  }),
  "sentence_bert_config.json": JSON.stringify({
    max_seq_length: 12,
    do_lower_case: true,
    processor_kwargs: { model_max_length: 10, use_fast: true },
    query_length: 6,
    document_length: null,
    processing_kwargs: { text: { padding: true, truncation: "longest_first" }, common: { return_tensors: "pt" } },
    transformer_task: "feature-extraction",
    modality_config: { text: { method: "forward", method_output_name: ["hidden_states", -1] } },
    module_output_name: "token_embeddings",
  }),
  "1_Pooling/config.json": JSON.stringify({
    word_embedding_dimension: H,
    pooling_mode_cls_token: false,
    pooling_mode_mean_tokens: true,
    include_prompt: false,
  }),
  "2_Dense/config.json": text("2_Dense/config.json"),
  "2_Dense/model.safetensors": readFileSync(join(REFERENCE, "2_Dense/model.safetensors")),
  "3_Dense/config.json": text("3_Dense/config.json"),
  "3_Dense/model.safetensors": readFileSync(join(REFERENCE, "3_Dense/model.safetensors")),
};

/** The same that the library writes since it takes names instead of flags. */
const NEWER: Files = {
  ...FILES,
  "1_Pooling/config.json": JSON.stringify({ embedding_dimension: H, pooling_mode: ["mean"], include_prompt: true }),
};

const TOKENS = Float32Array.from({ length: 5 * H }, (_, i) => Math.sin(i));

/** Reads a folder, makes a vector, saves it, reads it again. @returns whether it was read */
async function expectRightOrRefused(files: Files): Promise<boolean> {
  try {
    const folder = await readSentenceFolder(folderOf(files));
    if (folder.modules instanceof BertError) throw folder.modules;
    const modules = folder as SentenceModules;
    for (const prompt of modules.prompts.values()) expect(prompt.isWellFormed()).toBe(true);
    if (modules.defaultPromptName !== null) expect(modules.prompts.has(modules.defaultPromptName)).toBe(true);
    for (const length of [modules.maxSeqLength, modules.queryLength, modules.documentLength]) {
      expect(length === null || length >= 2).toBe(true);
    }
    expect(modules.hiddenState === null || Number.isSafeInteger(modules.hiddenState)).toBe(true);
    const vector = sentenceVector(modules, TOKENS, H, 2);
    expect(vector.length).toBe(sentenceSize(modules, H));
    expect(vector.every(Number.isFinite)).toBe(true);

    const saved = sentenceFilesToSave(folder, "saveBert");
    if (!("modules.json" in saved.texts)) return true; // the file has gone, or is empty
    const bytes = Object.entries(saved.weights).map(([name, tensors]) => [
      `${name}/model.safetensors`,
      writeSafetensors(tensors),
    ]);
    const again = await readSentenceFolder(folderOf({ ...saved.texts, ...Object.fromEntries(bytes) }));
    expect(sentenceFilesToSave(again, "saveBert")).toEqual(saved);
    expect({ ...again, texts: null, modules: null }).toEqual({ ...folder, texts: null, modules: null });
    expect(sentenceVector(again as SentenceModules, TOKENS, H, 2)).toEqual(vector);
    return true;
  } catch (error) {
    if (!(error instanceof BertError)) throw error;
    expect(error.message.length).toBeLessThan(1000);
    return false;
  }
}

test("what is not altered is read", async () => {
  expect(await expectRightOrRefused(FILES)).toBe(true);
  expect(await expectRightOrRefused(NEWER)).toBe(true);
});

test.each([
  ["modules.json", FILES],
  ["config_sentence_transformers.json", FILES],
  ["sentence_bert_config.json", FILES],
  ["1_Pooling/config.json", FILES],
  ["1_Pooling/config.json", NEWER],
  ["2_Dense/config.json", FILES],
  ["3_Dense/config.json", FILES],
])(
  "whatever stands in %s, the vectors are right or it is refused by a BertError",
  { timeout: 300_000 },
  async (name, files) => {
    const counts = { read: 0, refused: 0 };
    const property = fc.asyncProperty(alteredJson(files[name] as string), async (changed) => {
      counts[(await expectRightOrRefused({ ...files, [name]: changed })) ? "read" : "refused"]++;
    });
    await fc.assert(property, { numRuns: RUNS });
    expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(RUNS / 100);
  },
);
