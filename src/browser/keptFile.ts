/** What a browser keeps of a file, as far as it is what the server announced. */
import type { Progress } from "../hub/progress.ts";
import type { Pause } from "../hub/retry.ts";
import { isAlwaysHashed } from "../hub/wantedFiles.ts";
import { sizeOf } from "../load/blobs.ts";
import type { FileStore } from "./fileStore.ts";
import { Hash, type HashName } from "./hash.ts";
import type { WebFile } from "./places.ts";

/** What a file is fetched with: the store that keeps it, the progress that reports it, the signal that stops it. */
export interface Fetching {
  readonly store: FileStore;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
  readonly wait: Pause;
  /** Whether what is kept is fetched again. */
  readonly force: boolean;
  /** Whether all that is kept is hashed, large weights too. */
  readonly hashesAll: boolean;
  /** Keys of files that were hashed before. */
  readonly whole: Set<string>;
}

/** A file that the browser keeps. */
export interface KeptFile {
  readonly parts: Blob[];
  /** What is not what the server announced, or null: nothing, as far as it was looked at. */
  readonly damage: string | null;
}

/** Looks at a file that the browser keeps; null: it keeps none. */
export async function keptFile(file: string, remote: WebFile, fetching: Fetching): Promise<KeptFile | null> {
  const { key, hash, size, etag } = remote;
  const parts = key === null ? null : await fetching.store.file(key);
  if (key === null || parts === null) return null;
  const bytes = sizeOf(parts);
  if (size !== null && bytes !== size) return { parts, damage: `must have ${size} bytes, has ${bytes}` };
  if (hash === null || fetching.whole.has(key)) return { parts, damage: null };
  if (!fetching.hashesAll && !isAlwaysHashed(file, bytes)) return { parts, damage: null };
  const digest = await digestOf(parts, hashFor(hash, bytes), fetching.signal);
  if (digest !== etag)
    return { parts, damage: `must have the ${hash} ${etag}, has ${digest ?? "bytes that cannot be read"}` };
  fetching.whole.add(key);
  return { parts, damage: null };
}

/** A hash, begun as the hub's hashes of files are. */
export function hashFor(name: HashName, size: number | null): Hash {
  const hash = new Hash(name);
  if (name === "sha1") hash.update(new TextEncoder().encode(`blob ${size}\0`)); // git's name of a file
  return hash;
}

/** null: the browser no longer has the bytes. */
async function digestOf(parts: readonly Blob[], hash: Hash, signal: AbortSignal | undefined): Promise<string | null> {
  for (const part of parts) if (!(await absorb(part, hash, signal))) return null;
  return hash.digest();
}

/** Whether the bytes of a part could be read; the hash has them then. */
export async function absorb(part: Blob, hash: Hash | null, signal: AbortSignal | undefined): Promise<boolean> {
  for (let at = 0; hash && at < part.size; at += 1 << 20) {
    signal?.throwIfAborted();
    const bytes = await part
      .slice(at, at + (1 << 20))
      .arrayBuffer()
      .catch(() => null);
    if (bytes === null) return false;
    hash.update(new Uint8Array(bytes));
  }
  return true;
}
