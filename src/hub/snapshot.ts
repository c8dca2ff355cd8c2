/** A model's files in one folder: from the cache, from the hub, or from both. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BertError } from "../errors.ts";
import { parseSafetensorsIndex } from "../tensor/safetensorsIndex.ts";
import { isDiskError } from "./disk.ts";
import { downloadFile } from "./downloadFile.ts";
import { openModelFolder } from "./files.ts";
import type { Hub } from "./hub.ts";
import { HubError } from "./hubError.ts";
import type { Progress } from "./progress.ts";
import { isCommit, type RemoteFile, RepositoryCache } from "./repositoryCache.ts";

/** Which of a model's files are wanted. */
export interface WantedFiles {
  /** One of these must be there; the first that is, is taken. */
  readonly config: readonly string[];
  /** Those of them that are there. */
  readonly optional: readonly string[];
  /** Whether the weights are wanted too. */
  readonly weights: boolean;
}

/** A folder with a model's files. */
export interface Snapshot {
  readonly path: string;
  /** Deletes the folder if it is a temporary one, because the cache could not be written. */
  release(): Promise<void>;
}

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
/** The first that a model has is taken. Only the last is not safetensors. */
const WEIGHTS = [SINGLE, INDEX, "pytorch_model.bin"] as const;

/**
 * The folder of a model's files at a revision, all of one commit. Asks the hub where the revision stands; what is in the
 * cache is not fetched again, and a commit that is complete there asks nothing. Without an answer of the hub, what the
 * cache has is taken.
 *
 * @throws HubError offline and not all in the cache; the hub does not have or give it, or what arrives is damaged;
 *   BertError ERR_FILE neither the cache nor the folder for temporary files can be written; the signal's reason
 */
export async function openSnapshot(hub: Hub, wanted: WantedFiles, progress: Progress): Promise<Snapshot> {
  const { settings, model } = hub;
  const cache = new RepositoryCache(settings.cacheDir, model.id, settings.symlinks);
  if (settings.offline !== null) return fromCache(hub, cache, wanted, progress, settings.offline);

  const commit = await cache.commitOf(model.revision);
  const isComplete = commit !== null && (await missingFiles(cache, commit, wanted)).length === 0;
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
  const missing = commit === null ? [`revision ${model.revision}`] : await missingFiles(cache, commit, wanted);
  if (commit === null || missing.length > 0) {
    throw new HubError(
      `${model.id}: ${missing.join(", ")} is not in the cache, ${folder}, and ${forbids} forbids to ask the hub; ` +
        `there is no folder ${model.id} either`,
    );
  }
  for (const file of [...wanted.config, ...wanted.optional, ...(wanted.weights ? WEIGHTS : [])]) {
    const size = await cache.sizeOf(commit, file);
    if (size !== null) tellCached(progress, file, size);
  }
  return { path: folder, release: async () => {} };
}

function tellCached(progress: Progress, file: string, size: number): void {
  progress.step("initiate", file);
  progress.loaded(file, size, size);
  progress.step("done", file);
}

/** What a commit lacks in the cache, of what a model cannot do without. */
async function missingFiles(cache: RepositoryCache, commit: string, wanted: WantedFiles): Promise<string[]> {
  const first = async (files: readonly string[]) => {
    for (const file of files) if ((await cache.sizeOf(commit, file)) !== null) return file;
    return null;
  };
  const missing: string[] = [];
  if ((await first(wanted.config)) === null) missing.push(wanted.config[0]);
  if (!wanted.weights) return missing;
  const weights = await first(WEIGHTS);
  if (weights === null) missing.push(SINGLE);
  if (weights !== INDEX) return missing;
  for (const shard of await shardsOf(cache.snapshot(commit))) {
    if ((await cache.sizeOf(commit, shard)) === null) missing.push(shard);
  }
  return missing;
}

async function shardsOf(folder: string): Promise<readonly string[]> {
  const text = await (await openModelFolder(folder)).readText(INDEX);
  return parseSafetensorsIndex(text ?? "", join(folder, INDEX)).shards;
}

/** The files of one commit, as they come in. */
class SnapshotDownload {
  private readonly hub: Hub;
  private readonly cache: RepositoryCache;
  private readonly progress: Progress;
  private readonly patient: boolean;
  private commit = "";
  /** What the hub has said of files that are not in the cache. */
  private readonly described = new Map<string, RemoteFile | null>();
  /** Instead of the cache, once that could not be written. */
  private temporary: { readonly root: string; readonly cache: RepositoryCache } | null = null;
  private readonly inCache: string[] = [];
  private readonly files: string[] = [];

  /** @param patient whether to ask again when there is no answer */
  constructor(hub: Hub, cache: RepositoryCache, progress: Progress, patient: boolean) {
    this.hub = hub;
    this.cache = cache;
    this.progress = progress;
    this.patient = patient;
  }

  /** Finds out which files there are, and of which commit. */
  async plan({ config, optional, weights }: WantedFiles): Promise<void> {
    await this.findCommit(config);
    this.files.push(...(await this.existing(config, true)));
    this.files.push(...(await this.existing(optional, false)));
    if (weights) this.files.push(...(await this.existing(WEIGHTS, true)));
  }

