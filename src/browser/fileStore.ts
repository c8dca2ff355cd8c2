/**
 * What a browser keeps of models: entries of the cache `plainbert` of its Cache API, which pages, workers and tabs of
 * one origin share. A file is kept in parts, so that no entry is large, the page never puts a whole file together, and
 * a download goes on at the part where it stopped:
 *
 *     <key>&part=0, <key>&part=1, …    PART_BYTES each, the last one the rest
 *     <key>                            its size, as JSON: all parts are there, and were what the hub announced
 *     <key of a model>                 which files it had when it was last opened (`ModelNote`)
 *
 * The keys are addresses that are never fetched.
 */
import { type Json, parseJson } from "../json.ts";
import { sizeOf } from "../load/blobs.ts";

/** 8 MiB: what a connection that breaks costs at most; a large model, 1.3 GB, has 160. */
export const PART_BYTES: number = 1 << 23;

const NAME = "plainbert";

export class FileStore {
  /**
   * null where the browser has no Cache API or does not let us use it: then everything is in memory, or on disk as
   * blobs are.
   */
  private readonly cache: Cache | null;
  /** Whether entries can still be added. */
  private writable: boolean;
  /** The files that were looked for and found. Firefox copies each part. */
  private readonly found = new Map<string, Blob[]>();

  private constructor(cache: Cache | null) {
    this.cache = cache;
    this.writable = cache !== null;
  }

  /** Secure pages have the Cache API: https, and http on this machine. */
  static async open(): Promise<FileStore> {
    try {
      return new FileStore(await globalThis.caches.open(NAME));
    } catch {
      return new FileStore(null); // there is none, or the user forbids to keep anything
    }
  }

  /** All parts of a file that is kept; null if it is not. */
  async file(key: string): Promise<Blob[] | null> {
    const found = this.found.get(key);
    if (found) return found;
    const size = await this.note(key, (json) => json.asInteger());
    if (size === null) return null;
    const parts = await this.parts(key);
    if (sizeOf(parts) !== size) return null;
    this.found.set(key, parts);
    return parts;
  }

  /** The first parts of a file, as many as there are without a gap. */
  async parts(key: string): Promise<Blob[]> {
    const parts: Blob[] = [];
    for (;;) {
      const part = await this.blob(partKey(key, parts.length));
      if (!part) return parts;
      parts.push(part);
      if (part.size < PART_BYTES) return parts;
    }
  }

  /**
   * Keeps a part.
   *
   * @returns its bytes as they are kept; or in memory, where there is no room
   */
  async addPart(key: string | null, n: number, bytes: Uint8Array<ArrayBuffer>): Promise<Blob> {
    if (key !== null && this.writable) {
      try {
        await this.cache?.put(partKey(key, n), new Response(bytes));
        const kept = await this.blob(partKey(key, n));
        if (kept?.size === bytes.length) return kept;
      } catch (error) {
        this.writable = false;
        console.warn(`plainbert: the browser keeps no more of this model, and will fetch it again: ${error}`);
      }
    }
    return new Blob([bytes]);
  }

  /** Deletes a file, or what there is of it. */
  async remove(key: string): Promise<void> {
    this.found.delete(key);
    const drop = async (name: string) => (await this.cache?.delete(name).catch(() => false)) ?? false;
    await drop(key);
    for (let n = 0; await drop(partKey(key, n)); n++);
  }

  /** What was noted under a key; null if nothing was, or nothing that `read` takes. */
  async note<Value>(key: string, read: (json: Json) => Value): Promise<Value | null> {
    try {
      const text = await (await this.match(key))?.text();
      return text === undefined ? null : read(parseJson(text, key, "ERR_FILE"));
    } catch {
      return null; // others can write there too; it is fetched and noted again
    }
  }

  async setNote(key: string, value: unknown): Promise<void> {
    // Without a note it is requested again
    if (this.writable) await this.cache?.put(key, Response.json(value)).catch(() => {});
  }

  /** undefined too where the browser has lost it. */
  private async blob(key: string): Promise<Blob | undefined> {
    return (await this.match(key))?.blob().catch(() => undefined);
  }

  /** undefined too where the browser does not let us look. */
  private async match(key: string): Promise<Response | undefined> {
    return this.cache?.match(key).catch(() => undefined);
  }
}

function partKey(key: string, n: number): string {
  return `${key}&part=${n}`;
}
