import { join } from "node:path";
import { readText } from "../disk/files.ts";
import { messageOf } from "../realm.ts";
import { parseSafetensorsIndex } from "../safetensors/shards.ts";
import type { CachedFile, RepositoryCache } from "./repositoryCache.ts";
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
  await first(wanted.config);
  for (const file of wanted.optional) await look(file);
  if (wanted.weights) await first(WEIGHTS);
  for (const index of [...present.keys()].filter(isIndex)) {
    try {
      for (const shard of await shardsOf(cache.snapshot(commit), index)) if (!(await look(shard))) missing.push(shard);
    } catch (error) {
      const found = await cache.distrust(commit, index, messageOf(error));
      if (!found) throw error;
      present.delete(index);
      damaged.set(index, found);
    }
  }
  return { present, damaged, missing, unknown };
}
