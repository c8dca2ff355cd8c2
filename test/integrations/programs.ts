import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
/** Where the programs of docs/integrations.md are written: git-ignored, and plainbert and the packages are found from there. */
const FOLDER = join(root, ".cache", "integrations", "programs");
/** Where they run: what they keep is here. */
export const RUN: string = join(FOLDER, "run");

/** A program of the page, and what it prints; "" for one that others import. */
interface Program {
  readonly name: string;
  readonly code: string;
  readonly output: string;
}

/** The programs of docs/integrations.md; the first line of each says its name. */
export const PROGRAMS: readonly Program[] = Array.from(
  readFileSync(join(root, "docs", "integrations.md"), "utf8").matchAll(
    /^```js\n(\/\/ (\S+\.mjs)\n.*?)^```\n(?:```text\n(.*?)^```\n)?/gms,
  ),
  ([, code, name, output = ""]) => ({ name, code, output }),
);

/** Writes all programs anew, and empties the folder where they run. */
export function writePrograms(): void {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(RUN, { recursive: true });
  symlinkSync(join(import.meta.dirname, "node_modules"), join(FOLDER, "node_modules"), "junction");
  symlinkSync(join(root, "test", "pipelines", "reference", "heads"), join(RUN, "models"), "junction");
  for (const { name, code } of PROGRAMS) writeFileSync(join(FOLDER, name), code);
}

/** What the compiler says of the programs, as JavaScript whose parameters have no types; "" where all is well. */
export function compiled(): string {
  const compilerOptions = {
    ...{ strict: true, noImplicitAny: false, noUnusedLocals: true, checkJs: true, noEmit: true, skipLibCheck: true },
    ...{ module: "NodeNext", target: "ES2023", lib: ["ES2024", "ESNext.Disposable", "DOM"], types: ["node"] },
  };
  const tsconfig = join(FOLDER, "tsconfig.json");
  writeFileSync(tsconfig, JSON.stringify({ compilerOptions, include: ["*.mjs"] }));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, "-p", tsconfig], { encoding: "utf8" });
  return stdout;
}

/** Runs a program of the page. @returns what it prints, with what it says on the standard error behind it */
export function printedBy(name: string, env: NodeJS.ProcessEnv = {}): string {
  const { stdout, stderr } = spawnSync(process.execPath, [join(FOLDER, name)], {
    cwd: RUN,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return stdout + stderr;
}

/** A module of the page, such as model.mjs. */
export function moduleOf(name: string): Promise<Record<string, unknown>> {
  return import(join(FOLDER, name));
}