  /** Brings them all into one folder. */
  async fetchAll(): Promise<Snapshot> {
    for (const file of this.files) {
      await this.fetch(file);
      if (file === INDEX) this.files.push(...(await this.existing(await shardsOf(dirname(this.path(INDEX))), false)));
    }
    for (const file of this.temporary ? this.inCache : []) {
      await this.temporary?.cache.borrow(this.cache.snapshot(this.commit, file), this.commit, file);
    }
    return { path: (this.temporary?.cache ?? this.cache).snapshot(this.commit), release: () => this.release() };
  }

  /** The commit is found by asking for the configuration; all other files are those of the same commit. */
  private async findCommit(config: readonly string[]): Promise<void> {
    const { revision } = this.hub.model;
    if (isCommit(revision)) this.commit = revision;
    for (const file of config) {
      if (this.commit !== "" && (await this.cache.sizeOf(this.commit, file)) !== null) return;
      const remote = await this.describe(file);
      if (remote === null) continue;
      this.commit = remote.commit;
      // Only loading without the hub needs it, and a cache that cannot be written is dealt with when a file is to be.
      await this.cache.setCommitOf(revision, remote.commit).catch(() => {});
      return;
    }
    throw new HubError(`${this.hub.model.id} has no ${config.join(" and no ")} at revision ${revision}`, {
      missing: "file",
    });
  }

  async release(): Promise<void> {
    if (this.temporary) await rm(this.temporary.root, { recursive: true, force: true });
  }

  /** Those of some files that the commit has; or of alternatives the first. */
  private async existing(files: readonly string[], alternatives: boolean): Promise<string[]> {
    const found: string[] = [];
    const look = async (file: string) => {
      const size = await this.cache.sizeOf(this.commit, file);
      const remote = size === null ? await this.describe(file) : null;
      if (size === null && remote === null) return;
      this.progress.expect(file, size ?? remote?.size ?? null);
      found.push(file);
    };
    if (!alternatives) await settled(files.map(look));
    else for (const file of files) if (found.length === 0) await look(file);
    return files.filter((file) => found.includes(file));
  }

  /** What the hub says of a file; null if the commit has none. Asked once. */
  private async describe(file: string): Promise<RemoteFile | null> {
    const known = this.described.get(file);
    if (known !== undefined) return known;
    if (this.commit !== "" && (await this.cache.isMissing(this.commit, file))) return null;
    const onMissing = (commit: string) => this.cache.setMissing(commit, file).catch(() => {}); // asked again next time
    const remote = await this.hub.describe(file, this.commit || this.hub.model.revision, onMissing, this.patient);
    this.described.set(file, remote);
    return remote;
  }

  /** Brings a file that exists into the cache, or beside it. */
  private async fetch(file: string): Promise<void> {
    const size = await this.cache.sizeOf(this.commit, file);
    if (size !== null) {
      this.inCache.push(file);
      return tellCached(this.progress, file, size);
    }
    const remote = (await this.describe(file)) as RemoteFile;
    this.progress.step("initiate", file);
    const started = () => this.progress.step("download", file);
    const loaded = (bytes: number, total: number | null) => this.progress.loaded(file, bytes, total);
    const into = (cache: RepositoryCache) => downloadFile(this.hub, cache, file, remote, started, loaded);
    try {
      if (!this.temporary) {
        await into(this.cache);
        this.inCache.push(file);
      }
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.temporary = await this.instead(error);
    }
    if (this.temporary) await into(this.temporary.cache).catch((error) => this.nowhere(error));
    this.progress.step("done", file);
  }

  /** A temporary folder for what the cache cannot take. */
  private async instead(reason: NodeJS.ErrnoException): Promise<{ root: string; cache: RepositoryCache }> {
    const root = await mkdtemp(join(tmpdir(), "plainbert-")).catch((error) => this.nowhere(error, reason));
    process.emitWarning(
      `hub: the cache ${this.hub.settings.cacheDir} cannot be written (${reason.message}); ${root} is used this time`,
      { code: "PLAINBERT_HUB" },
    );
    return { root, cache: new RepositoryCache(root, this.hub.model.id, this.hub.settings.symlinks) };
  }

  private nowhere(error: unknown, reason?: Error): never {
    if (!isDiskError(error)) throw error;
    const { cacheDir } = this.hub.settings;
    throw new BertError(
      "ERR_FILE",
      `hub: ${this.hub.model.id}: neither the cache ${cacheDir} nor ${tmpdir()} can be written: ${reason?.message ?? ""} ` +
        `${error.message}; HF_HUB_CACHE or cache_dir names another folder`,
      { cause: error },
    );
  }

  private path(file: string): string {
    return (this.inCache.includes(file) ? this.cache : (this.temporary?.cache ?? this.cache)).snapshot(
      this.commit,
      file,
    );
  }
}

/** All of them, or the first failure once none is running any more. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === "rejected") throw result.reason;
}
