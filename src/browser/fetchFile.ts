import { HubError } from "../hub/hubError.ts";
import { RETRIES, retrying } from "../hub/retry.ts";
import { sizeOf } from "../load/blobs.ts";
import { PART_BYTES } from "./fileStore.ts";
import type { Hash } from "./hash.ts";
import { absorb, type Fetching, hashFor, keptFile } from "./keptFile.ts";
import type { WebFile } from "./places.ts";
import { type Answer, lengthOf, request } from "./request.ts";

/**
 * The parts of one file: those that are kept and are what the server announced, else fetched. Tabs and workers that
 * want the same file at the same time fetch it once.
 *
 * @throws HubError the file cannot be had, or is not what the hub announced; the signal's reason
 */
export async function fetchFile(
  file: string,
  remote: WebFile,
  fetching: Fetching,
): Promise<{ readonly parts: Blob[]; readonly wasKept: boolean }> {
  const { key } = remote;
  const { store, progress, signal } = fetching;
  const fetchIt = async () => {
    const kept = await keptFile(file, remote, fetching);
    if (kept && kept.damage === null && !fetching.force) {
      progress.cached(file, sizeOf(kept.parts));
      return { parts: kept.parts, wasKept: true };
    }
    if (key !== null && (kept || fetching.force)) await store.remove(key);
    progress.step("initiate", file);
    progress.step("download", file);
    const parts = await new Download(file, remote, fetching).parts();
    progress.loaded(file, sizeOf(parts), sizeOf(parts));
    progress.done(file);
    return { parts, wasKept: false };
  };
  if (key === null || !globalThis.navigator?.locks) return fetchIt();
  return navigator.locks.request(`plainbert ${key}`, { ...(signal && { signal }) }, fetchIt);
}

/** A file on its way into parts. */
class Download {
  private readonly file: string;
  private readonly remote: WebFile;
  private readonly fetching: Fetching;
  private done: Blob[] = [];
  /** The part that is arriving. */
  private buffer = new Uint8Array(PART_BYTES);
  private filled = 0;
  private hash: Hash | null = null;
  private farthest = 0;

  constructor(file: string, remote: WebFile, fetching: Fetching) {
    this.file = file;
    this.remote = remote;
    this.fetching = fetching;
  }

  async parts(): Promise<Blob[]> {
    const { remote, fetching } = this;
    const { store } = fetching;
    await this.resume();
    for (let attempt = 1; ; attempt++) {
      await retrying(
        (progressed) => this.receive(progressed),
        () => RETRIES,
        fetching.wait,
        fetching.signal,
      );
      const problem = this.damage();
      if (problem === null) break;
      await this.restart();
      // The first mismatch may come from an old partial file or from the transfer; a second one is in the server's
      // file.
      if (attempt === 2) throw this.error(`${problem}; it was downloaded twice and deleted`);
    }
    if (remote.key !== null) await store.setNote(remote.key, this.position);
    return this.done;
  }

  /** How many bytes are there. */
  private get position(): number {
    return sizeOf(this.done) + this.filled;
  }

  /** Starts with the parts that are kept. */
  private async resume(): Promise<void> {
    const { key, size } = this.remote;
    this.startHash();
    if (key === null) return;
    const parts = await this.fetching.store.parts(key);
    if (size !== null && sizeOf(parts) > size) return this.restart();
    for (const part of parts) {
      const isFull = part.size === PART_BYTES || sizeOf([...this.done, part]) === size;
      if (!isFull) return; // what comes after it would not be found again
      if (!(await absorb(part, this.hash, this.fetching.signal))) return this.restart();
      this.done.push(part);
    }
  }

  private async restart(): Promise<void> {
    if (this.remote.key !== null) await this.fetching.store.remove(this.remote.key);
    this.done = [];
    this.filled = 0;
    this.startHash();
  }

  private startHash(): void {
    const { hash, size } = this.remote;
    this.hash = hash && hashFor(hash, size);
  }

  /** Receives what is missing, as long as the connection lasts. */
  private async receive(progressed: () => void): Promise<void> {
    const { progress } = this.fetching;
    const { size } = this.remote;
    if (size !== null && this.position === size) return;
    const answer = await this.open();
    const rest = lengthOf(answer.headers);
    const total = size ?? (rest === null ? null : this.position + rest);
    for await (const chunk of answer.chunks()) {
      this.hash?.update(chunk);
      await this.add(chunk);
      if (this.position > this.farthest) {
        this.farthest = this.position;
        progressed();
      }
      if (size !== null && this.position > size) break; // it is not what was announced
      progress.loaded(this.file, Math.min(this.position, total ?? 0), total);
    }
    if (size !== null && this.position < size)
      throw this.error(`the answer ended after ${this.position} of ${size} bytes`, { transient: true });
    if (this.filled > 0 || this.done.length === 0) await this.flush();
  }

  /** The rest of the file, or all of it where the server gives no part or the file is another one by now. */
  private async open(): Promise<Answer> {
    const { position } = this;
    if (position > 0) {
      const answer = await this.ask({ range: `bytes=${position}-` });
      const range = answer.headers.get("content-range");
      const fits = answer.status === 206 && (range === null || range.startsWith(`bytes ${position}-`));
      if (fits && this.remote.isSame(answer.headers)) return answer;
      if (![200, 206, 416].includes(answer.status)) {
        answer.cancel();
        throw this.remote.refused(answer);
      }
      await this.restart();
      if (answer.status === 200) return answer;
      answer.cancel();
    }
    const answer = await this.ask({});
    if (answer.status === 200) return answer;
    answer.cancel();
    throw this.remote.refused(answer);
  }

  private ask(headers: Readonly<Record<string, string>>): Promise<Answer> {
    const { url, headers: own, isFolder: folder } = this.remote;
    return request({ method: "GET", url, headers: { ...own, ...headers }, signal: this.fetching.signal, folder });
  }

  private async add(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + PART_BYTES - this.filled);
      this.buffer.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === PART_BYTES) await this.flush();
    }
  }

  private async flush(): Promise<void> {
    const bytes = this.buffer.subarray(0, this.filled);
    this.done.push(await this.fetching.store.addPart(this.remote.key, this.done.length, bytes));
    this.filled = 0;
  }

  /** What is wrong with what has arrived, or null. */
  private damage(): string | null {
    const { size, hash, etag } = this.remote;
    if (size !== null && this.position !== size) return `must have ${size} bytes, has ${this.position}`;
    const digest = this.hash?.digest();
    return digest === undefined || digest === etag ? null : `must have the ${hash} ${etag}, has ${digest}`;
  }

  private error(sentence: string, details: { readonly transient?: boolean } = {}): HubError {
    return new HubError(`${this.remote.name}: ${sentence}`, { ...details, folder: this.remote.isFolder });
  }
}
