/**
 * node weights/embeddings/recipe/3-start.mjs WORK TOKENIZER FOLDER [SIZES]
 *
 * Makes the student that distillation starts with: a folder of sentence-transformers whose vectors are near to those that were fitted.
 *
 * Rows. A row of the word embeddings is x = k B [z, r]. z are the coordinates of w_p + b along the H − 2 directions in which the teacher's
 * vectors of texts are longest (principal components, without subtracting a mean). r makes all rows equally long, and B has as columns the
 * cosines of the discrete cosine transform (DCT-II) but the constant one. So the numbers of a row have mean 0 and variance 1, and LayerNorm
 * leaves them as they are. Positions and token types start at 0, the layers with small output matrices, so that tokens pass through them nearly
 * unchanged. Dense takes z out of the mean of the tokens and turns it into the teacher's coordinates; r and what positions add stay behind.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, writeSafetensors } from "plainbert/safetensors";
import { randomFrom } from "../../recipe/settings.mjs";
import { principalDirections } from "./principal.mjs";
import { CONFIG } from "./settings.mjs";
import { distinctTexts, taughtVectors } from "./taught.mjs";

const [work, tokenizer, folder, sizes = "{}"] = process.argv.slice(2);
const config = { ...CONFIG, ...JSON.parse(sizes) };
const { hidden_size: H, num_hidden_layers: L, intermediate_size: I, max_position_embeddings: T } = config;
const file = readSafetensors(readFileSync(join(work, "pieces.safetensors")));
const [pieces, shared] = [file.toFloat32("pieces"), file.toFloat32("shared")];
const E = shared.length;
const V = pieces.length / E;
const { data: targets } = taughtVectors(join(work, "taught"), distinctTexts(join(work, "texts.txt")).length);
const K = Math.min(H - 2, E);
const directions = principalDirections(targets.subarray(0, 20_000 * E), E, K);

/** DCT-II: the k-th column of B, k from 0. */
const cosine = (i, k) => Math.sqrt(2 / H) * Math.cos((Math.PI * (i + 0.5) * (k + 1)) / H);
const B = Array.from({ length: K + 1 }, (_, k) => Float64Array.from({ length: H }, (_, i) => cosine(i, k)));

const coordinates = Array.from({ length: V }, (_, p) =>
  directions.map((direction) => direction.reduce((sum, value, d) => sum + value * (pieces[p * E + d] + shared[d]), 0)),
);
const lengths = coordinates.map((z) => Math.hypot(...z));
const longest = 1.001 * lengths.reduce((a, b) => Math.max(a, b));

function wordEmbeddings() {
  const rows = new Float32Array(V * H);
  for (const [p, z] of coordinates.entries()) {
    const all = [...z, Math.sqrt(longest ** 2 - lengths[p] ** 2)];
    for (let i = 0; i < H; i++)
      rows[p * H + i] = (Math.sqrt(H) / longest) * all.reduce((sum, value, k) => sum + value * B[k][i], 0);
  }
  return rows;
}

const random = randomFrom(7);
const uniform = () => (random(2 ** 31) + 0.5) / 2 ** 31;
/** Box & Muller 1958. */
const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
const zeros = (...shape) => tensor(shape, () => 0);
const ones = (...shape) => tensor(shape, () => 1);
const randomly = (deviation, ...shape) => tensor(shape, () => deviation * normal());

function tensor(shape, value) {
  return { dtype: "F32", shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, value) };
}

const linear = (name, weight) => [[`${name}.weight`, weight], [`${name}.bias`, zeros(weight.shape[0])]]; // biome-ignore format: one line
const layerNorm = (name) => [[`${name}.weight`, ones(H)], [`${name}.bias`, zeros(H)]]; // biome-ignore format: one line
const [large, small] = [config.initializer_range, config.initializer_range / 50];
const tensors = [
  ["embeddings.word_embeddings.weight", { dtype: "F32", shape: [V, H], data: wordEmbeddings() }],
  ["embeddings.position_embeddings.weight", zeros(T, H)],
  ["embeddings.token_type_embeddings.weight", zeros(2, H)],
  ...layerNorm("embeddings.LayerNorm"),
  ...Array.from({ length: L }, (_, l) => [
    ...["query", "key", "value"].flatMap((name) =>
      linear(`encoder.layer.${l}.attention.self.${name}`, randomly(large, H, H)),
    ),
    ...linear(`encoder.layer.${l}.attention.output.dense`, randomly(small, H, H)),
    ...layerNorm(`encoder.layer.${l}.attention.output.LayerNorm`),
    ...linear(`encoder.layer.${l}.intermediate.dense`, randomly(large, I, H)),
    ...linear(`encoder.layer.${l}.output.dense`, randomly(small, H, I)),
    ...layerNorm(`encoder.layer.${l}.output.LayerNorm`),
  ]).flat(),
];
const dense = tensor([E, H], (_, at) => {
  const [d, i] = [Math.floor(at / H), at % H];
  return directions.reduce((sum, direction, k) => sum + direction[d] * B[k][i], 0);
});

const json = (name, value) => writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
for (const name of ["1_Pooling", "2_Dense"]) mkdirSync(join(folder, name), { recursive: true });
writeFileSync(join(folder, "model.safetensors"), writeSafetensors(tensors, [["format", "pt"]]));
writeFileSync(join(folder, "2_Dense/model.safetensors"), writeSafetensors(linear("linear", dense), [["format", "pt"]]));
json("config.json", { ...config, vocab_size: V });
const modules = { "": "Transformer", "1_Pooling": "Pooling", "2_Dense": "Dense", "3_Normalize": "Normalize" };
json("modules.json", Object.entries(modules).map(([path, type], idx) => ({ idx, name: `${idx}`, path, type: `sentence_transformers.models.${type}` }))); // biome-ignore format: one line
json("1_Pooling/config.json", { word_embedding_dimension: H, pooling_mode_mean_tokens: true });
const identity = "torch.nn.modules.linear.Identity";
json("2_Dense/config.json", { in_features: H, out_features: E, bias: true, activation_function: identity });
for (const name of ["vocab.txt", "tokenizer_config.json"]) copyFileSync(join(tokenizer, name), join(folder, name));
const parameters = [...tensors, ["dense", dense]].reduce((sum, [, { data }]) => sum + data.length, 0);
console.log(
  `${folder}: ${parameters} parameters; rows from ${Math.min(...lengths).toFixed(2)} to ${longest.toFixed(2)}`,
);
