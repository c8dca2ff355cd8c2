import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../scripts/npm.ts";
import { OUTSIDE, tarball } from "../programs/place.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The example in a folder of its own, with what its lock file names, and the packed package. */
export function installExample(): string {
  const folder = mkdtempSync(join(tmpdir(), "plainbert-bulk-"));
  chmodSync(folder, 0o755); // PostgreSQL runs as another user
  const place = join(folder, "examples/bulk-embedding");
  const filter = (path: string) => !/\/(node_modules|data)$/.test(path);
  cpSync(join(ROOT, "examples/bulk-embedding"), place, { recursive: true, filter });
  for (const name of ["killedByLine.mjs", "bare.mjs"]) cpSync(join(import.meta.dirname, name), join(place, name));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
  run("npm", ["ci", ...quiet], place);
  rmSync(join(place, "node_modules/plainbert")); // the link to the clone
  run("npm", ["install", "--no-save", "--no-package-lock", ...quiet, tarball()], place);
  return place;
}

/** Where pip put PostgreSQL in an earlier run. */
export function serviceFolder(): string {
  const folder = join(ROOT, ".cache/bulk");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Processes of the example, none of which outlives the test. */
export class Programs implements Disposable {
  private readonly folder: string;
  private readonly running = new Set<ChildProcess>();
  /** Whether what they print is shown. */
  private readonly shown: boolean;

  constructor(folder: string, shown: boolean) {
    this.folder = folder;
    this.shown = shown;
  }

  /** @param before the command that runs another in some place */
  start(
    before: readonly string[],
    args: readonly string[],
    env: Record<string, string>,
    output: "pipe" | "inherit" | "ignore" = this.shown ? "inherit" : "ignore",
  ): ChildProcess {
    const [command, ...others] = [...before, process.execPath, ...args];
    const child = spawn(command, others, {
      cwd: this.folder,
      env: { ...OUTSIDE, ...env },
      stdio: ["ignore", output, this.shown ? "inherit" : "ignore"],
    });
    this.running.add(child);
    child.once("exit", () => this.running.delete(child));
    return child;
  }

  [Symbol.dispose](): void {
    for (const child of this.running) child.kill("SIGKILL");
  }
}

/** @returns status or signal */
export async function endOf(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
  const [code, signal] = await once(child, "exit");
  return code ?? signal;
}
