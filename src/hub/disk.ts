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
