import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { fileError } from "../errors.ts";
import { codeOf } from "../realm.ts";
import { systemError } from "./files.ts";

/**
 * Makes a folder and the missing ones above it, each by a call of its own. Node's `recursive` never ends where the
 * folder above is there and the system makes none in it, as in /proc. Of a disk that is read-only it says that there is
 * no such folder.
 *
 * @returns whether it was not there
 * @throws Node's error
 */
export async function makeFolders(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (codeOf(error) !== "ENOENT") return orUnlessThere(path, error);
    const above = dirname(path);
    if (above === path) throw error;
    await makeFolders(above);
  }
  // Once more, now that the folder above is there: what fails now fails for good.
  return mkdir(path).then(
    () => true,
    (error) => orUnlessThere(path, error),
  );
}

/** @returns false, where the folder is there: another process may have made it. @throws the error */
async function orUnlessThere(path: string, error: unknown): Promise<false> {
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!isFolder) throw error;
  return false;
}

/**
 * The same, with errors of ours.
 *
 * @param where  what errors begin with
 * @param folder the path that they name
 * @param target where that leads, through links
 * @returns whether it was not there
 * @throws BertError ERR_FILE it cannot be made
 */
export async function makeFolder(where: string, folder: string, target: string = folder): Promise<boolean> {
  try {
    return await makeFolders(target);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw systemError(where, folder, error);
    throw fileError(where, folder, "cannot be made: the system makes no folder of this name there", error);
  }
}
