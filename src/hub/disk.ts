/** Whether an error is the file system's, and not the network's, whose errors are `HubError`s by the time they get here. */
export function isDiskError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}

/** Whether there is no room left. */
export function isFull(error: unknown): boolean {
  return isDiskError(error) && (error.code === "ENOSPC" || error.code === "EDQUOT");
}
