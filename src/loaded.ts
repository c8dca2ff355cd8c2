import { BertError } from "./errors.ts";
import { codeOf } from "./realm.ts";

/** So many files must be free to be opened: Node reads the files of a module that imports others at the same time. */
const FILES = 32;

/** What is needed here of Node's own modules. */
interface NodeModules {
  readonly "node:fs": { openSync(path: string, flags: string): number; closeSync(fd: number): void };
  readonly "node:os": { readonly devNull: string };
}

interface NodeProcess {
  readonly versions?: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined;
}

/**
 * Loads a module of ours, at the moment when it is needed.
 *
 * Where no file can be opened, the import is not begun: Node 20 remembers for ever that a module could not be read, so
 * that no later call could load it.
 *
 * @throws BertError ERR_FILE too many files are open; what the module itself throws
 * @example
 * const { saveModel } = await loaded(() => import("./saveModel.ts"));
 */
export async function loaded<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    expectFreeFiles();
    return await load();
  } catch (cause) {
    const code = codeOf(cause);
    if (code !== "EMFILE" && code !== "ENFILE") throw cause;
    throw new BertError(
      "ERR_FILE",
      "a part of plainbert cannot be loaded: too many open files; close some, or raise the limit (ulimit -n), and call again",
      { cause },
    );
  }
}

/** @throws Error EMFILE or ENFILE, where this is Node */
function expectFreeFiles(): void {
  const found = nodeFiles();
  if (!found) return;
  const opened: number[] = [];
  try {
    for (let i = 0; i < FILES; i++) opened.push(found.fs.openSync(found.os.devNull, "r"));
  } catch (error) {
    if (codeOf(error) === "EMFILE" || codeOf(error) === "ENFILE") throw error;
  } finally {
    for (const fd of opened) found.fs.closeSync(fd);
  }
}

/**
 * Node's own modules, looked up at run time, as a browser has none; null where there is no Node. Deno and Bun have them
 * too, but may ask for permission. The edge runtime of Next.js throws when one is looked up.
 */
function nodeFiles() {
  try {
    const { process: node } = globalThis as { process?: NodeProcess };
    if (!node?.versions?.node || node.versions.deno || node.versions.bun) return null;
    const [fs, os] = [node.getBuiltinModule?.("node:fs"), node.getBuiltinModule?.("node:os")];
    return fs && os ? { fs, os } : null;
  } catch {
    return null;
  }
}
