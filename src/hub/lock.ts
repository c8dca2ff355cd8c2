import { open, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolders } from "../disk/makeFolder.ts";
import { hasEnded, processMark, stateOf } from "../disk/processes.ts";
import { isDiskError } from "./disk.ts";

/** What a lock's name ends with. */
export const LOCK = ".lock.pid";

/**
 * How often a lock's holder shows that it is alive, how long others wait for that, how often they look; in
 * milliseconds.
 */
const TIMES = { heartbeat: 5_000, stale: 30_000, poll: 50 };

/**
 * Does some work while no other process does work under the same lock: a file that exists as long as the lock is held.
 *
 * Python's huggingface_hub uses flock(2) on `<etag>.lock`, which Node does not have; so this lock has a name of its
 * own, and keeps our processes from downloading a file twice. Nothing depends on it but that: each writes into a file
 * of its own, which takes the blob's name when it has the blob's hash.
 *
 * A lock whose holder was killed is taken over: at once if it was on this machine, else when it has not been touched
 * for half a minute. That its holder may only have stood still (a stopped process, a suspended machine) harms nothing.
 * Where the file cannot be written, the work is done without.
 *
 * @throws the signal's reason while waiting; what `work` throws
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  times: typeof TIMES = TIMES,
): Promise<T> {
  const holder = `${process.pid}\n${hostname()}\n${crypto.randomUUID()}\n${processMark()}\n`;
  try {
    await makeFolders(dirname(path));
    await acquire(path, holder, signal, times);
  } catch (error) {
    if (!isDiskError(error)) throw error;
    return work();
  }
  const touch = () => utimes(path, new Date(), new Date()).catch(() => {}); // another process took it over
  const heartbeat = setInterval(touch, times.heartbeat).unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if ((await readFile(path, "utf8").catch(() => "")) === holder) await rm(path, { force: true }).catch(() => {});
  }
}

async function acquire(
  path: string,
  holder: string,
  signal: AbortSignal | undefined,
  times: typeof TIMES,
): Promise<void> {
  // Compared with this process's own clock, as another machine's may be wrong.
  let seen = { touched: 0, at: performance.now() };
  while (!(await create(path, holder))) {
    signal?.throwIfAborted();
    const found = await read(path);
    if (found && found.touched !== seen.touched) seen = { touched: found.touched, at: performance.now() };
    // Between reading and removing, another may have done the same and hold it by now: then both work, see above.
    if (found && (isGone(found.holder) || performance.now() - seen.at > times.stale)) await rm(path, { force: true });
    else await sleep(times.poll);
  }
}

/** Makes the file, unless it exists. */
async function create(path: string, holder: string): Promise<boolean> {
  try {
    const handle = await open(path, "wx");
    try {
      await handle.writeFile(holder);
    } catch (error) {
      await rm(path, { force: true }).catch(() => {}); // the first error is the one to report
      throw error;
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Which process holds the lock, "" if that cannot be read, and when it was last touched; null if none does now. */
async function read(path: string): Promise<{ holder: string; touched: number } | null> {
  try {
    const { mtimeMs: touched } = await stat(path);
    return { holder: await readFile(path, "utf8").catch(() => ""), touched };
  } catch {
    return null;
  }
}

/** Whether the holder was a process of this machine that is no more. */
function isGone(holder: string): boolean {
  const [pid, host, , mark] = holder.split("\n");
  if (mark) return hasEnded(mark);
  // Of this library before 0.3
  return /^[1-9]\d{0,9}$/.test(pid) && stateOf({ pid: Number(pid), started: "", host }) === "ended";
}

/** Deletes the locks that killed processes of this machine have left. */
export async function removeLeftLocks(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const found = name.endsWith(LOCK) ? await read(path) : null;
    if (found && isGone(found.holder)) await rm(path, { force: true }).catch(() => {});
  }
}
