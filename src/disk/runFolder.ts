import { appendFile, readdir, readFile, rename, rm } from "node:fs/promises";
import { availableParallelism, cpus, release, type } from "node:os";
import { join } from "node:path";
import { codeOf } from "../realm.ts";
import { orFileError, writeFileAtomically } from "./files.ts";
import { temporaryPath } from "./processes.ts";

const WHERE = "runFolder";

/** The names in a folder, sorted; none if there is no such folder. @throws BertError ERR_FILE it cannot be read */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    return orFileError(WHERE, folder, Promise.reject(error));
  }
}

/**
 * Removes a folder with everything in it. It first loses its name, so that a process that is killed meanwhile does not
 * leave a part of it under that (but `.NAME.….old`).
 *
 * @throws BertError ERR_FILE
 */
export async function removeFolder(folder: string): Promise<void> {
  const old = temporaryPath(folder, "old");
  await orFileError(WHERE, folder, rename(folder, old));
  await orFileError(WHERE, folder, rm(old, { recursive: true, force: true }));
}

/** Adds text to the end of a file, which is made if it is not there. @throws BertError ERR_FILE */
export async function appendText(path: string, text: string): Promise<void> {
  await orFileError(WHERE, path, appendFile(path, text));
}

/** The text of a file, "" if there is none. @throws BertError ERR_FILE it cannot be read */
export async function textOrNone(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    return orFileError(WHERE, path, Promise.reject(error));
  }
}

/** Writes texts into a folder, each atomically, in order. @throws BertError ERR_FILE */
export async function writeTexts(folder: string, texts: Readonly<Record<string, string>>): Promise<void> {
  const encoder = new TextEncoder();
  for (const [name, text] of Object.entries(texts)) {
    await writeFileAtomically(join(folder, name), [encoder.encode(text)]);
  }
}

/** The processor, how many of its threads may be used, the system and the engine. */
export function machineName(): string {
  const processor = cpus()[0]?.model.trim() || "unknown processor";
  return `${processor}, ${availableParallelism()} threads, ${type()} ${release()}, Node ${process.versions.node}`;
}
