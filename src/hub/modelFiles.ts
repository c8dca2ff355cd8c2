import { posix } from "node:path";
import { readText } from "../disk/files.ts";
import { messageOf } from "../realm.ts";
import { parseSafetensorsIndex } from "../safetensors/shards.ts";
import type { CachedFile, RepositoryCache } from "./repositoryCache.ts";
import { MODULES_FILE } from "./sentenceFiles.ts";
import { filesToOpen, isIndex, type WantedFiles } from "./wantedFiles.ts";

/**
 * The files that an index lists, by their names in the model's folder.
 *
 * @param path  where the index is
 * @param index its name in the model's folder
 * @throws BertError ERR_CHECKPOINT it is no such index, or leads out of its folder
 */
export async function shardsOf(path: string, index: string): Promise<readonly string[]> {
  const { shards } = parseSafetensorsIndex(await readText(path), path);
  return shards.map((shard) => posix.join(posix.dirname(index), shard));
}

/** What a commit has in the cache of the files in question. */
export interface FilesInCache {
  /** The size of each that fits its name. */
  readonly present: ReadonlyMap<string, number>;
  /** Those that do not, and why. */
  readonly damaged: ReadonlyMap<string, CachedFile>;
  /** The necessary ones that are not there. */
  readonly missing: readonly string[];
  /** Paths of files of which nothing here tells what they must be, where all are to be hashed. */
  readonly unknown: readonly string[];
}

/** Looks at a commit's files in the cache. */
export async function filesInCache(cache: RepositoryCache, commit: string, wanted: WantedFiles): Promise<FilesInCache> {
  const present = new Map<string, number>();
  const damaged = new Map<string, CachedFile>();
  const missing: string[] = [];
  const unknown: string[] = [];
  const look = async (file: string): Promise<boolean> => {
    const found = await cache.look(commit, file);
    if (found === null) return false;
    if (found.damage !== null) damaged.set(file, found);
    else present.set(file, found.size);
    if (found.etag === null) unknown.push(found.path);
    return true;
  };
  const first = async (files: readonly string[]) => {
    for (const file of files) if (await look(file)) return;
    missing.push(files[0]);
  };
  const isListed = await look(MODULES_FILE);
  const listing = isListed && present.has(MODULES_FILE) ? await readText(cache.snapshot(commit, MODULES_FILE)) : null;
  const { config, optional, weights } = filesToOpen(wanted, listing);
  await first(config);
  for (const file of optional) await look(file);
  if (weights.length > 0) await first(weights);
  for (const index of [...present.keys()].filter(isIndex)) {
    try {
      for (const shard of await shardsOf(cache.snapshot(commit, index), index))
        if (!(await look(shard))) missing.push(shard);
    } catch (error) {
      const found = await cache.distrust(commit, index, messageOf(error));
      if (!found) throw error;
      present.delete(index);
      damaged.set(index, found);
    }
  }
  return { present, damaged, missing, unknown };
}
