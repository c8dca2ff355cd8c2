import type { Json } from "../json.ts";
import { Hash } from "./hash.ts";
import type { FileNote } from "./listing.ts";

/** Which files a model had when it was last opened; `null`: it had no such file. */
export interface ModelNote {
  readonly commit: string | null;
  readonly files: Readonly<Record<string, FileNote | null>>;
}

/**
 * What was noted of a model.
 *
 * @throws BertError it is no such note, or has been altered: it would give one file for another
 */
export function readNote(json: Json): ModelNote {
  const commit = json.get("commit").or(null, (text) => text.asString());
  const noteOf = (file: Json): FileNote => ({
    etag: file.get("etag").or(null, (text) => text.asString()),
    size: file.get("size").or(null, (size) => size.asInteger()),
  });
  const entries = json.get("files").entries();
  const files = Object.fromEntries(entries.map(([name, file]) => [name, file.or(null, noteOf)]));
  const note = { commit, files };
  if (json.get("checksum").asString() !== checksumOf(note)) throw json.error("as it was noted");
  return note;
}

/** The SHA-256 of a note. */
export function checksumOf({ commit, files }: ModelNote): string {
  const hash = new Hash("sha256");
  hash.update(new TextEncoder().encode(JSON.stringify([commit, files])));
  return hash.digest();
}
