import { constants, type FileHandle, open, rename, rm, stat, statfs } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { isFull } from "./disk.ts";
import type { Hub } from "./hub.ts";
import { HubError } from "./hubError.ts";
import { damage } from "./integrity.ts";
import { withLock } from "./lock.ts";
import { claimPart, letPartGo, ownPart } from "./parts.ts";
import type { RemoteFile, RepositoryCache } from "./repositoryCache.ts";

/** Called with how many bytes of a file are there. */
type Loaded = (loaded: number, total: number | null) => void;

/**
 * Brings one file into the cache, unless it is there and is what the hub says: blob and snapshot. What was received
 * before (by this process, another, or Python) is resumed; the file takes its name only when all of it is on the disk
 * and has the right hash.
 *
 * @param started called before the first byte is requested
 * @throws HubError the file cannot be had, or is not what the hub announced; the signal's reason; the system's error if
 *   the cache cannot be written
 */
export async function downloadFile(
  hub: Hub,
  cache: RepositoryCache,
  file: string,
  remote: RemoteFile,
  started: () => void,
  loaded: Loaded,
): Promise<void> {
  const { force } = hub.settings;
  await cache.prepare(remote.commit, file);
  const download = async () => {
    if (!force && (await cache.fits(remote, file))) return true; // another process has been quicker
    const isNew = force || !(await cache.hasBlob(remote));
    if (isNew) {
      started();
      if (!(await downloadBlob(hub, cache, file, remote, loaded))) return false;
    }
    await cache.addToSnapshot(remote.etag, remote.commit, file, isNew);
    return true;
  };
  while (!(await withLock(cache.lock(remote.etag), hub.signal, download)));
}

/** Whether the blob is there; false: this process stood still, and another took over what it had received. */
async function downloadBlob(
  hub: Hub,
  cache: RepositoryCache,
  file: string,
  remote: RemoteFile,
  loaded: Loaded,
): Promise<boolean> {
  const blob = cache.blob(remote.etag);
  const own = ownPart(blob);
  if (!hub.settings.force) await claimPart(blob, own);
  // For writing at any position, neither cut off nor required to exist.
  const handle = await open(own, constants.O_RDWR | constants.O_CREAT);
  try {
    await receive(hub, file, remote, new Download(hub, file, remote, handle, loaded), handle, dirname(own));
    if ((await stat(own).catch(() => null)) === null) return false;
    await rename(own, blob);
    return true;
  } catch (error) {
    // A part that cannot grow is of no use, and others need the space.
    if (isFull(error)) await rm(own, { force: true }).catch(() => {});
    else await letPartGo(blob, own).catch(() => {});
    throw error;
  } finally {
    await handle.close();
  }
}

/** Receives a file until it has the right hash. */
async function receive(
  hub: Hub,
  file: string,
  remote: RemoteFile,
  download: Download,
  handle: FileHandle,
  folder: string,
): Promise<void> {
  await download.resume((await handle.stat()).size, folder);
  for (let attempt = 1; ; attempt++) {
    await download.finish();
    const problem = await damage(handle, download.position, remote.etag, remote.size, hub.signal);
    if (problem === null) break;
    await download.restart();
    // The first mismatch may come from an old partial file or from the transfer; a second one is in the server's file.
    if (attempt === 2) throw new HubError(`${hub.model.id}: ${file}: ${problem}; it was downloaded twice and deleted`);
  }
  await handle.sync();
}

/** A file on its way into a file. */
class Download {
  /** How many bytes are there, all of them in order. */
  position = 0;
  private farthest = 0;
  private readonly hub: Hub;
  private readonly file: string;
  private readonly remote: RemoteFile;
  private readonly handle: FileHandle;
  private readonly loaded: Loaded;

  constructor(hub: Hub, file: string, remote: RemoteFile, handle: FileHandle, loaded: Loaded) {
    this.hub = hub;
    this.file = file;
    this.remote = remote;
    this.handle = handle;
    this.loaded = loaded;
  }

  /** Starts from what is there already, unless that is more than the file has; sees whether the rest has room. */
  async resume(bytes: number, folder: string): Promise<void> {
    const { size } = this.remote;
    this.position = bytes;
    if (size === null) return;
    if (bytes > size) await this.restart();
    const { blocks, bavail, bsize } = await statfs(folder).catch(() => ({ blocks: 0, bavail: 0, bsize: 0 }));
    // Some file systems do not know their size.
    if (blocks > 0 && size - this.position > bavail * bsize) {
      const message = `ENOSPC: ${size - this.position} bytes are needed, ${bavail * bsize} are free, in '${folder}'`;
      throw Object.assign(new Error(message), { code: "ENOSPC", syscall: "statfs" });
    }
  }

  async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.position = 0;
  }

  /** Receives what is missing, however often the connection breaks. */
  async finish(): Promise<void> {
    const { size } = this.remote;
    await this.hub.retrying(async (progressed) => {
      if (size !== null && this.position === size) return this.loaded(size, size);
      const response = await this.open();
      const total = size ?? announcedTotal(response);
      for await (const chunk of this.chunksOf(response)) {
        await this.write(chunk);
        if (this.position > this.farthest) {
          this.farthest = this.position;
          progressed();
        }
        if (size !== null && this.position > size) return; // its hash will not be right
        this.loaded(this.position, total);
      }
      if (total !== null && this.position < total) {
        throw this.broken(`the answer ended after ${this.position} of ${total} bytes`);
      }
    });
  }

  /** A response's bytes; its failures, and not those of who reads them, as `HubError`s. */
  private async *chunksOf(response: IncomingMessage): AsyncGenerator<Uint8Array> {
    try {
      yield* response;
    } catch (cause) {
      this.hub.signal?.throwIfAborted();
      throw this.broken(`the connection broke after ${this.position} bytes (${(cause as Error).message})`, cause);
    } finally {
      response.destroy();
    }
  }

  /** The rest of the file as a response, or all of it where the server will not give a part. */
  private async open(): Promise<IncomingMessage> {
    const { hub, file, remote } = this;
    try {
      const response = await hub.open(file, remote, this.position);
      const isPart = response.statusCode === 206;
      if (isPart && !startsAt(response, this.position)) {
        response.destroy();
        await this.restart();
        return await hub.open(file, remote, 0);
      }
      if (!isPart && this.position > 0) await this.restart();
      return response;
    } catch (error) {
      // "Range not satisfiable": what is there is longer than the file, or as long with its size unknown.
      if (!(error instanceof HubError && error.status === 416 && this.position > 0)) throw error;
      await this.restart();
      return hub.open(file, remote, 0);
    }
  }

  private async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.handle.write(chunk, done, chunk.length - done, this.position);
      done += bytesWritten;
      this.position += bytesWritten;
    }
  }

  private broken(reason: string, cause?: unknown): HubError {
    return new HubError(`${this.hub.model.id}: ${this.file}: ${reason}`, { transient: true, cause });
  }
}

/** How many bytes the whole file has, as a response's headers say. */
function announcedTotal({ headers, statusCode }: IncomingMessage): number | null {
  const text = statusCode === 206 ? /\/(\d+)$/.exec(headers["content-range"] ?? "")?.[1] : headers["content-length"];
  return text === undefined ? null : Number(text);
}

function startsAt({ headers }: IncomingMessage, position: number): boolean {
  return new RegExp(`^bytes ${position}-`).test(headers["content-range"] ?? "");
}
