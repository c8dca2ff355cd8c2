import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";

/** The hash that a blob's name is: sha256 of large files (Git LFS), git's sha1 of small ones; null: neither. */
function hashOf(etag: string): "sha256" | "sha1" | null {
  if (!/^[0-9a-f]+$/.test(etag)) return null;
  return etag.length === 64 ? "sha256" : etag.length === 40 ? "sha1" : null;
}

/**
 * What is wrong with a file that has arrived, or null. The hub's entity tag is a hash of it: sha256 for large files
 * (Git LFS), git's sha1 of `blob <size>\0` and the content for small ones. Of another server's tags nothing but the
 * size can be checked.
 *
 * @param file the file, open for reading @param size its size here
 * @throws the system's error if the file cannot be read
 */
export async function damage(
  file: FileHandle,
  size: number,
  etag: string,
  expectedSize: number | null,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  if (expectedSize !== null && size !== expectedSize) return `must have ${expectedSize} bytes, has ${size}`;
  const name = hashOf(etag);
  if (!name) return null;
  const hash = createHash(name);
  if (name === "sha1") hash.update(`blob ${size}\0`);
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  const digest = hash.digest("hex");
  return digest === etag ? null : `must have the ${name} ${etag}, has ${digest}`;
}

/** `damage` of the file at a path; null too where it cannot be opened, which its reader reports. */
export async function damageAt(
  path: string,
  etag: string,
  expectedSize: number | null,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const handle = await open(path, "r").catch(() => null);
  if (handle === null) return null;
  try {
    return await damage(handle, (await handle.stat()).size, etag, expectedSize, signal);
  } finally {
    await handle.close();
  }
}
