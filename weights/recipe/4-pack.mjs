/**
 * node weights/recipe/4-pack.mjs MODEL FOLDER
 *
 * Makes of a trained model the folder that is published: weights as bfloat16 with the last bits of their fractions zero, so that the
 * file, which keeps its form, compresses well; without files that Hugging Face's libraries do not need.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, writeSafetensors } from "plainbert/safetensors";
import { FRACTION_BITS, rounded } from "./settings.mjs";

const [model, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const source = readSafetensors(readFileSync(join(model, "model.safetensors")));
const tensors = [...source.tensors].map(([name, { shape }]) => {
  // Vectors, biases and LayerNorm, are few, and errors in them move every token: they keep all 7 bits.
  const data = rounded(source.toFloat32(name), shape.length > 1 ? FRACTION_BITS : 7);
  return [name, { dtype: "BF16", shape, data }];
});
writeFileSync(join(folder, "model.safetensors"), writeSafetensors(tensors, [["format", "pt"]]));

const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
writeFileSync(join(folder, "config.json"), `${JSON.stringify({ ...config, dtype: "bfloat16" }, null, 2)}\n`);
const {
  added_tokens_decoder: _,
  additional_special_tokens: __,
  ...tokenizer
} = JSON.parse(readFileSync(join(model, "tokenizer_config.json"), "utf8"));
tokenizer.model_max_length = config.max_position_embeddings;
writeFileSync(join(folder, "tokenizer_config.json"), `${JSON.stringify(tokenizer, null, 2)}\n`);
copyFileSync(join(model, "vocab.txt"), join(folder, "vocab.txt"));
