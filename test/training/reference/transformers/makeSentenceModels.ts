/**
 * Trains vectors of texts from several forms of folder, and writes each model with the vectors that its pipeline gives, for
 * checkSentenceModels.py to compare with those of Python's sentence-transformers from the same folders.
 *
 *     npx tsx test/training/reference/transformers/makeSentenceModels.ts FOLDER
 *     python test/training/reference/transformers/checkSentenceModels.py FOLDER
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "../../../../src/index.ts";
import { finetune } from "../../../../src/training/index.ts";
import { SENTENCES, sentenceFolder } from "../../../support/sentenceFolders.ts";

const folder = process.argv[2];
const trainDataset = ["cat", "dog", "film", "book", "paris", "anna"].map((thing) => ({ anchor: `who saw ${thing} ?`, positive: `it was ${thing} .` })); // biome-ignore format: one line
const run = { task: "sentence-embedding", trainDataset, maxSteps: 20, learningRate: 1e-3 } as const;
const texts = [...SENTENCES, "x".repeat(300), ""];

/** A folder that training takes: none has a Dropout module. */
async function startOf(form: string): Promise<string> {
  mkdirSync(join(folder, "starts"), { recursive: true });
  const start = await sentenceFolder(join(folder, "starts"), form);
  const listing = join(start, "modules.json");
  if (form !== "plain") writeFileSync(listing, readFileSync(listing, "utf8").replace(/,\s*\{[^{}]*Dropout"\s*\}/, ""));
  return start;
}

for (const form of ["small", "plain", "dense", "layer_norm", "normalize", "prompts", "several_flags", "in_a_folder"]) {
  const output = join(folder, form);
  if (form === "small") await finetune({ ...run, output, learningRate: 1e-4 }); // of the model that comes with the package
  else await finetune({ ...run, output, model: await startOf(form) });
  const embed = await pipeline("embeddings", output);
  const calls = { encode: embed, encode_query: embed.encodeQuery, encode_document: embed.encodeDocument };
  const vectors: Record<string, { dims: readonly number[]; data: number[] }> = {};
  for (const [name, call] of Object.entries(calls)) {
    const { dims, data } = await call(texts);
    vectors[name] = { dims, data: Array.from(data) };
  }
  writeFileSync(join(output, "vectors.json"), JSON.stringify({ texts, vectors }));
  await embed.model.dispose();
}
