import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** Where `setup` installs compilers and the packed package; git-ignored. */
export const FOLDER: string = join(root, ".cache", "types");

/** The compilers by version; 7.0 is the project's own. */
export const COMPILERS: Readonly<Record<"5.2" | "5.6" | "6.0" | "7.0", string>> = {
  "5.2": join(FOLDER, "node_modules", "typescript-5.2", "bin", "tsc"),
  "5.6": join(FOLDER, "node_modules", "typescript-5.6", "bin", "tsc"),
  "6.0": join(FOLDER, "node_modules", "typescript-6.0", "bin", "tsc"),
  "7.0": join(root, "node_modules", "typescript", "bin", "tsc"),
};

// biome-ignore lint/suspicious/noExplicitAny: the compiler's types are installed with it, later than this is compiled
export type TypeScript = any;

/** TypeScript 6 as a library: 7 has none. */
export function typescript(): TypeScript {
  return createRequire(join(FOLDER, "package.json"))("typescript-6.0");
}

/** A program that has the package installed, with these types of Node. */
export interface Consumer {
  readonly folder: string;
  readonly tsconfig: string;
}

/**
 * Writes a program as people have them: strict, without `skipLibCheck`, without the DOM library.
 *
 * @param name    of its folder
 * @param node    the version of @types/node
 * @param options of the compiler, beside these
 * @param files   its sources by name
 */
export function writeConsumer(
  name: string,
  node: string,
  options: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>>,
): Consumer {
  const folder = join(FOLDER, "consumers", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "node_modules", "@types"), { recursive: true });
  const installed = join(FOLDER, "node_modules", `types-node-${node}`);
  symlinkSync(installed, join(folder, "node_modules", "@types", "node"), "junction");
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  const tsconfig = join(folder, "tsconfig.json");
  const compilerOptions = {
    ...{ strict: true, skipLibCheck: false, noEmit: true, target: "ES2022", lib: ["ES2022"], types: ["node"] },
    ...options,
  };
  writeFileSync(tsconfig, JSON.stringify({ compilerOptions, files: Object.keys(files) }, null, 2));
  return { folder, tsconfig };
}
