import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

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
  const name = { 64: "sha256", 40: "sha1" }[/^[0-9a-f]+$/.test(etag) ? etag.length : 0];
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
