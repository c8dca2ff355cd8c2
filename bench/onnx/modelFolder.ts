import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseConfig } from "../../src/model/config.ts";
import { bertGraph, type GraphHead, type GraphStyle } from "./bertGraph.ts";
import { writeWeightsFile } from "./weightsFile.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** plainbert's side: the synthetic bert-base-cased, 436 MB, as Hugging Face's libraries save a model. */
export const CHECKPOINT: string = join(ROOT, ".cache", "bert-base-synthetic");

/** The other side: the same weights in the layout that transformers.js reads from a folder. */
export const ONNX_MODELS: string = join(ROOT, ".cache", "bench-onnx");
const MODEL = "bert-base-synthetic";

/** The path of one of the four graphs. */
export function graphPath(style: GraphStyle, head: GraphHead): string {
  return join(ONNX_MODELS, MODEL, "onnx", `${graphName(style, head)}.onnx`);
}

/** A graph's file without its ending: transformers.js's `model_file_name`. The data file's name wants one `model`. */
export function graphName(style: GraphStyle, head: GraphHead): string {
  return head === "maskedLm" && style === "plain" ? "model" : `${head}-${style}`;
}

/** Writes both sides' files under .cache, if they are not there: about a minute. */
export async function prepareModels(): Promise<void> {
  execFileSync(process.execPath, [join(ROOT, "scripts", "syntheticCheckpoint.ts")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const folder = join(ONNX_MODELS, MODEL);
  if (await readFile(join(folder, "config.json")).catch(() => null)) return;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(join(partial, "onnx"), { recursive: true });

  const config = parseConfig(await readFile(join(CHECKPOINT, "config.json"), "utf8"));
  const weights = await writeWeightsFile(join(CHECKPOINT, "model.safetensors"), join(partial, "onnx"));
  for (const style of ["plain", "fused"] as const) {
    for (const head of ["encoder", "maskedLm"] as const) {
      await writeFile(join(partial, "onnx", `${graphName(style, head)}.onnx`), bertGraph(weights, config, style, head));
    }
  }
  const tokenizer = join(ROOT, "test", "tokenizer", "reference", "bert-base-cased");
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    await copyFile(join(tokenizer, name), join(partial, name));
  }
  const json = { ...JSON.parse(await readFile(join(CHECKPOINT, "config.json"), "utf8")), ...TRANSFORMERS_JS };
  await writeFile(join(partial, "config.json"), JSON.stringify(json));
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder); // so that a folder with its name is whole
}

/** What transformers.js wants in config.json besides. */
const TRANSFORMERS_JS = { architectures: ["BertForMaskedLM"] };
