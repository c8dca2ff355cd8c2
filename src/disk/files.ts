/** Files and folders on disk, by Node's modules, which Deno and Bun have too. Nothing in a browser imports it. */
import { existsSync } from "node:fs";
import { type FileHandle, lstat, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { BertError, fileError } from "../errors.ts";
import { codeOf, has, messageOf } from "../realm.ts";
import type { RandomAccess } from "../safetensors/safetensorsReader.ts";
import { temporaryPath } from "./processes.ts";
import { ReadQueue } from "./readQueue.ts";

/** More than 2^31 − 1 bytes in one call is an error in Node. */
const MAX_READ = 1 << 30;

/**
 * Opens a file for reading at any position.
 *
 * @throws BertError ERR_FILE naming the path and the reason: missing, a folder, no permission, tensors that a command
 *   has not finished; from `read` if the file ends early
 */
export async function openFile(path: string): Promise<RandomAccess> {
  // Before opening: a named pipe would block there until a process writes to it.
  const { size } = await expectFile("openFile", path);
  if (path.endsWith(".safetensors.partial") && (await exists(`${path}.json`)))
    throw fileError("openFile", path, "is unfinished: the command that made it goes on when it is given again");
  const handle = await orFileError("openFile", path, open(path, "r"));
  const queue = new ReadQueue(path, (targets, at) => orFileError("read", path, readParts(handle, targets, at)));
  return {
    name: path,
    size,
    read: (target, position) => queue.read(target, position),
    async close() {
      await handle.close(); // again: nothing happens
    },
  };
}

/** Fills the targets, or the first of them: Yarn's FileHandle, which reads within archives, has a readv that throws. */
async function readParts(handle: FileHandle, targets: readonly Uint8Array[], position: number) {
  try {
    if (targets.length > 1) return await handle.readv(targets, position);
  } catch (error) {
    if (codeOf(error) !== undefined) throw error; // the system's
  }
  return handle.read(targets[0], 0, targets[0].length, position);
}

/**
 * Where a path that is to be written leads: through symbolic links to their target, which need not be there yet. So the
 * target is replaced and the link stays. A path that is no link comes back as it is.
 *
 * @throws BertError ERR_FILE links that lead in a circle, or to a blob of the hub's cache, which must stay what its
 *   name, a hash, says
 */
export async function throughLinks(path: string): Promise<string> {
  if (!(await isLink(path))) return path;
  if (await exists(path)) {
    const target = await orFileError("write", path, realpath(path));
    if (!BLOB.test(target)) return target;
    throw fileError("write", path, "is a link to a file of the hub's cache, which must stay as it is");
  }
  const folder = await orFileError("write", path, realpath(dirname(path))); // `..` in a link is that of the real folder
  return throughLinks(resolve(folder, await orFileError("write", path, readlink(path))));
}

/** As Python's huggingface_hub names them. */
const BLOB = /[\\/]blobs[\\/][\da-f]{40,64}$/;

/** Whether a path is a symbolic link; false if it cannot be told. */
export async function isLink(path: string): Promise<boolean> {
  return lstat(resolve(path)).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
}

/**
 * Writes a file completely or not at all: into a temporary file of the same folder, which takes the name `path` only
 * when everything is on the disk. So readers and a crash find the old file or the new one. A failure removes the
 * temporary file; a killed process leaves it (`.NAME.….tmp`, see `removeLeftovers`), and the old file as it was. Of a
 * link the target is written (`throughLinks`).
 *
 * @param chunks the content, piece by piece; each is written before the next is read
 * @throws BertError ERR_FILE naming the path and the reason (disk full, no permission, …); what `chunks` throws
 */
export async function writeFileAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const where = "writeFileAtomically";
  const target = await throughLinks(path);
  const temporary = temporaryPath(target, "tmp");
  const handle = await orFileError(where, path, open(temporary, "wx"));
  try {
    try {
      for await (const chunk of chunks) await orFileError(where, path, writeFully(handle, chunk));
      await orFileError(where, path, handle.sync());
    } finally {
      await orFileError(where, path, handle.close());
    }
    await orFileError(where, path, rename(temporary, target));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // the first error is the one to report
    throw error;
  }
  await syncFolder(dirname(target));
}

