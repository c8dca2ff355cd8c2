/**
 * The twin of `disk/files.ts` for browsers, as far as others need it: files are read by `fetch`, and none is written.
 */

import type { openFile as openFileOfNode } from "../disk/files.ts";
import { BertError } from "../errors.ts";
import { openParts } from "../load/blobs.ts";
import { refused, request } from "./request.ts";

/**
 * Fetches a file whole.
 *
 * @throws BertError ERR_FILE it cannot be had
 */
export const openFile: typeof openFileOfNode = async (path) => {
  const url = new URL(path, globalThis.location?.href);
  const answer = await request({ method: "GET", url, headers: {}, signal: undefined, folder: true });
  if (answer.status !== 200) {
    answer.cancel();
    throw refused(url, answer);
  }
  const parts: Blob[] = [];
  for await (const chunk of answer.chunks()) parts.push(new Blob([chunk as Uint8Array<ArrayBuffer>]));
  return openParts([new Blob(parts)], path);
};

/** What needs files of its own. */
export function noFiles(where: string, path: string): BertError {
  return new BertError("ERR_FILE", `${where}: ${path}: a browser has no files to write; it runs in Node, Deno and Bun`);
}
