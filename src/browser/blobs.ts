import { BertError } from "../errors.ts";
import { messageOf } from "../realm.ts";
import type { RandomAccess } from "../safetensors/safetensorsReader.ts";

/**
 * A file that is in parts, one after the other. The browser keeps large ones on disk, and bytes come into memory when
 * `read` needs them.
 */
export function openParts(parts: readonly Blob[], name: string): RandomAccess {
  const ends: number[] = [];
  for (const { size } of parts) ends.push((ends.at(-1) ?? 0) + size);
  const size = ends.at(-1) ?? 0;
  return {
    name,
    size,
    async read(target, position) {
      if (position + target.length > size) throw unreadable(name, `ends before byte ${position + target.length}`);
      let n = ends.findIndex((end) => end > position);
      for (let done = 0; done < target.length; n++) {
        const start = position + done - (ends[n] - parts[n].size);
        const bytes = await bytesOf(parts[n].slice(start, start + target.length - done), name);
        target.set(bytes, done);
        done += bytes.length;
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
  const bytes = await bytesOf(new Blob([...parts]), name);
  try {
    // A byte order mark is kept, as Python keeps it, for the parser of the text to judge.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw unreadable(name, "must be UTF-8", cause);
  }
}

async function bytesOf(blob: Blob, name: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw unreadable(name, `the browser no longer has it: ${messageOf(cause)}`, cause);
  }
}

function unreadable(name: string, reason: string, cause?: unknown): BertError {
  return new BertError("ERR_FILE", `fetch: ${name}: ${reason}`, cause === undefined ? {} : { cause });
}
