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
import { EQUAL_WIDTH, markdownTables, PAGES_WITH_TABLES, withTables } from "./harness/markdown.ts";
import type { BenchResult, Run } from "./harness/results.ts";
import type { Planned } from "./harness/schedule.ts";
import { HELP, parseSettings, type Settings, wanted } from "./harness/settings.ts";
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
  process.exitCode ??= 2;
}

async function bench(settings: Settings): Promise<void> {
  expectKnownCases(settings);
  const before = settings.compare === null ? null : await earlierResult(settings.compare, settings);
  const result = await measureAll(settings);
  console.log(formatTable(result));
  if (settings.output) await writeFile(settings.output, `${JSON.stringify(result, null, 1)}\n`);
  if (result.runs.every(({ cases }) => cases.length === 0)) throw new Error("there was no time to measure anything");
  if (settings.save) await save(result);
  if (!before) return;
  const changes = changesSince(before, result);
  console.log(formatChanges(before, result, changes));
  if (settings.strict && worseRows(changes).length > 0) process.exitCode = 1;
}

/** @throws Error `--case` with something that begins no id */
function expectKnownCases({ cases, threads }: Settings): void {
  const idsWith = (count: number) => caseGroups(count).flatMap(({ planned }) => planned.flatMap(idsOf));
  const known = threads.flatMap(idsWith);
  for (const prefix of cases) {
    if (known.some((id) => id.startsWith(prefix))) continue;
    if (idsWith(1).some((id) => id.startsWith(prefix)))
      throw new Error(`--case ${prefix} must come with --threads 1, as it has one thread`);
    throw new Error(
      `--case must begin the id of a case; got ${prefix}. These are the ids:\n  ${[...new Set(known)].join("\n  ")}`,
    );
  }
}

function idsOf({ id, gives = [] }: Planned): string[] {
  return [id, ...gives];
}

/** @throws Error the file cannot be read, is no result, or has nothing of what is to be measured */
async function earlierResult(path: string, settings: Settings): Promise<BenchResult> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new Error(`--compare: ${path} must be readable: ${error.message}`);
  });
  const before = parseResult(path, text);
  const shared = before.runs
    .filter(({ threads }) => settings.threads.includes(threads))
    .flatMap(({ threads, cases }) => {
      const ids = caseGroups(threads).flatMap(({ planned }) =>
        planned.filter((one) => wanted(settings, one)).flatMap(idsOf),
      );
      return cases.filter(({ id }) => ids.includes(id));
    });
  if (shared.length > 0) return before;
  throw new Error(`--compare: ${path} must have a case of this run with the same number of threads, has none`);
}

/** Writes the result, its picture, and its tables into the pages that show them. */
async function save(result: BenchResult): Promise<void> {
  const folder = join(import.meta.dirname, "results");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "bench.json"), `${JSON.stringify(result, null, 1)}\n`);
  await writeFile(join(folder, "bench.svg"), drawChart(result));
  const tables = markdownTables(result, parseResult(EQUAL_WIDTH, await readFile(join(folder, EQUAL_WIDTH), "utf8")));
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
  if (status === 0) return;
  if (process.stderr.isTTY) process.stderr.write(RESTORED_LINE);
  if (signal !== "SIGINT") throw new Error(`the measuring process ended with ${signal ?? status}`);
  process.exitCode = 130; // as shells say of a program that was interrupted
  throw new Error("interrupted; nothing that was measured is kept");
}

/** Lines wrap again, which the bar had switched off, and the bar is gone. */
const RESTORED_LINE = "\u001b[?7h\r\u001b[K";
