import { createHash } from "node:crypto";
import { appendFile, readdir, readFile, rename, rm } from "node:fs/promises";
import { availableParallelism, cpus, release, type } from "node:os";
import { join } from "node:path";
import { codeOf } from "../realm.ts";
import { exists, openFile, orFileError, writeFileAtomically } from "./files.ts";
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

/** Removes a file, if it is there. @throws BertError ERR_FILE */
export async function removeFile(path: string): Promise<void> {
  await orFileError(WHERE, path, rm(path, { force: true }));
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

/** How long a file is, and its SHA-256 in hexadecimal digits. */
export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * The digest of a file, or of its first bytes; of none where it is not there, or is shorter.
 *
 * @throws BertError ERR_FILE it cannot be read
 */
export async function digestOfFile(path: string, bytes?: number): Promise<FileDigest> {
  const hash = createHash("sha256");
  if (!(await exists(path))) return { bytes: 0, sha256: hash.digest("hex") };
  const file = await openFile(path);
  try {
    const end = bytes ?? file.size;
    if (end > file.size) return { bytes: 0, sha256: hash.digest("hex") };
    const chunk = new Uint8Array(Math.min(end, 1 << 20));
    for (let at = 0; at < end; at += chunk.length) {
      const part = chunk.subarray(0, end - at);
      await file.read(part, at);
      hash.update(part);
    }
    return { bytes: end, sha256: hash.digest("hex") };
  } finally {
    await file.close();
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
