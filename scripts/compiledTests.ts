import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "./npm.ts";

const root = join(import.meta.dirname, "..");

/** vitest 4 is the last that runs on Node 20, which reads no TypeScript either. */
const RUNNERS = ["vitest@4.1", "fast-check@4"];

/**
 * Compiles sources and tests to JavaScript into a folder, as they lie here, with what else they read beside them, and a test runner
 * for Node 20.
 *
 * @param folder must be empty
 * @returns the runner's program
 */
export function compileTests(folder: string): string {
  run("npx", ["tsc", "--noEmit", "false", "--outDir", folder, "--rootDir", ".", "--declaration", "false", "--isolatedDeclarations", "false"]); // biome-ignore format: one command
  // The compiler changes the names of modules in imports alone; that of a worker stands in `new URL("./name.ts", import.meta.url)`.
  for (const path of readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".js")) continue;
    const code = readFileSync(join(folder, "src", path), "utf8");
    const compiled = code.replaceAll(
      /new URL\("(\.[^"]+)\.ts", import\.meta\.url\)/g,
      'new URL("$1.js", import.meta.url)',
    );
    if (compiled !== code) writeFileSync(join(folder, "src", path), compiled);
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--silent", ...RUNNERS], folder);
  for (const path of run("git", ["ls-files", "test", "weights"]).trim().split("\n")) {
    if (path.endsWith(".ts")) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(root, path), join(folder, path));
  }
  // Some properties take 45 s in this version on two cores, where the newest takes 20.
  const test = {
    include: ["test/**/*.test.js"],
    exclude: ["**/*.slow.test.js"],
    testTimeout: 120_000,
    maxWorkers: "100%",
  };
  writeFileSync(join(folder, "vitest.config.js"), `export default ${JSON.stringify({ test })};\n`);
  return join(folder, "node_modules", "vitest", "vitest.mjs");
}
