/**
 * The honest bench: plainbert beside its peers on this machine, with the same weights, the same inputs and the same number
 * of threads. `npm run bench` re-creates every number; `npm run bench -- --help` lists the options; README.md says how.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { caseGroups } from "./cases/index.ts";
import { drawChart } from "./harness/chart.ts";
import { changesSince, formatChanges, parseResult, worseRows } from "./harness/compare.ts";
import { machine } from "./harness/machine.ts";
import { markdownTables, PAGES_WITH_TABLES, withTables } from "./harness/markdown.ts";
import type { BenchResult, Run } from "./harness/results.ts";
import { HELP, parseSettings, type Settings } from "./harness/settings.ts";
import { formatTable } from "./harness/table.ts";
import { prepareModels } from "./onnx/modelFolder.ts";
import { installPeers, peerVersion } from "./sides/peers.ts";

const PEERS = ["onnxruntime-node", "onnxruntime-web", "@huggingface/transformers", "@tensorflow/tfjs-backend-wasm"];

try {
  const settings = parseSettings(process.argv.slice(2));
  if (settings === "help") console.log(HELP);
  else await bench(settings);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}

async function bench(settings: Settings): Promise<void> {
  const before = settings.compare && parseResult(settings.compare, await readFile(settings.compare, "utf8"));
  const ids = settings.threads.flatMap(caseGroups).flatMap(({ planned }) => planned.map(({ id }) => id));
  const missing = settings.cases.filter((prefix) => !ids.some((id) => id.startsWith(prefix)));
  if (missing.length > 0) {
    throw new Error(`--case must begin the id of a case, ${[...new Set(ids)].join(", ")}; got ${missing.join(", ")}`);
  }
  const result = await measureAll(settings);
  console.log(settings.json ? JSON.stringify(result, null, 1) : formatTable(result));
  if (settings.save) await save(result);
  if (!before) return;
  const changes = changesSince(before, result);
  if (changes.length === 0) throw new Error(`--compare: ${settings.compare} has no row of this run`);
  console.log(formatChanges(before, result, changes));
  if (settings.strict && worseRows(changes).length > 0) process.exitCode = 1;
}

/** Writes the result, its picture, and its tables into the pages that show them. */
async function save(result: BenchResult): Promise<void> {
  const folder = join(import.meta.dirname, "results");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "bench.json"), `${JSON.stringify(result, null, 1)}\n`);
  await writeFile(join(folder, "bench.svg"), drawChart(result));
  const tables = markdownTables(result);
  for (const name of PAGES_WITH_TABLES) {
    const path = join(import.meta.dirname, "..", name);
    await writeFile(path, withTables(await readFile(path, "utf8"), tables));
  }
}

/** Each thread count in a process of its own: some libraries take theirs once for a process. */
async function measureAll(settings: Settings): Promise<BenchResult> {
  const start = performance.now();
  installPeers();
  await prepareModels();
  const folder = await mkdtemp(join(tmpdir(), "plainbert-bench-"));
  const runs: Run[] = [];
  let versions: Record<string, string> = {};
  try {
    for (const [n, threads] of settings.threads.entries()) {
      const left = settings.minutes * 60_000 - (performance.now() - start);
      const argument = JSON.stringify({ ...settings, threads: [threads] });
      const file = join(folder, "run.json");
      await runProcess(file, argument, left / (settings.threads.length - n));
      const measured: { run: Run; versions: Record<string, string> } = JSON.parse(await readFile(file, "utf8"));
      runs.push(measured.run);
      versions = { ...versions, ...measured.versions };
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return {
    date: new Date().toISOString(),
    seconds: Math.round((performance.now() - start) / 1000),
    machine: await machine(),
    versions: {
      node: process.versions.node,
      v8: process.versions.v8,
      plainbert: JSON.parse(await readFile(join(import.meta.dirname, "..", "package.json"), "utf8")).version,
      ...Object.fromEntries(PEERS.map((name) => [name, peerVersion(name)])),
      ...versions,
    },
    settings: { rounds: settings.rounds, turnMs: settings.turnMs },
    runs,
  };
}

async function runProcess(file: string, argument: string, budgetMs: number): Promise<void> {
  const args = [join(import.meta.dirname, "run.ts"), file, argument, String(budgetMs)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const interrupted = () => {}; // the terminal interrupts the child too; its end is reported below, and the folder removed
  process.on("SIGINT", interrupted);
  const [status, signal] = await once(child, "exit");
  process.off("SIGINT", interrupted);
  if (status !== 0) throw new Error(`the measuring process ended with ${signal ?? status}`);
}
