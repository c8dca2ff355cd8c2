import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BertError, fileError, quote } from "../errors.ts";
import { parseJson } from "../json.ts";
import { codeOf } from "../realm.ts";
import { systemError, throughLinks } from "./files.ts";
import { removeLeftovers } from "./leftovers.ts";
import { makeFolder } from "./makeFolder.ts";
import { type ProcessName, stateOf, temporaryPath, thisProcess } from "./processes.ts";

/** Who writes an output, as the lock's file says it. */
interface Holder extends ProcessName {
  /** When the lock was taken. */
  readonly taken: Date;
  /** No other lock has it. */
  readonly token: string;
}

export interface OutputLockOptions {
  /**
   * The lock of a process on another machine, of which nobody here can tell whether it runs, is taken over too. Default
   * false.
   */
  readonly restart?: boolean;
  /** What a user can do about such a lock, beside deleting it; such as "--restart begins anew". */
  readonly advice?: string;
  /** The folders above the output are made if they are not there. Default false. */
  readonly parents?: boolean;
}

/**
 * Holds an output, a file or a new folder, while some work writes it: no other process can take it meanwhile. The lock
 * is a file beside it, `.NAME.lock`, which names its process; of a link, beside its target (`throughLinks`). That of a
 * process that has ended, as one that was killed, is taken over. Then what killed processes have left beside the output
 * is removed.
 *
 * @param path the output
 * @throws BertError ERR_FILE another process holds it, naming that one; or the lock cannot be written; what `work`
 *   throws
 * @example
 * await withOutput("vectors.jsonl", {}, () => writeFile("vectors.jsonl", text));
 */
export async function withOutput<T>(path: string, options: OutputLockOptions, work: () => Promise<T>): Promise<T> {
  const target = resolve(await throughLinks(path));
  const lock = join(dirname(target), `.${basename(target)}.lock`);
  if (options.parents) await makeFolder("write", dirname(path), dirname(lock));
  const letGo = await takeLock(lock, path, options);
  try {
    await removeLeftovers(dirname(lock), basename(target));
    return await work();
  } finally {
    letGo();
  }
}

/**
 * The same for a folder into which files are written one after the other. The lock is a file in it, `.lock`. The folder
 * is made if it is not there, and is removed if it is as empty at the end.
 *
 * @throws BertError as `withOutput`
 */
export async function withOutputFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const isNew = await makeFolder("write", folder, await throughLinks(folder));
  try {
    const release = await takeLock(join(folder, LOCK), folder, {});
    try {
      await removeLeftovers(folder);
      return await work();
    } finally {
      release();
    }
  } finally {
    if (isNew) await rmdir(folder).catch(() => {}); // it is not empty
  }
}

/**
 * Most file systems take names of 255 bytes. The longest that is made from NAME has 83 more: that of the temporary file
 * of the lock by which the lock of an ended process is removed.
 */
const NAME_TOO_LONG = "the name is too long, as files beside it have longer ones: 170 bytes always fit";

/** The file in a folder that holds it. */
export const LOCK = ".lock";

/**
 * Makes the lock's file. One of a process that has ended is removed before, by one process alone: that which holds the
 * lock of that lock, under a name that no later lock has. So nobody removes a lock that was taken meanwhile.
 *
 * @param wait whether a process that holds it is waited for, as it does not take long
 * @returns what releases the lock
 */
async function takeLock(
  file: string,
  output: string,
  options: OutputLockOptions,
  wait: boolean = false,
): Promise<() => void> {
  const token = crypto.randomUUID();
  const text = `${JSON.stringify({ ...thisProcess(), taken: new Date(), token })}\n`;
  for (;;) {
    // Whoever stood still between the two may find another's.
    if (created(file, text, output) && tokenOf(holderOf(file, output)) === token) return held(file, token);
    const found = await settledHolderOf(file, output);
    if (found === null) continue; // it was released
    if (wait && found !== "unreadable" && stateOf(found, found.taken.getTime()) === "runs") {
      await sleep(5);
      continue;
    }
    expectEnded(found, file, output, options);
    const releaseTurn = await takeLock(`${file}.${tokenOf(found)}`, output, options, true);
    try {
      if (tokenOf(holderOf(file, output)) === tokenOf(found)) rmSync(file, { force: true });
    } finally {
      releaseTurn();
    }
  }
}

