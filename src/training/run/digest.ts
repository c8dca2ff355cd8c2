/** Numbers that are hashed at a time. */
const CHUNK = 1 << 20;

/**
 * A digest of lists of numbers, each by its length and its float64 values: SHA-256 of the SHA-256 of each chunk, in
 * hexadecimal digits.
 */
export async function digestOf(lists: Iterable<ArrayLike<number>>): Promise<string> {
  const digests: Uint8Array[] = [];
  let chunk = new Float64Array(CHUNK);
  let used = 0;
  const flush = async () => {
    digests.push(await sha256(new Uint8Array(chunk.buffer, 0, 8 * used)));
    used = 0;
  };
  for (const list of lists) {
    if (used > 0 && used + list.length + 1 > chunk.length) await flush();
    if (list.length + 1 > chunk.length) chunk = new Float64Array(list.length + 1);
    chunk[used++] = list.length;
    chunk.set(list, used);
    used += list.length;
  }
  await flush();
  const all = new Uint8Array(32 * digests.length);
  for (const [i, digest] of digests.entries()) all.set(digest, 32 * i);
  return Array.from(await sha256(all), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
