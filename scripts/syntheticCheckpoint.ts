/**
 * Writes a checkpoint of bert-base-cased's architecture with synthetic weights (436 MB) into the git-ignored folder
 * .cache/bert-base-synthetic, and checks it against test/reference/base/weights.probe.json. Does nothing if an intact
 * one is there.
 *
 *     npx tsx scripts/syntheticCheckpoint.ts
 */
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { openWeights, saveSafetensors } from "../src/load/weightFiles.ts";
import { preTrainingShapes, type SyntheticConfig, syntheticCheckpoint } from "../test/support/synthetic.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, ".cache", "bert-base-synthetic");
const reference = join(root, "test", "reference", "base");
const tokenizer = join(root, "test", "tokenizer", "reference", "bert-base-cased");
const path = join(folder, "model.safetensors");

const config: SyntheticConfig = JSON.parse(await readFile(join(reference, "config.json"), "utf8"));
const probe: Record<string, number[]> = JSON.parse(
  await readFile(join(reference, "weights.probe.json"), "utf8"),
).values;

/** Why the checkpoint is not the one that the probe describes, or null if it is. Reads all of it: a second. */
async function mismatch(): Promise<string | null> {
  const weights = await openWeights(path);
  try {
    const shapes = preTrainingShapes(config);
    const names = [...weights.tensors.keys()].sort().join();
    if (names !== Object.keys(probe).sort().join() || names !== [...shapes.keys()].sort().join())
      return "the names differ from the probe's";
    for (const [name, shape] of shapes) {
      const length = shape.reduce((product, n) => product * n, 1);
      const data = new Float32Array(length);
      await weights.readInto(name, data);
      const indices = [0, 1, Math.floor(length / 2), length - 1];
      const wrong = indices.findIndex((index, i) => data[index] !== probe[name][i]);
      if (wrong >= 0)
        return `${name}[${indices[wrong]}] is ${data[indices[wrong]]}, the probe has ${probe[name][wrong]}`;
    }
    return null;
  } finally {
    await weights.close();
  }
}

const intact = await mismatch().catch((error: unknown) => String(error));
if (intact === null) {
  console.log(`${folder}: there already, and intact`);
} else {
  const start = performance.now();
  await mkdir(folder, { recursive: true });
  await copyFile(join(reference, "config.json"), join(folder, "config.json"));
  // tokenizer_config.json says that the vocabulary is cased; without it BERT's default is to lower the case.
  for (const name of ["vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"])
    await copyFile(join(tokenizer, name), join(folder, name));
  await saveSafetensors(path, syntheticCheckpoint(config), [["format", "pt"]]);
  const wrong = await mismatch();
  if (wrong !== null) throw new Error(`${path}: ${wrong}`);
  console.log(`${folder}: written and equal to the probe, ${((performance.now() - start) / 1000).toFixed(1)} s`);
}
