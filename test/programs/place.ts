import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packInto } from "../../scripts/npm.ts";

const root = join(import.meta.dirname, "..", "..");

/** What a program found: "works", or the sentence that was said instead. */
export interface Found {
  readonly bundled: string;
  readonly folder: string;
  readonly threads: string;
}

/** The environment without what npm and the test runner put into it. */
export const OUTSIDE: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_|VITEST|TEST|NODE_ENV$|NODE_OPTIONS$|PLAINBERT_|INIT_CWD)/i.test(name),
  ),
);

let packed: string | null = null;

/** The package as it would be published; built and packed once. */
export function tarball(): string {
  packed ??= packInto(mkdtempSync(join(tmpdir(), "plainbert-programs-")));
  return packed;
}

/** A program's folder outside of this project, with its tools and the packed package installed. */
export class Place {
  readonly folder: string;
  /** The folder of the program's own model. */
  readonly model: string;

  /** @param name of the folder here; the tools that its lock file names stay there for the next time */
  constructor(name: string, install: (place: Place) => void = npmInstall) {
    this.folder = join(tmpdir(), "plainbert-programs", root.replaceAll(/\W+/g, "-"), name);
    this.model = join(this.folder, "models", "nli");
    const lock = join(import.meta.dirname, name, "package-lock.json");
    const installed = join(this.folder, "installed.json");
    const same =
      existsSync(installed) && existsSync(lock) && readFileSync(installed, "utf8") === readFileSync(lock, "utf8");
    mkdirSync(this.folder, { recursive: true });
    for (const entry of readdirSync(this.folder)) {
      if (!same || (entry !== "node_modules" && entry !== "installed.json"))
        rmSync(join(this.folder, entry), { recursive: true, force: true });
    }
    for (const shared of ["check.mjs", "page.mjs", "program.mjs"])
      cpSync(join(import.meta.dirname, shared), join(this.folder, shared));
    cpSync(join(import.meta.dirname, name), this.folder, { recursive: true });
    cpSync(join(root, "test", "pipelines", "reference", "heads", "nli"), this.model, { recursive: true });
    if (!same && existsSync(lock)) {
      this.run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
      cpSync(lock, installed);
    }
    install(this);
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(file: string, text: string): void {
    mkdirSync(join(this.folder, file, ".."), { recursive: true });
    writeFileSync(join(this.folder, file), text);
  }

  /** Runs a tool of the folder's, or any command. @throws Error it fails; with what it printed */
  run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd: string = this.folder): string {
    const ran = this.attempt(command, args, env, cwd);
    if (ran.status === 0) return ran.stdout;
    throw new Error(`${command} ${args.join(" ")}: exit code ${ran.status}\n${ran.stdout}\n${ran.stderr}`);
  }

  /** As `run`, whatever comes of it. */
  attempt(
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    cwd: string = this.folder,
  ): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    const tool = this.path("node_modules", ".bin", command);
    const ran = spawnSync(existsSync(tool) ? tool : command, args, {
      cwd,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      env: { ...OUTSIDE, ...env },
      timeout: 500_000,
    });
    if (ran.error) throw ran.error;
    return ran;
  }

  /** Runs a program that prints what it found. @param env with ASSETS it is the folder for the option of that name */
  found(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd: string = this.folder): Found {
    const { stdout, stderr, status } = this.attempt(command, args, { MODEL: this.model, ...env }, cwd);
    const line = stdout.split("\n").find((text) => text.startsWith('{"bundled"'));
    if (line !== undefined && status === 0) return JSON.parse(line);
    throw new Error(`${command} ${args.join(" ")}: exit code ${status}\n${stdout}\n${stderr}`);
  }

  /** Runs a test runner whose tests write what they found into the file that FOUND names. */
  foundByTests(command: string, args: readonly string[]): Found {
    const file = this.path("found.json");
    rmSync(file, { force: true });
    this.run(command, args, { MODEL: this.model, FOUND: file });
    return JSON.parse(readFileSync(file, "utf8"));
  }
}

/** The package into node_modules, beside what the lock file names. */
function npmInstall(place: Place): void {
  place.run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--silent", "--prefer-offline", tarball()]);
}
