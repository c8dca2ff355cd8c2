import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readText } from "../disk/files.ts";
import { BertError } from "../errors.ts";
import { isDiskError } from "./disk.ts";
import { downloadFile } from "./downloadFile.ts";
import type { Hub } from "./hub.ts";
import { HubError } from "./hubError.ts";
import { shardsOf } from "./modelFiles.ts";
import { isCommit } from "./modelId.ts";
import type { Progress } from "./progress.ts";
import { type RemoteFile, RepositoryCache } from "./repositoryCache.ts";
import { MODULES_FILE } from "./sentenceFiles.ts";
import { filesToOpen, isIndex, type WantedFiles } from "./wantedFiles.ts";

/** A folder with a model's files. */
export interface Snapshot {
  readonly path: string;
  /** How many files were fetched, or found in the cache as another process had fetched them meanwhile. */
  readonly fetched: number;
  /** Paths of files of which nothing told what they must be. */
  readonly unknown: readonly string[];
  /** Whether it is not known if the model has a modules.json. */
  readonly unasked: boolean;
  /** Deletes the folder if it is a temporary one, because the cache could not be written. */
  release(): Promise<void>;
}

/** The files of one commit, as they come in. */
export class SnapshotDownload {
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
  /** What has been brought: modules.json before it is known what else there is. */
  private readonly brought = new Set<string>();
  private readonly files: string[] = [];
  private fetched = 0;

  /** @param patient whether to ask again when there is no answer */
  constructor(hub: Hub, cache: RepositoryCache, progress: Progress, patient: boolean) {
    this.hub = hub;
    this.cache = cache;
    this.progress = progress;
    this.patient = patient;
  }

  /** Finds out which files there are, and of which commit. */
  async plan(wanted: WantedFiles): Promise<void> {
    await this.findCommit(wanted.config);
    const { config, optional, either, weights } = filesToOpen(wanted, await this.listing());
    this.files.push(...(await this.existing(config, true)));
    this.files.push(...(await this.existing(optional, false)));
    for (const files of either) this.files.push(...(await this.existing(files, true)));
    this.files.push(...(await this.existing(weights, true)));
  }

  /** The text of modules.json; null if the commit has none. */
  private async listing(): Promise<string | null> {
    const [file] = await this.existing([MODULES_FILE], false);
    if (file === undefined) return null;
    await this.fetch(file);
    return readText(this.path(file));
  }

  /** Brings them all into one folder. */
  async fetchAll(): Promise<Snapshot> {
    for (const file of this.files) {
      await this.fetch(file);
      if (isIndex(file)) this.files.push(...(await this.existing(await shardsOf(this.path(file), file), false)));
    }
    const { temporary, cache, commit } = this;
    if (temporary)
      for (const file of this.inCache) await temporary.cache.borrow(cache.snapshot(commit, file), commit, file);
    // Only now, so that an interrupted download leaves the last complete one to be found without the hub; where it
    // cannot be noted, the hub is asked again.
    else await cache.setCommitOf(this.hub.model.revision, commit).catch(() => {});
    await cache.removeLeftovers();
    const path = (temporary?.cache ?? cache).snapshot(commit);
    return { path, fetched: this.fetched, unknown: [], unasked: false, release: () => this.release() };
  }

  /** The commit is found by asking for the configuration; all other files are those of the same commit. */
  private async findCommit(config: readonly string[]): Promise<void> {
    const { revision } = this.hub.model;
    if (isCommit(revision)) this.commit = revision;
    // A transformer in a folder of its own has its configuration there.
    for (const file of [...config, MODULES_FILE]) {
      if (this.commit !== "" && (await this.sizeInCache(file)) !== null) return;
      const remote = await this.describe(file);
      if (remote === null) continue;
      this.commit = remote.commit;
      return;
    }
    throw new HubError(`${this.hub.model.id} has no ${config.join(" and no ")} at revision ${revision}`, {
      missing: "file",
    });
  }

  async release(): Promise<void> {
    if (this.temporary) await rm(this.temporary.root, { recursive: true, force: true });
  }

  /** Which of some files the commit has: all of them, or of alternatives the first. */
  private async existing(files: readonly string[], alternatives: boolean): Promise<string[]> {
    const found: string[] = [];
    const look = async (file: string) => {
      const size = await this.sizeInCache(file);
      const remote = size === null ? await this.describe(file) : null;
      if (size === null && remote === null) return;
      this.progress.expect(file, size ?? remote?.size ?? null);
      found.push(file);
    };
    if (!alternatives) await settled(files.map(look));
    else for (const file of files) if (found.length === 0) await look(file);
    return files.filter((file) => found.includes(file));
  }

  /** The size of a file in the cache; null: it is not there, does not fit, or is to be fetched again. */
  private async sizeInCache(file: string): Promise<number | null> {
    const found = this.hub.settings.force ? null : await this.cache.look(this.commit, file);
    if (found === null || found.damage !== null) return null;
    if (found.etag !== null || !this.cache.hashesAll) return found.size;
    // A copy: the hub knows what it must be.
    const remote = await this.describe(file);
    return remote === null || (await this.cache.fits(remote, file)) ? found.size : null;
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
    if (this.brought.has(file)) return;
    this.brought.add(file);
    const size = await this.sizeInCache(file);
    if (size !== null) {
      this.inCache.push(file);
      return this.progress.cached(file, size);
    }
    const remote = (await this.describe(file)) as RemoteFile;
    this.fetched++;
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
    this.progress.done(file);
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
