/** Checkpoints on disk. */
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exists, openFile, orFileError, readText, throughLinks, writeFileAtomically } from "../disk/files.ts";
import { removeLeftovers } from "../disk/leftovers.ts";
import { fileError } from "../errors.ts";
import { WEIGHTS } from "../hub/wantedFiles.ts";
import type { Weights } from "../safetensors/safetensorsReader.ts";
import { planFile, type TensorToSave } from "../safetensors/safetensorsWriter.ts";
import { openShards, parseSafetensorsIndex } from "../safetensors/shards.ts";
import { brokenLink, missingWeights } from "./missingWeights.ts";
import { type ModelFolder, readerOf } from "./modelFolder.ts";

/**
 * Opens a checkpoint: a `.safetensors` file, one of PyTorch's (`.bin`, `.pt`, `.pth`; `openPytorch` says what it may
 * hold), an index `….index.json` whose files are beside it, or a folder with one of them. Reads the headers alone.
 * Close it when done.
 *
 * @throws BertError ERR_FILE a file is missing or not readable; ERR_CHECKPOINT it breaks a rule of the format
 */
export async function openWeights(path: string): Promise<Weights> {
  const stats = await orFileError("openWeights", path, stat(path));
  if (stats.isDirectory()) return openFolderWeights(path);
  return path.endsWith(".json") ? openIndex(path) : openSingle(path);
}

/**
 * Opens a folder with a model; reads nothing yet.
 *
 * @throws BertError ERR_FILE there is no such folder
 */
export async function openModelFolder(location: string | URL): Promise<ModelFolder> {
  const path = typeof location === "string" ? location : fileURLToPath(location);
  const stats = await orFileError("openModelFolder", path, stat(path));
  if (!stats.isDirectory()) throw fileError("openModelFolder", path, "must be a folder, is a file");
  return folderAt(path);
}

function folderAt(path: string): ModelFolder {
  return {
    path,
    async readText(name) {
      const file = join(path, name);
      if (await exists(file)) return readText(file);
      const broken = await brokenLink(file);
      if (broken) throw broken;
      return null;
    },
    openWeights: () => openFolderWeights(path),
    inside: (name) => folderAt(join(path, name)),
  };
}

/**
 * Writes tensors to a safetensors file, atomically (`writeFileAtomically`) and one tensor after the other; the bytes
 * are those of `writeSafetensors`.
 *
 * @example
 * await saveSafetensors("weights.safetensors", [["embeddings", { shape: [2, 3], data: new Float32Array(6) }]]);
 * @throws BertError ERR_INPUT before anything is written: what the format forbids; ERR_FILE the path cannot be written
 */
export async function saveSafetensors(
  path: string,
  tensors: Iterable<readonly [string, TensorToSave]>,
  metadata: Iterable<readonly [string, string]> = [],
): Promise<void> {
  const plan = planFile("saveSafetensors", tensors, metadata);
  const target = await throughLinks(path);
  await removeLeftovers(dirname(target), basename(target));
  await writeFileAtomically(path, plan.stream());
}

async function openFolderWeights(folder: string): Promise<Weights> {
  for (const name of WEIGHTS) {
    const path = join(folder, name);
    if (await exists(path)) return path.endsWith(".json") ? openIndex(path) : openSingle(path);
  }
  throw await missingWeights(folder);
}

/** Opens a file with weights, in the format that its name says or the one that is given. */
export async function openSingle(path: string, read: ReturnType<typeof readerOf> = readerOf(path)): Promise<Weights> {
  const file = await openFile(path);
  try {
    return await read(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openIndex(path: string): Promise<Weights> {
  const index = parseSafetensorsIndex(await readText(path), path);
  const open = (shard: string) => openFile(join(dirname(path), shard));
  return openShards(index, open, readerOf(path));
}
