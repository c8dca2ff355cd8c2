import { join } from "node:path";
import { parseSafetensorsIndex } from "../tensor/safetensorsIndex.ts";
import { openModelFolder } from "./files.ts";
import type { RepositoryCache } from "./repositoryCache.ts";

/** Which of a model's files are wanted. */
export interface WantedFiles {
  /** One of these must be there; the first that is, is taken. */
  readonly config: readonly string[];
  /** Those of them that are there. */
  readonly optional: readonly string[];
  /** Whether the weights are wanted too. */
  readonly weights: boolean;
}

/** The list of the files that a model's weights are in, if there are several. */
export const INDEX = "model.safetensors.index.json";
/** The weights: the first that a model has is taken. Only the last is not safetensors. */
export const WEIGHTS: readonly string[] = ["model.safetensors", INDEX, "pytorch_model.bin"];

/**
 * The files that the index in a folder lists.
 *
 * @throws BertError ERR_CHECKPOINT it is no such index, or leads out of the folder
 */
export async function shardsOf(folder: string): Promise<readonly string[]> {
  const text = await (await openModelFolder(folder)).readText(INDEX);
  return parseSafetensorsIndex(text ?? "", join(folder, INDEX)).shards;
}

/** What a commit has in the cache of what is wanted, and what it lacks of what cannot be done without. */
export async function filesInCache(
  cache: RepositoryCache,
  commit: string,
  wanted: WantedFiles,
): Promise<{ readonly present: ReadonlyMap<string, number>; readonly missing: readonly string[] }> {
  const present = new Map<string, number>();
  const missing: string[] = [];
  const look = async (file: string): Promise<boolean> => {
    const size = await cache.sizeOf(commit, file);
    if (size !== null) present.set(file, size);
    return size !== null;
  };
  const first = async (files: readonly string[]) => {
    for (const file of files) if (await look(file)) return;
    missing.push(files[0]);
  };
  await first(wanted.config);
  for (const file of wanted.optional) await look(file);
  if (wanted.weights) await first(WEIGHTS);
  if (present.has(INDEX)) {
    for (const shard of await shardsOf(cache.snapshot(commit))) if (!(await look(shard))) missing.push(shard);
  }
  return { present, missing };
}
