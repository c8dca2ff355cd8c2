import { join } from "node:path";
import { readText } from "../disk/files.ts";
import { parseSafetensorsIndex } from "../safetensors/shards.ts";
import type { RepositoryCache } from "./repositoryCache.ts";
import { isIndex, type WantedFiles, WEIGHTS } from "./wantedFiles.ts";

/**
 * The files that an index in a folder lists.
 *
 * @throws BertError ERR_CHECKPOINT it is no such index, or leads out of the folder
 */
export async function shardsOf(folder: string, index: string): Promise<readonly string[]> {
  const path = join(folder, index);
  return parseSafetensorsIndex(await readText(path), path).shards;
}

/** Which of the files in question a commit has in the cache, and which of the necessary ones it lacks. */
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
  for (const index of [...present.keys()].filter(isIndex)) {
    for (const shard of await shardsOf(cache.snapshot(commit), index)) if (!(await look(shard))) missing.push(shard);
  }
  return { present, missing };
}
