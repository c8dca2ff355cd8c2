import { mkdir, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { fileError } from "../errors.ts";
import { codeOf } from "../realm.ts";
import { orFileError, syncFolder, throughLinks } from "./files.ts";
import { makeFolder } from "./makeFolder.ts";
import { temporaryPath } from "./processes.ts";

const WHERE = "writeFolder";

/**
 * Makes a model's folder completely or not at all: `fill` writes into a temporary folder beside it, which takes the
 * name `to` when everything is there. A failure removes the temporary folder; a killed process leaves it
 * (`.NAME.….tmp`), and what stood at `to` as it was, or as `.NAME.….replaced`: see `removeLeftovers`.
 *
 * @param to    the path; of a link the target is written (`throughLinks`)
 * @param force replace a folder that holds a model, with everything in it
 * @throws BertError ERR_FILE `to` is there and neither an empty folder nor, with `force`, a model's; or cannot be
 *   written. What `fill` throws
 */
export async function writeFolder(to: string, fill: (folder: string) => Promise<void>, force = false): Promise<void> {
  const path = await throughLinks(to);
  const there = await contents(path);
  if (there && there.length > 0 && !force) throw fileError(WHERE, path, "must be empty or not there, is neither");
  if (there && there.length > 0 && !there.some((name) => /^(bert_)?config\.json$/.test(name)))
    throw fileError(WHERE, path, "is replaced only if it holds a model, and there is no config.json in it");
  const temporary = temporaryPath(path, "tmp");
  await makeFolder(WHERE, dirname(path), dirname(temporary));
  await orFileError(WHERE, path, mkdir(temporary));
  try {
    await fill(temporary);
    await syncFolder(temporary);
    if (there?.length === 0) await orFileError(WHERE, path, rmdir(path)); // Windows does not rename onto a folder
    if (!there || there.length === 0) {
      await orFileError(WHERE, path, rename(temporary, path));
      return await syncFolder(dirname(temporary));
    }
    const old = temporaryPath(path, "replaced");
    await orFileError(WHERE, path, rename(path, old));
    try {
      await orFileError(WHERE, path, rename(temporary, path));
    } catch (error) {
      await orFileError(WHERE, old, rename(old, path));
      throw error;
    }
    await orFileError(WHERE, old, rm(old, { recursive: true }));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {}); // the first error is the one to report
    throw error;
  }
}

/** Whether one of two folders is the other or lies in it, links followed; the second need not be there yet. */
export async function overlap(existing: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([existing, other].map(async (path) => `${await resolved(resolve(path))}${sep}`));
  return a.startsWith(b) || b.startsWith(a);
}

/** The real path of what exists of it, and the rest as it is. */
async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await resolved(parent), basename(path));
  }
}

/** The names in a folder; null if there is none. */
async function contents(path: string): Promise<string[] | null> {
  try {
    return await readdir(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    return orFileError(WHERE, path, Promise.reject(error));
  }
}
