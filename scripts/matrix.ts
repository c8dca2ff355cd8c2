/**
 * Packs the package, installs the tarball into an empty folder, and runs `test/smoke/smoke.mjs` there under the machine's
 * own Node and under Node 20, 22, 24 and 26. Then runs the tests of everything that computes under Node 20, 22 and 24, as `npm
 * test` does under Node 26. Prints a table; exits with 1 if one of them fails.
 *
 *     npm run test:matrix                 all of them
 *     node scripts/matrix.ts own 24       some of them
 *
 * The versions come from the registry, once, into the git-ignored folder .cache/node.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { compileTests } from "./compiledTests.ts";
import { packInto, run } from "./npm.ts";

const root = join(import.meta.dirname, "..");
const executable = process.platform === "win32" ? "node.exe" : "node";

/** The Node that the machine has, not the one that npm scripts put first. */
function ownNode(): string {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  const found = folders.map((folder) => join(folder, executable)).find((path) => existsSync(path));
  return found ?? process.execPath;
}

/** The newest Node of a major version, without an install script: the package that holds this platform's binary. */
function nodeOf(major: string): string {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = join(root, ".cache", "node", major);
  const path = join(folder, "node_modules", name, "bin", executable);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  run("npm", ["install", "--no-audit", "--no-fund", `${name}@${major}`], folder);
  return path;
}

/** An empty program with the packed package as its only dependency. */
function install(folder: string): void {
  const tarball = packInto(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  run("npm", ["install", "--no-audit", "--no-fund", tarball], folder);
  copyFileSync(join(root, "test", "smoke", "smoke.mjs"), join(folder, "smoke.mjs"));
}

/** Node versions that are not the project's own but can run its tests. */
const TESTED = ["20", "22", "24"];
/** What runs on every backend and variant that an engine has. */
const SUITES = [
  "test/tensor",
  "test/layers",
  "test/model",
  "test/pipelines",
  "test/training",
  "test/tokenizer/train.test",
];

/** Runs these tests under another Node. @returns how many passed, or what was printed about those that failed */
function runTests(
  node: string,
  version: string,
  folder: string,
): { readonly passed: string; readonly failure?: string } {
  const compiled = version === "20" ? mkdtempSync(join(folder, "compiled-")) : null;
  const vitest = compiled ? compileTests(compiled) : join(root, "node_modules", "vitest", "vitest.mjs");
  const report = join(folder, "tests.json");
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const reporters = ["--reporter", "default", "--reporter", "json", "--outputFile.json", report];
  const args = [vitest, "run", ...(compiled ? [] : ["--project", "fast"]), ...reporters, ...SUITES];
  const { status, stdout, stderr } = spawnSync(node, args, {
    cwd: compiled ?? root,
    encoding: "utf8",
    env,
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) return { passed: "FAILED", failure: stderr + stdout.slice(-20_000) };
  const { numPassedTests } = JSON.parse(readFileSync(report, "utf8")) as { numPassedTests: number };
  return { passed: `${numPassedTests} passed` };
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ["own", "20", "22", "24", "26"];
const folder = mkdtempSync(join(tmpdir(), "plainbert-matrix-"));
const rows: Record<string, string>[] = [];
try {
  install(folder);
  for (const version of wanted) {
    const node = version === "own" ? ownNode() : nodeOf(version);
    const start = performance.now();
    // Without npm's variables and PATH, so that nothing of this folder reaches the program.
    const { status, stdout, stderr } = spawnSync(node, ["smoke.mjs"], { cwd: folder, encoding: "utf8", env: {} });
    const ran = status === 0 ? (JSON.parse(stdout) as Record<string, string>) : {};
    const tests = status === 0 && TESTED.includes(version) ? runTests(node, version, folder) : { passed: "" };
    rows.push({
      Node: version,
      version: ran.node ?? "",
      V8: ran.v8 ?? "",
      "digest of plain": (ran.digest ?? "").slice(0, 16),
      "variants of simd": ran.simd ?? "",
      tests: tests.passed,
      seconds: ((performance.now() - start) / 1000).toFixed(1),
      result: status === 0 && tests.failure === undefined ? "passed" : "FAILED",
    });
    if (tests.failure !== undefined) console.error(`Node ${version} (${node}):\n${tests.failure}`);
    if (status !== 0) console.error(`Node ${version} (${node}):\n${stderr || stdout}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);
if (rows.some(({ result }) => result !== "passed")) process.exitCode = 1;
