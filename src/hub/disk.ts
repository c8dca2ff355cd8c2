import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { has } from "../realm.ts";

/**
 * Whether an error is the file system's, and not the network's, whose errors are `HubError`s by the time they get here.
 */
export function isDiskError(error: unknown): error is NodeJS.ErrnoException {
  return has(error, "syscall") && has(error, "code");
}

/** Whether there is no room left. */
export function isFull(error: unknown): boolean {
  return isDiskError(error) && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

/** Makes a folder and those above it. Node's own `recursive` reports "no such folder" of a disk that is read-only. */
export async function makeFolder(path: string): Promise<void> {
  const make = () =>
    mkdir(path).catch((error) => {
      if (error.code !== "EEXIST") throw error;
    });
  try {
    await make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await make();
  }
}
