import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BertError } from "../errors.ts";
import { orFileError, syncFolder } from "./files.ts";

/**
 * Writes a folder completely or not at all: into a temporary folder beside it, which takes the name `path` when `write` is done. A failure
 * removes the temporary folder; a killed process leaves it (`.NAME.….tmp`).
 *
 * @param path there must be nothing, or an empty folder
 * @param write fills the temporary folder, whose path it gets
 * @throws BertError ERR_FILE there is a file or a folder with something in it, or it cannot be written; what `write` throws
 */
export async function writeFolderAtomically(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const where = "writeFolderAtomically";
  const parent = dirname(join(path)); // join drops a slash at the end
  if ((await entriesOf(where, path)).length > 0)
    throw new BertError("ERR_FILE", `${where}: ${path}: must be new or an empty folder, has something in it`);
  const temporary = join(parent, `.${basename(path)}.${crypto.randomUUID()}.tmp`);
  await orFileError(where, path, mkdir(temporary));
  try {
    await write(temporary);
    await syncFolder(temporary);
    await rmdir(path).catch(() => {}); // not every system renames onto an empty folder
    await orFileError(where, path, rename(temporary, path));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {}); // the first error is the one to report
    throw error;
  }
  await syncFolder(parent);
}

/** The names in a folder, ascending; none if there is no such folder. */
async function entriesOf(where: string, path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    return orFileError(where, path, Promise.reject(error));
  }
}
