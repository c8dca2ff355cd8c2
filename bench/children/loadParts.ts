/**
 * A process that does what `loadBert` does, one step after the other, and prints the milliseconds of each step:
 * node loadParts.ts '{"backend": …, "threads": …, "model": …}'. The sources were imported before the first step.
 */

import { loadParams } from "../../src/checkpoint/loadParams.ts";
import { openModelFolder } from "../../src/load/weightFiles.ts";
import { parseConfig } from "../../src/model/config.ts";
import { chooseBackend } from "../../src/tensor/chooseBackend.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { BertTokenizer } from "../../src/tokenizer/index.ts";

const { backend: name, threads, model } = JSON.parse(process.argv[2]);
const steps: Record<string, number> = {};

async function step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  steps[name] = performance.now() - start;
  return result;
}

const backend = await step("kernels", () => chooseBackend(name, { threads }));
const pack = backend.packWeight.bind(backend);
let packing = 0;
backend.packWeight = (weight: Tensor) => {
  const start = performance.now();
  const packed = pack(weight);
  packing += performance.now() - start;
  return packed;
};

const folder = await openModelFolder(model);
const read = async (file: string) => (await folder.readText(file))!;
const files = {
  "vocab.txt": await read("vocab.txt"),
  "tokenizer_config.json": await read("tokenizer_config.json"),
};
await step("reading", async () => {
  const weights = await folder.openWeights();
  await loadParams(weights, parseConfig(await read("config.json")), backend);
});
steps.reading -= packing;
steps.packing = packing;
await step("tokenizer", () => BertTokenizer.fromFiles(files));
process.stdout.write(JSON.stringify(steps), () => process.exit());
