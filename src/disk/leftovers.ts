import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "./files.ts";
import { leftover } from "./processes.ts";

/** What plainbert 0.2 called its temporary checkpoints, which do not tell their process. */
const OF_0_2 = /^\.checkpoint-\d+\.[0-9a-f]{8}-[0-9a-f-]{27}\.(tmp|old)$/;

/**
 * Removes the temporary files and folders that killed processes have left in a folder: none of a process that runs, and
 * none of another machine's. A folder that one was killed while replacing gets its name again. What cannot be removed
 * stays.
 *
 * @param of those of this file alone, of its lock, and of files whose names begin with its and a dot; left out: all
 */
export async function removeLeftovers(folder: string, of?: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const found = leftover(name);
    try {
      if (found && (of === undefined || `${found.of}.`.replace(/^\./, "").startsWith(`${of}.`))) {
        if (found.ending === "replaced" && !(await exists(join(folder, found.of)))) {
          await rename(path, join(folder, found.of));
        } else {
          await rm(path, { recursive: true, force: true });
        }
      } else if (of === undefined && OF_0_2.test(name)) await rm(path, { recursive: true, force: true });
    } catch {
      // Another user's, say: it is in nobody's way.
    }
  }
}
