/** A model's files in one folder: from the cache, from the hub, or from both. */
import { listed } from "../errors.ts";
import type { Hub } from "./hub.ts";
import { HubError } from "./hubError.ts";
import { type FilesInCache, filesInCache } from "./modelFiles.ts";
import type { Progress } from "./progress.ts";
import { type Hashed, RepositoryCache } from "./repositoryCache.ts";
import { type Snapshot, SnapshotDownload } from "./snapshotDownload.ts";
import type { WantedFiles } from "./wantedFiles.ts";

/**
 * The folder of a model's files at a revision, all of one commit. Asks the hub where the revision stands; what is in
 * the cache is not fetched again, unless it does not fit its name, and a commit that is complete there asks nothing.
 * Without an answer of the hub, what the cache has is taken.
 *
 * @param hashed which of the files that are in the cache are hashed
 * @throws HubError offline and not all in the cache; the hub does not have or give it, or what arrives is damaged;
 *   BertError ERR_FILE neither the cache nor the folder for temporary files can be written; the signal's reason
 */
export async function openSnapshot(
  hub: Hub,
  wanted: WantedFiles,
  progress: Progress,
  hashed: Hashed,
): Promise<Snapshot> {
  const { settings, model } = hub;
  const cache = new RepositoryCache(settings.cacheDir, model.id, settings.symlinks, hashed, hub.signal);
  const commit = await cache.commitOf(model.revision);
  const files = commit === null || settings.force ? null : await filesInCache(cache, commit, wanted);
  if (settings.offline !== null) return fromCache(hub, cache, commit, files, progress);

  const isComplete = files !== null && files.missing.length === 0 && files.damaged.size === 0;
  const snapshot = new SnapshotDownload(hub, cache, progress, !isComplete);
  try {
    await snapshot.plan(wanted);
  } catch (error) {
    await snapshot.release();
    if (!(error instanceof HubError) || error.missing === "revision" || error.missing === "file") throw error;
    // No answer, or none that helps; but what was deleted on the hub is not served from memory.
    if (!isComplete) throw files?.damaged.size ? withDamage(error, files) : withModel(error, model.id);
    process.emitWarning(`${error.message}; what the cache has is used`, { code: "PLAINBERT_HUB" });
    return fromCache(hub, cache, commit, files, progress);
  }
  try {
    return await snapshot.fetchAll();
  } catch (error) {
    await snapshot.release();
    throw error;
  }
}

/** @throws HubError not all that is wanted is there and whole */
function fromCache(
  { model, settings: { offline } }: Hub,
  cache: RepositoryCache,
  commit: string | null,
  files: FilesInCache | null,
  progress: Progress,
): Snapshot {
  const path = commit === null ? cache.folder : cache.snapshot(commit);
  const missing = files === null ? [`revision ${model.revision}`] : files.missing;
  if (files === null || missing.length > 0) {
    throw new HubError(
      `${model.id}: ${listed(missing)} is not in the cache, ${path}, and ${offline} forbids to ask the hub; ` +
        `there is no folder ${model.id} either`,
    );
  }
  if (files.damaged.size > 0) {
    throw new HubError(`${model.id}: ${sentence(files)} where ${offline} does not forbid to ask the hub`);
  }
  for (const [file, size] of files.present) progress.cached(file, size);
  return { path, fetched: 0, unknown: files.unknown, unasked: files.unasked, release: async () => {} };
}

/** An error without an answer, which may come of the misspelt name of a folder, with the name. */
function withModel(error: HubError, id: string): HubError {
  const { message, status, transient, retryAfter, missing } = error;
  const said = message.replace(/^hub: /, "");
  if (status !== null || said.startsWith(`${id}: `)) return error;
  return new HubError(`there is no folder ${id} here, and ${said}`, { transient, retryAfter, missing, cause: error });
}

/** An error of a hub that was to give the files that are damaged. */
function withDamage(error: HubError, files: FilesInCache): HubError {
  const { message, status, transient, retryAfter, missing } = error;
  const both = `${message.replace(/^hub: /, "")}; ${sentence(files)} when the hub answers`;
  return new HubError(both, { ...(status !== null && { status }), transient, retryAfter, missing, cause: error });
}

/** What is wrong, and what to do. */
function sentence({ damaged }: FilesInCache): string {
  const files = listed(Array.from(damaged, ([file, { damage }]) => `${file} (${damage})`));
  const paths = listed(Array.from(damaged.values(), ({ path }) => path));
  return `damaged in the cache: ${files}; delete ${paths} and fetch it again`;
}
