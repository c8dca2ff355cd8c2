/** A model's files in one folder: from the cache, from the hub, or from both. */
import type { Hub } from "./hub.ts";
import { HubError } from "./hubError.ts";
import { filesInCache } from "./modelFiles.ts";
import type { Progress } from "./progress.ts";
import { RepositoryCache } from "./repositoryCache.ts";
import { type Snapshot, SnapshotDownload } from "./snapshotDownload.ts";
import type { WantedFiles } from "./wantedFiles.ts";

/**
 * The folder of a model's files at a revision, all of one commit. Asks the hub where the revision stands; what is in
 * the cache is not fetched again, and a commit that is complete there asks nothing. Without an answer of the hub, what
 * the cache has is taken.
 *
 * @throws HubError offline and not all in the cache; the hub does not have or give it, or what arrives is damaged;
 *   BertError ERR_FILE neither the cache nor the folder for temporary files can be written; the signal's reason
 */
export async function openSnapshot(hub: Hub, wanted: WantedFiles, progress: Progress): Promise<Snapshot> {
  const { settings, model } = hub;
  const cache = new RepositoryCache(settings.cacheDir, model.id, settings.symlinks);
  if (settings.offline !== null) return fromCache(hub, cache, wanted, progress, settings.offline);

  const commit = await cache.commitOf(model.revision);
  const isComplete = commit !== null && (await filesInCache(cache, commit, wanted)).missing.length === 0;
  const snapshot = new SnapshotDownload(hub, cache, progress, !isComplete);
  try {
    await snapshot.plan(wanted);
  } catch (error) {
    // No answer, or none that helps; but what was deleted on the hub is not served from memory.
    if (!isComplete || !(error instanceof HubError) || error.missing === "revision" || error.missing === "file")
      throw error;
    process.emitWarning(`${error.message}; what the cache has is used`, { code: "PLAINBERT_HUB" });
    return fromCache(hub, cache, wanted, progress, "");
  }
  try {
    return await snapshot.fetchAll();
  } catch (error) {
    await snapshot.release();
    throw error;
  }
}

/** @param forbids what forbids to ask the hub */
async function fromCache(
  { model }: Hub,
  cache: RepositoryCache,
  wanted: WantedFiles,
  progress: Progress,
  forbids: string,
): Promise<Snapshot> {
  const commit = await cache.commitOf(model.revision);
  const folder = commit === null ? cache.folder : cache.snapshot(commit);
  const none = { present: new Map<string, number>(), missing: [`revision ${model.revision}`] };
  const { present, missing } = commit === null ? none : await filesInCache(cache, commit, wanted);
  if (missing.length > 0) {
    throw new HubError(
      `${model.id}: ${missing.join(", ")} is not in the cache, ${folder}, and ${forbids} forbids to ask the hub; ` +
        `there is no folder ${model.id} either`,
    );
  }
  for (const [file, size] of present) progress.cached(file, size);
  return { path: folder, release: async () => {} };
}
