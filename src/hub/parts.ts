/**
 * Blobs on their way. Each writer has a file of its own, `<etag>.<mark of its process>.incomplete`, so that none writes
 * into what another has finished: a process that was stopped, and whose lock was taken over, goes on one day. What has
 * arrived is resumed, by whoever comes next, once nobody writes it any more:
 *
 *     <etag>.free.incomplete    its writer has let it go
 *     <etag>.<mark>.incomplete  its process is dead
 *     <etag>.incomplete         huggingface_hub's before 2, and this library's before 0.3; no mark says whose
 *
 * Later ones of huggingface_hub are `<etag>.<8 digits>.incomplete`. They are never resumed, and are left alone.
 */
import { constants, copyFile, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hasEnded, processMark } from "../disk/processes.ts";

const ENDING = ".incomplete";
/** What a live writer leaves untouched for at most, with room to spare: `retry.ts` waits for a minute at most. */
const QUIET = 120_000;
/** After so many milliseconds nobody will go on with a part. */
const FORGOTTEN = 7 * 24 * 3600_000;

/** Where this process writes a blob, another path each time. */
export function ownPart(blob: string): string {
  return `${blob}.${processMark()}${ENDING}`;
}

/**
 * Gives the largest part of a blob that nobody writes any more the name `own`, if there is any, and deletes the others.
 */
export async function claimPart(blob: string, own: string): Promise<void> {
  const parts = (await partsIn(dirname(blob))).filter(({ etag, isOver }) => etag === basename(blob) && isOver);
  parts.sort((a, b) => b.size - a.size);
  let claimed = false;
  for (const { path, mayBeOpen } of parts) {
    if (claimed) await rm(path, { force: true }).catch(() => {});
    else claimed = await take(path, own, mayBeOpen);
  }
}

/** Whether this process was the one that got it. */
async function take(path: string, own: string, mayBeOpen: boolean): Promise<boolean> {
  try {
    if (!mayBeOpen) await rename(path, own);
    else {
      // Its writer, should it go on after all, goes on in a file without a name.
      await copyFile(path, own, constants.COPYFILE_FICLONE);
      await rm(path, { force: true });
    }
    return true;
  } catch {
    return false; // another process has it, or it cannot be read
  }
}

/** Leaves what has arrived for the next one. */
export async function letPartGo(blob: string, own: string): Promise<void> {
  const isWorth = ((await stat(own).catch(() => null))?.size ?? 0) > 0;
  if (isWorth) await rename(own, `${blob}.free${ENDING}`);
  else await rm(own, { force: true });
}

/** Deletes parts that nobody will go on with: of blobs that are there, or untouched for a week. */
export async function removeForgottenParts(blobs: string): Promise<void> {
  for (const { path, etag, isOver, untouched } of await partsIn(blobs)) {
    const isThere = (await stat(join(blobs, etag)).catch(() => null)) !== null;
    if (isOver && (isThere || untouched > FORGOTTEN)) await rm(path, { force: true }).catch(() => {});
  }
}

interface Part {
  readonly path: string;
  readonly etag: string;
  readonly size: number;
  /** Whether nobody writes it any more. */
  readonly isOver: boolean;
  /** Whether its writer may be stopped, and not dead. */
  readonly mayBeOpen: boolean;
  /** For how many milliseconds. */
  readonly untouched: number;
}

async function partsIn(blobs: string): Promise<Part[]> {
  const names = await readdir(blobs).catch(() => []); // there is none yet
  const parts: Part[] = [];
  for (const name of names) {
    if (!name.endsWith(ENDING)) continue;
    const [, etag, owner] = /^(.+?)(?:\.(free|[0-9a-f]{8}|\d+-[0-9a-f-]{26}))?\.incomplete$/.exec(name) ?? [];
    const path = join(blobs, name);
    const stats = await stat(path).catch(() => null);
    if (etag === undefined || !stats?.isFile() || /^[0-9a-f]{8}$/.test(owner ?? "")) continue;
    const untouched = Date.now() - stats.mtimeMs;
    const isLetGo = owner === "free" || (owner !== undefined && hasEnded(owner));
    parts.push({ path, etag, size: stats.size, untouched, isOver: isLetGo || untouched > QUIET, mayBeOpen: !isLetGo });
  }
  return parts;
}
