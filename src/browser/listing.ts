import { isCommit } from "../hub/modelId.ts";
import { type Json, parseJson } from "../json.ts";

/** What a place says of one file; JSON, as it is noted beside the files. */
export interface FileNote {
  /**
   * A hub's hash of the file: sha256 of a large one, git's sha1 of a small one. Another server's mark of the file's
   * state.
   */
  readonly etag: string | null;
  /** The size in bytes; null if the server does not say. */
  readonly size: number | null;
}

/** 64 MiB: models on the hub have at most 100,000 files, each of 300 bytes here. */
export const LONGEST_LIST: number = 1 << 26;

/**
 * What `/api/models/…?blobs=true` says: `{ sha, siblings: [{ rfilename, size, blobId, lfs: { sha256, size } }] }`. Each
 * entry is read when its file is wanted.
 *
 * @throws BertError ERR_HUB it is none
 */
export function parseListing(text: string): { readonly commit: string; readonly files: ReadonlyMap<string, Json> } {
  const json = parseJson(text, "the list", "ERR_HUB");
  const commit = json.get("sha").asString();
  if (!isCommit(commit)) throw json.get("sha").error("a commit's 40 digits");
  const siblings = json.get("siblings").items();
  if (siblings.length === 0) throw json.get("siblings").error("files");
  return { commit, files: new Map(siblings.map((file) => [file.get("rfilename").asString(), file])) };
}

/** An entry of the list. @throws BertError ERR_HUB it has no hash or no size */
export function noteOf(file: Json): FileNote {
  const lfs = file.get("lfs");
  const [hash, size] = lfs.isMissing
    ? [file.get("blobId"), file.get("size")]
    : [lfs.get("sha256"), lfs.get("size").isMissing ? file.get("size") : lfs.get("size")];
  const digits = lfs.isMissing ? 40 : 64;
  const etag = hash.asString();
  if (etag.length !== digits || !/^[0-9a-f]+$/.test(etag)) throw hash.error(`a hash of ${digits} digits`);
  return { etag, size: size.asInteger() };
}