/** @throws BertError ERR_FILE the holder runs, or may run */
function expectEnded(found: Holder | "unreadable", file: string, output: string, options: OutputLockOptions): void {
  if (found === "unreadable") return;
  const state = stateOf(found, found.taken.getTime());
  if (state === "ended" || (state === "unknown" && options.restart)) return;
  const who = state === "runs" && found.pid === process.pid ? "this process" : `process ${found.pid}`;
  const since = `since ${found.taken.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  if (state === "runs") {
    const doubt = found.started === "" ? `; if that process is another program's, delete ${file}` : "";
    throw new BertError("ERR_FILE", `${output}: is being written by ${who}, ${since}${doubt}`);
  }
  const advice = options.advice === undefined ? "" : `, or ${options.advice}`;
  throw new BertError(
    "ERR_FILE",
    `${output}: is being written by ${who} on the machine ${quote(found.host)}, ${since}; if it has ended, delete ${file}${advice}`,
  );
}

/**
 * Makes the lock's file; false if there is one. It gets its name as a second one, when its text is in it: so no other
 * process finds it without.
 */
function created(file: string, text: string, output: string): boolean {
  const temporary = temporaryPath(file, "tmp");
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    try {
      linkSync(temporary, file);
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      writeFileSync(file, text, { flag: "wx" }); // a file system where no file has two names
    }
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (codeOf(error) === "ENAMETOOLONG") throw fileError("write", output, NAME_TOO_LONG, error);
    throw systemError("write", output, error);
  } finally {
    removeQuietly(temporary);
  }
}

function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Where a part of the path is a file, there is none; the error that is reported says so.
  }
}

/** A lock without its text, where files have one name alone, is a leftover after so many milliseconds. */
const PATIENCE_MS = 1000;

async function settledHolderOf(file: string, output: string): Promise<Holder | "unreadable" | null> {
  for (const end = performance.now() + PATIENCE_MS; ; await sleep(20)) {
    const found = holderOf(file, output);
    if (found !== "unreadable" || performance.now() > end) return found;
  }
}

/** Who holds a lock; null: there is none; "unreadable": its text is not whole, or no lock's. */
function holderOf(file: string, output: string): Holder | "unreadable" | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw systemError("write", output, error);
  }
  try {
    const json = parseJson(text, file, "ERR_FILE");
    const taken = new Date(json.get("taken").asString());
    const token = json.get("token").asString();
    if (Number.isNaN(taken.getTime()) || !/^[0-9a-f-]{36}$/.test(token)) return "unreadable";
    const [started, host] = ["started", "host"].map((name) => json.get(name).asString());
    return { pid: json.get("pid").asInteger({ min: 1, max: 2 ** 31 - 1 }), started, host, taken, token };
  } catch {
    return "unreadable";
  }
}

function tokenOf(found: Holder | "unreadable" | null): string | null {
  return found === null || found === "unreadable" ? found : found.token;
}

/** The locks that this process holds, with their tokens. */
const locks = new Map<string, string>();

function held(file: string, token: string): () => void {
  if (locks.size === 0) process.once("exit", releaseAll);
  locks.set(file, token);
  return () => {
    release(file, token);
    locks.delete(file);
    if (locks.size === 0) process.removeListener("exit", releaseAll);
  };
}

function releaseAll(): void {
  for (const [file, token] of locks) release(file, token);
}

/** Removes a lock's file, unless another process has been told to take it over. */
function release(file: string, token: string): void {
  try {
    if (tokenOf(holderOf(file, file)) === token) rmSync(file, { force: true });
  } catch {
    // It stays, as one of a process that has ended.
  }
}