/**
 * The text of a file.
 *
 * @throws BertError ERR_FILE it is missing, cannot be read, does not fit into memory, or is not UTF-8
 */
export async function readText(path: string): Promise<string> {
  const file = await openFile(path);
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(file.size);
    await file.read(bytes, 0);
  } catch (cause) {
    throw cause instanceof BertError ? cause : fileError("readText", path, "does not fit into memory", cause);
  } finally {
    await file.close();
  }
  try {
    // A byte order mark is kept, as Python keeps it, for the parser of the text to judge.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fileError("readText", path, "is not UTF-8 text", cause);
  }
}

/** The text of a file; null if there is none. @throws BertError ERR_FILE it cannot be read, or is not UTF-8 */
export async function textOf(path: string): Promise<string | null> {
  return (await exists(path)) ? readText(path) : null;
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await handle.write(bytes, done, Math.min(MAX_READ, bytes.length - done))).bytesWritten;
}

/** Makes a rename survive a power cut. Windows cannot open a folder, and some file systems cannot sync one. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch {
    // The file itself is complete and in place; only how soon the folder reaches the disk is left to the system.
  }
}

/** Whether there is anything under a path. @throws BertError ERR_FILE that cannot be told */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw systemError("stat", path, error);
  }
}

async function expectFile(where: string, path: string): Promise<{ size: number }> {
  const stats = await orFileError(where, path, stat(path));
  if (stats.isDirectory()) throw fileError(where, path, "must be a file, is a folder");
  if (!stats.isFile()) throw fileError(where, path, "must be a file, is a device, a pipe or a socket");
  return stats;
}

/**
 * What an operation on a file gives.
 *
 * @throws BertError ERR_FILE in place of Node's errors, naming the path and the reason
 */
export async function orFileError<T>(where: string, path: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    throw systemError(where, path, cause);
  }
}

/** An error of Node's, as one of ours. */
export function systemError(where: string, path: string, cause: unknown): BertError {
  const isUnmade = codeOf(cause) === "ENOENT" && WRITING.includes(where);
  return fileError(where, path, isUnmade ? whyUnmade(path, cause) : reasonOf(cause), cause);
}

const WRITING: readonly string[] = ["write", "writeFileAtomically"];

/** Why there is "no such file" where one is written: that need not be there, but its folder must. */
function whyUnmade(path: string, cause: unknown): string {
  // Of a link, the system names a file beside its target.
  const named = has(cause, "path") && typeof cause.path === "string" ? cause.path : path;
  for (const folder of [dirname(path), dirname(named)]) if (!existsSync(folder)) return `there is no folder ${folder}`;
  if (has(cause, "syscall") && cause.syscall === "rename") return "was removed while it was being written";
  return `the folder ${dirname(named)} is there, but the system makes no file of this name in it`;
}

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ["ENOENT", "no such file or folder"],
  ["ENOTDIR", "a part of the path is a file, not a folder"],
  ["EEXIST", "is a file, not a folder"], // of mkdir; files are made under names that nobody has
  ["EISDIR", "is a folder, not a file"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EROFS", "the disk is read-only"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "the file would be larger than the system allows; ulimit -f tells how large"],
  ["EMFILE", "too many open files; ulimit -n tells how many"],
  ["ENFILE", "too many open files in the whole system"],
  ["ENOTEMPTY", "there is something in it"],
  ["ELOOP", "links that lead in a circle"],
  ["ENAMETOOLONG", "a name in the path is too long"],
]);

function reasonOf(error: unknown): string {
  return REASONS.get(codeOf(error)) ?? messageOf(error);
}
