import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { isLink, orFileError } from "../disk/files.ts";
import { type BertError, fileError } from "../errors.ts";
import { WEIGHTS } from "../hub/wantedFiles.ts";
import { noWeights, ONNX, OPEN_WEIGHTS } from "./noWeights.ts";

/** The error for a folder without weights that are read, which says what is there in their place. */
export async function missingWeights(folder: string): Promise<BertError> {
  const names = await orFileError(OPEN_WEIGHTS, folder, readdir(folder));
  for (const name of WEIGHTS) {
    const broken = await brokenLink(join(folder, name));
    if (broken) return broken;
  }
  const inOnnx = names.includes(ONNX) ? await readdir(join(folder, ONNX)).catch(() => []) : [];
  return noWeights(folder, names, inOnnx);
}

/** The error for a link to a file that is not there, as in a cache that was copied in part; null: it is none. */
export async function brokenLink(path: string): Promise<BertError | null> {
  if (!(await isLink(path))) return null;
  const target = await orFileError("openFile", path, readlink(path));
  return fileError("openFile", path, `is a broken link, to ${target}`);
}
