/** Files that are `Blob`s, which every platform has: in memory, or on a disk from where bytes come as they are read. */
import { fileError } from "../errors.ts";
import { messageOf } from "../realm.ts";
import type { RandomAccess } from "../safetensors/safetensorsReader.ts";

/** So many bytes are asked for at once: they are in memory beside what they are read into. */
const MOST = 1 << 23;

/** A file that is in parts, one after the other, which are read piece by piece. */
export function openParts(parts: readonly Blob[], name: string): RandomAccess {
  const ends: number[] = [];
  for (const { size } of parts) ends.push((ends.at(-1) ?? 0) + size);
  const size = ends.at(-1) ?? 0;
  return {
    name,
    size,
    async read(target, position) {
      const end = position + target.length;
      if (end > size) throw fileError("read", name, `ends at byte ${size}, before byte ${end}`);
      let n = ends.findIndex((after) => after > position);
      for (let at = position; at < end; ) {
        const start = ends[n] - parts[n].size;
        const stop = Math.min(end, ends[n], at + MOST);
        target.set(await bytesOf(parts[n].slice(at - start, stop - start), stop - at, name), at - position);
        at = stop;
        while (ends[n] === at) n++;
      }
    },
    async close() {},
  };
}

/** The bytes of all parts together. */
export function sizeOf(parts: readonly Blob[]): number {
  return parts.reduce((bytes, { size }) => bytes + size, 0);
}

/** @throws BertError ERR_FILE it cannot be read, or is not UTF-8 */
export async function textOf(parts: readonly Blob[], name: string): Promise<string> {
  const file = openParts(parts, name);
  const bytes = new Uint8Array(file.size);
  await file.read(bytes, 0);
  try {
    // A byte order mark is kept, as Python keeps it, for the parser of the text to judge.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fileError("readText", name, "is not UTF-8 text", cause);
  }
}

/** @throws BertError ERR_FILE what it stands for was changed or deleted */
async function bytesOf(blob: Blob, length: number, name: string): Promise<Uint8Array> {
  const bytes = await blob.arrayBuffer().catch((cause: unknown) => {
    throw fileError("read", name, `can no longer be read: ${messageOf(cause)}`, cause);
  });
  if (bytes.byteLength === length) return new Uint8Array(bytes);
  throw fileError("read", name, "can no longer be read: it has become shorter");
}
