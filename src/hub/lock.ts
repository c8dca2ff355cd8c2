import { open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDiskError, makeFolder } from "./disk.ts";

/**
 * How often a lock's holder shows that it is alive, how long others wait for that, how often they look; in
 * milliseconds.
 */
const TIMES = { heartbeat: 5_000, stale: 30_000, poll: 50 };

/**
 * Does some work while no other process does work under the same lock: a file that exists as long as the lock is held.
 *
 * Python's huggingface_hub uses flock(2) on `<etag>.lock`, which Node does not have; so this lock has a name of its
 * own, and keeps our processes from downloading a file twice. Nothing depends on it but that: a blob's name is its
 * hash, and is checked, so two that write the same blob write the same bytes.
 *
 * A lock whose holder was killed is taken over: at once if it was on this machine, else when it has not been touched
 * for half a minute. Where the file cannot be written, the work is done without.
 *
 * @throws the signal's reason while waiting; what `work` throws
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  times: typeof TIMES = TIMES,
): Promise<T> {
  const holder = `${process.pid}\n${hostname()}\n${crypto.randomUUID()}\n`;
  try {
    await makeFolder(dirname(path));
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
    if (found && (isDead(found.holder) || performance.now() - seen.at > times.stale)) await rm(path, { force: true });
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

/** Which process holds the lock, and when it was last touched; null if none does any more. */
async function read(path: string): Promise<{ holder: string; touched: number } | null> {
  try {
    return { holder: await readFile(path, "utf8"), touched: (await stat(path)).mtimeMs };
  } catch {
    return null;
  }
}

/** Whether the holder was a process of this machine that is no more. */
function isDead(holder: string): boolean {
  const [pid, host] = holder.split("\n");
  if (host !== hostname() || !/^[1-9]\d*$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0); // sends nothing
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
