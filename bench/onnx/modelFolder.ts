import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseConfig } from "../../src/model/config.ts";
import { bertGraph, type GraphHead, type GraphStyle } from "./bertGraph.ts";
import { writeWeightsFile } from "./weightsFile.ts";

const ROOT = join(import.meta.dirname, "..", "..");

const SYNTHETIC = join(ROOT, ".cache", "bert-base-synthetic");

/**
 * bert-base-cased with synthetic weights as a folder that everyone can load: config.json, tokenizer files and
 * model.safetensors for plainbert, and in onnx/ the same weights in the layout that transformers.js reads.
 */
export const MODELS: string = join(ROOT, ".cache", "bench");
export const MODEL = "bert-base-cased-synthetic";
export const CHECKPOINT: string = join(MODELS, MODEL);

/** The path of one of the four graphs. */
export function graphPath(style: GraphStyle, head: GraphHead): string {
  return join(CHECKPOINT, "onnx", `${graphName(style, head)}.onnx`);
}

/** A graph's file without its ending: transformers.js's `model_file_name`. The data file's name wants one `model`. */
export function graphName(style: GraphStyle, head: GraphHead): string {
  return head === "maskedLm" && style === "plain" ? "model" : `${head}-${style}`;
}

/** Writes the folder, 1 GB, if it is not there. */
export async function prepareModel(): Promise<void> {
  if (existsSync(CHECKPOINT)) return;
  execFileSync(process.execPath, [join(ROOT, "scripts", "syntheticCheckpoint.ts")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const partial = `${CHECKPOINT}.partial`; // renamed at the end, so that a folder with the right name is whole
  await rm(partial, { recursive: true, force: true });
  await mkdir(join(partial, "onnx"), { recursive: true });

  const checkpoint = join(SYNTHETIC, "model.safetensors");
  const configText = await readFile(join(SYNTHETIC, "config.json"), "utf8");
  const config = parseConfig(configText);
  const weights = await writeWeightsFile(checkpoint, join(partial, "onnx"));
  for (const style of ["plain", "fused"] as const) {
    for (const head of ["encoder", "maskedLm"] as const) {
      const path = join(partial, "onnx", `${graphName(style, head)}.onnx`);
      await writeFile(path, bertGraph(weights, config, style, head));
    }
  }
  await symlink(relative(partial, checkpoint), join(partial, "model.safetensors")); // relative: a project that is moved keeps it
  const json = { ...JSON.parse(configText), architectures: ["BertForMaskedLM"] }; // as the real one says
  await writeFile(join(partial, "config.json"), JSON.stringify(json, null, 2));
  const tokenizer = join(ROOT, "test", "tokenizer", "reference", "bert-base-cased");
  for (const name of ["vocab.txt", "tokenizer.json", "tokenizer_config.json"]) {
    await copyFile(join(tokenizer, name), join(partial, name));
  }
  await rename(partial, CHECKPOINT);
}
