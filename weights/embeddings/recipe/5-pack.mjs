/**
 * node weights/embeddings/recipe/5-pack.mjs START MODEL FOLDER [BITS]
 *
 * Makes of a trained model the folder that is published. Its layers are the trained ones; its embeddings and Dense are the mean of those that
 * it started with and those that it has now: what was fitted holds for all texts alike, what was trained leans to the books (weights between
 * the two: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). They are written as bfloat16 whose fractions keep BITS of
 * their 7 bits (default that of settings.mjs), so that the file, which keeps its form, compresses well. Prints the size of the folder as gzip
 * packs it.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { readSafetensors, writeSafetensors } from "plainbert/safetensors";
import { rounded } from "../../recipe/settings.mjs";
import { FRACTION_BITS } from "./settings.mjs";

const [start, model, folder, bits = FRACTION_BITS] = process.argv.slice(2);

function packWeights(path) {
  const [before, after] = [start, model].map((from) => readSafetensors(readFileSync(join(from, path))));
  const tensors = [...after.tensors].map(([name, { shape }]) => {
    const trained = after.toFloat32(name);
    const fitted = name.startsWith("bert.encoder.") ? trained : before.toFloat32(name.replace(/^bert\./, ""));
    const mean = trained.map((value, i) => (value + fitted[i]) / 2);
    // Vectors, biases and LayerNorm, are few, and errors in them move every token: they keep all 7 bits.
    const data = rounded(mean, shape.length > 1 ? Number(bits) : 7);
    return [name, { dtype: "BF16", shape, data }];
  });
  writeFileSync(join(folder, path), writeSafetensors(tensors, [["format", "pt"]]));
}

/** What is read of a file of JSON, changed. */
const changed = (path, change) =>
  `${JSON.stringify(change(JSON.parse(readFileSync(join(model, path), "utf8"))), null, 2)}\n`;
const FILES = ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "modules.json"];
FILES.push("1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors");
for (const path of FILES) {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  if (path.endsWith(".safetensors")) packWeights(path);
  else copyFileSync(join(model, path), join(folder, path));
}
// Python computes in float32, as we do, where "dtype" says so, whatever type the weights are stored in.
const write = (path, change) => writeFileSync(join(folder, path), changed(path, change));
write("config.json", (config) => ({ ...config, dtype: "float32" }));
const { max_position_embeddings: T } = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
const withoutDefaults = ({ added_tokens_decoder: _, additional_special_tokens: __, ...rest }) => rest;
write("tokenizer_config.json", (config) => ({ ...withoutDefaults(config), model_max_length: T }));
const size = FILES.reduce((sum, path) => sum + gzipSync(readFileSync(join(folder, path)), { level: 9 }).length, 0);
console.log(`${folder}: ${(size / 1e6).toFixed(2)} MB packed`);
