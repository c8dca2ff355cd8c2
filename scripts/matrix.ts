/**
 * Packs the package, installs the tarball into an empty folder, and runs `test/smoke/smoke.mjs` there under the machine's
 * own Node, under Node 20, 22, 24 and 26, under Bun and under Deno; and under each Node every program of README and docs, and by tsx
 * those of examples. Then runs the tests of everything that computes under Node 20, 22 and 24, as `npm test` does under Node 26. Prints a
 * table; exits with 1 if one of them fails.
 *
 *     npm run test:matrix                     all of them
 *     npx tsx scripts/matrix.ts own 24 bun    some of them
 *
 * They come from the registry, once, into the git-ignored folder .cache/node; Bun and Deno are skipped where it has none for
 * this machine.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { transformSync } from "rolldown/utils";
import { apiExamples } from "../test/support/apiExamples.ts";
import { CALLS, copyExamples, runCall } from "../test/support/examplePrograms.ts";
import { allExamples, expectedOf, needsNode24, runInTurn } from "../test/support/examples.ts";
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

/** What runs a script, and the arguments that stand before it. */
type Runtime = readonly [path: string, ...args: string[]];

/** A runtime by its name: `own`, a major version of Node, `bun` or `deno`. */
function runtimeOf(name: string): Runtime {
  const { platform, arch } = process;
  if (name === "own") return [ownNode()];
  if (name === "bun") {
    const system = platform === "win32" ? "windows" : platform;
    const binary = join("bin", platform === "win32" ? "bun.exe" : "bun");
    return [installed(name, `@oven/bun-${system}-${arch === "arm64" ? "aarch64" : arch}`, "1", binary)];
  }
  if (name === "deno") {
    const binary = platform === "win32" ? "deno.exe" : "deno";
    const path = installed(name, `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`, "2", binary);
    return [path, "run", "--allow-all"];
  }
  const system = platform === "win32" ? "win" : platform;
  return [installed(name, `node-${system}-${arch}`, name, join("bin", executable))];
}

/** The newest of a major version, without an install script: from the package that holds this platform's binary. */
function installed(name: string, packageName: string, major: string, binary: string): string {
  const folder = join(root, ".cache", "node", name);
  const path = join(folder, "node_modules", packageName, binary);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  run("npm", ["install", "--no-audit", "--no-fund", `${packageName}@${major}`], folder);
  chmodSync(path, 0o755); // an install script of the package that depends on it would do so
  return path;
}

/** Bun and Deno, where the registry has them; Node must be had. */
function availableRuntime(name: string): Runtime | null {
  try {
    return runtimeOf(name);
  } catch (error) {
    if (name !== "bun" && name !== "deno") throw error;
    console.error(`${name} is skipped: ${error instanceof Error ? error.message : error}`);
    return null;
  }
}

/** An empty program with the packed package as its only dependency. */
function install(folder: string): void {
  const tarball = packInto(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", tarball], folder);
  copyExamples(folder);
  copyFileSync(join(root, "test", "smoke", "smoke.mjs"), join(folder, "smoke.mjs"));
}

/** Node versions that are not the project's own but can run its tests. */
const TESTED = ["20", "22", "24"];
/** What runs on every backend and variant that an engine has. */
const SUITES = [
  "test/tensor",
  "test/layers",
  "test/model",
  "test/conformance",
  "test/pipelines",
  "test/training",
  "test/tokenizer/train.test",
];
/** Runs of training start processes of the sources, which only the project's own Node can. */
const LEFT_OUT = ["--exclude", "**/training/run/**"];

/** How many passed, or what was printed about those that failed. */
interface Outcome {
  readonly passed: string;
  readonly failure?: string;
}

/**
 * Runs the programs of README, docs and examples with the package that is installed in a folder, and compares what they print with what
 * the pages, or the programs themselves, say. Bun and Deno print objects in another form.
 *
 * @param major Node's
 */
function runExamples(node: string, major: number, folder: string): Outcome {
  const examples = [...allExamples(), ...apiExamples().run].filter((example) => major >= 24 || !needsNode24(example));
  const paths = examples.map(({ name, code }) => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, transformSync(`${name}.ts`, code).code); // types left out, and nothing else changed
    return path;
  });
  const { printed, stderr } = runInTurn(node, paths, join(folder, "run"));
  const wrong = examples.flatMap((example, n) => {
    const { got, want } = expectedOf(example, printed[n] ?? "nothing");
    return got === want ? [] : [`${example.name}: prints ${got}, not ${want}`];
  });
  for (const { command, output } of CALLS) {
    const ran = runCall(node, command, folder);
    if (ran.printed !== output.trim() || ran.stderr !== "")
      wrong.push(`${command}: prints ${ran.printed}, not ${output.trim()}\n${ran.stderr}`);
  }
  if (wrong.length === 0 && stderr === "") return { passed: `${examples.length + CALLS.length}` };
  return { passed: "FAILED", failure: `${wrong.join("\n")}\n${stderr}` };
}

/** Runs these tests under another Node. */
function runTests(node: string, version: string, folder: string): Outcome {
  const compiled = version === "20" ? mkdtempSync(join(folder, "compiled-")) : null;
  const vitest = compiled ? compileTests(compiled) : join(root, "node_modules", "vitest", "vitest.mjs");
  const report = join(folder, "tests.json");
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const reporters = ["--reporter", "default", "--reporter", "json", "--outputFile.json", report];
  const args = [vitest, "run", ...(compiled ? [] : ["--project", "fast"]), ...reporters, ...LEFT_OUT, ...SUITES];
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

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ["own", "20", "22", "24", "26", "bun", "deno"];
const folder = mkdtempSync(join(tmpdir(), "plainbert-matrix-"));
const rows: Record<string, string>[] = [];
try {
  install(folder);
  for (const version of wanted) {
    const runtime = availableRuntime(version);
    if (!runtime) {
      rows.push({ runtime: version, result: "skipped" });
      continue;
    }
    const [path, ...args] = runtime;
    const start = performance.now();
    // Without npm's variables and PATH, so that nothing of this folder reaches the program.
    const { status, stdout, stderr } = spawnSync(path, [...args, "smoke.mjs"], {
      cwd: folder,
      encoding: "utf8",
      env: {},
    });
    const ran = status === 0 ? (JSON.parse(stdout) as Record<string, string>) : {};
    const none: Outcome = { passed: "" };
    const isNode = args.length === 0 && version !== "bun";
    const examples = status === 0 && isNode ? runExamples(path, Number.parseInt(ran.version, 10), folder) : none;
    const tests = status === 0 && TESTED.includes(version) ? runTests(path, version, folder) : none;
    const failures = [examples.failure, tests.failure].filter((failure) => failure !== undefined);
    rows.push({
      runtime: /^\d/.test(version) ? `Node ${version}` : version,
      version: ran.version ?? "",
      engine: ran.engine ?? "",
      "digest of plain": (ran.digest ?? "").slice(0, 16),
      "variants of simd": ran.simd ?? "",
      examples: examples.passed,
      tests: tests.passed,
      seconds: ((performance.now() - start) / 1000).toFixed(1),
      result: status === 0 && failures.length === 0 ? "passed" : "FAILED",
    });
    for (const failure of failures) console.error(`${version} (${path}):\n${failure}`);
    if (status !== 0) console.error(`${version} (${path}):\n${stderr || stdout}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);
if (rows.some(({ result }) => result === "FAILED")) process.exitCode = 1;
