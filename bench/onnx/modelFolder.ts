import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import { loadTokenizer } from "../../src/pipelines/index.ts";
import { bertGraph, type GraphHead, type GraphStyle } from "./bertGraph.ts";
import { writeWeightsFile } from "./weightsFile.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Where the folders are: transformers.js's `localModelPath`. */
export const MODELS: string = join(ROOT, ".cache", "bench");

/**
 * A model as a folder that everyone can load: config.json, tokenizer files and model.safetensors for plainbert, and in onnx/ the same
 * weights in the layout that transformers.js reads.
 */
export interface BenchModel {
  readonly name: string;
  /** In a report. */
  readonly title: string;
  readonly path: string;
  /** The folder with the weights that it is made from. */
  readonly source: string;
}

/** bert-base-cased with synthetic weights. */
export const BASE: BenchModel = benchModel(
  "bert-base-cased-synthetic",
  "BERT-base",
  join(ROOT, ".cache", "bert-base-synthetic"),
);

/** The model that comes with the package. */
export const SMALL: BenchModel = benchModel("plainbert-small", "the small model", join(ROOT, "weights"));

function benchModel(name: string, title: string, source: string): BenchModel {
  return { name, title, path: join(MODELS, name), source };
}

/** The path of one of a model's four graphs. */
export function graphPath(model: BenchModel, style: GraphStyle, head: GraphHead): string {
  return join(model.path, "onnx", `${graphName(style, head)}.onnx`);
}

/** A graph's file without its ending: transformers.js's `model_file_name`. The data file's name wants one `model`. */
export function graphName(style: GraphStyle, head: GraphHead): string {
  return head === "maskedLm" && style === "plain" ? "model" : `${head}-${style}`;
}

/** Writes both folders, 1 GB, if they are not there. */
export async function prepareModels(): Promise<void> {
  if (!existsSync(BASE.path)) {
    execFileSync(process.execPath, [join(ROOT, "scripts", "syntheticCheckpoint.ts")], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  for (const model of [BASE, SMALL]) if (!existsSync(model.path)) await writeFolder(model);
}

async function writeFolder({ path, source }: BenchModel): Promise<void> {
  const partial = `${path}.partial`; // renamed at the end, so that a folder with the right name is whole
  await rm(partial, { recursive: true, force: true });
  await mkdir(join(partial, "onnx"), { recursive: true });
  const checkpoint = join(source, "model.safetensors");
  const configText = await readFile(join(source, "config.json"), "utf8");
  await writeGraphs(checkpoint, parseConfig(configText), join(partial, "onnx"));
  await symlink(relative(partial, checkpoint), join(partial, "model.safetensors")); // relative: a project that is moved keeps it
  const json = { ...JSON.parse(configText), architectures: ["BertForMaskedLM"] }; // as bert-base-cased's says
  await writeFile(join(partial, "config.json"), JSON.stringify(json, null, 2));
  await copyFile(join(source, "vocab.txt"), join(partial, "vocab.txt"));
  await copyFile(join(source, "tokenizer_config.json"), join(partial, "tokenizer_config.json"));
  const { "tokenizer.json": tokenizer } = (await loadTokenizer(source)).toFiles(); // transformers.js wants it
  await writeFile(join(partial, "tokenizer.json"), tokenizer!);
  await rename(partial, path);
}

async function writeGraphs(checkpoint: string, config: BertConfig, folder: string): Promise<void> {
  const weights = await writeWeightsFile(checkpoint, folder);
  for (const style of ["plain", "fused"] as const) {
    for (const head of ["encoder", "maskedLm"] as const) {
      await writeFile(join(folder, `${graphName(style, head)}.onnx`), bertGraph(weights, config, style, head));
    }
  }
}
