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
  /** Whether it is not known if the commit has a modules.json, as whoever filled the cache never asked for it. */
  readonly unasked: boolean;
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
  const any = async (files: readonly string[]) => {
    for (const file of files) if (await look(file)) return true;
    return false;
  };
  const first = async (files: readonly string[]) => {
    if (!(await any(files))) missing.push(files[0]);
  };
  /** What `read` makes of a file that lists others; null: it is a copy that cannot be read, so it is damaged. */
  const trusting = async <T>(file: string, read: (path: string) => Promise<T>): Promise<T | null> => {
    try {
      return await read(cache.snapshot(commit, file));
    } catch (error) {
      const found = await cache.distrust(commit, file, messageOf(error));
      if (!found) throw error;
      present.delete(file);
      damaged.set(file, found);
      return null;
    }
  };
  const unasked = !(await look(MODULES_FILE)) && !(await cache.isMissing(commit, MODULES_FILE));
  const listed = present.has(MODULES_FILE)
    ? await trusting(MODULES_FILE, async (path) => filesToOpen(wanted, await readText(path)))
    : null;
  const { config, optional, either, weights } = listed ?? filesToOpen(wanted, null);
  await first(config);
  for (const file of optional) if (file !== MODULES_FILE) await look(file);
  for (const files of either) await any(files);
  if (weights.length > 0) await first(weights);
  for (const index of [...present.keys()].filter(isIndex)) {
    const shards = await trusting(index, (path) => shardsOf(path, index));
    for (const shard of shards ?? []) if (!(await look(shard))) missing.push(shard);
  }
  return { present, damaged, missing, unknown, unasked };
}
