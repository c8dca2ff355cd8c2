/**
 * The honest bench: plainbert beside its peers on this machine, with the same weights, the same inputs and the same number
 * of threads. `npm run bench` re-creates every number; `npm run bench -- --help` lists the options; README.md says how.
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { drawChart } from "./harness/chart.ts";
import type { BenchResult, Run } from "./harness/results.ts";
import { HELP, parseSettings, type Settings } from "./harness/settings.ts";
import { formatChange, formatTable } from "./harness/table.ts";
import { prepareModel } from "./onnx/modelFolder.ts";
import { installPeers, peerVersion } from "./sides/peers.ts";

const RESULTS = join(import.meta.dirname, "results");
const PEERS = ["onnxruntime-node", "onnxruntime-web", "@huggingface/transformers", "@tensorflow/tfjs-backend-wasm"];

const settings = parseSettings(process.argv.slice(2));
if (settings === "help") {
  console.log(HELP);
} else {
  installPeers();
  await prepareModel();
  const before: BenchResult | null = settings.compare && JSON.parse(await readFile(settings.compare, "utf8"));
  const result = await measureAll(settings);
  const missing = settings.cases.filter(
    (id) => !result.runs.flatMap(({ cases }) => cases).some((one) => one.id.startsWith(id)),
  );
  if (missing.length > 0)
    throw new Error(`--case must begin a case's id (bench/README.md lists them), got ${missing.join(", ")}`);
  console.log(settings.json ? JSON.stringify(result, null, 1) : formatTable(result));
  if (before) console.log(`\n${formatChange(result, before)}`);
  const whole = settings.cases.length === 0 && settings.threads.length > 1 && settings.maxGflop === Number.MAX_VALUE;
  if (whole && !settings.json) {
    await mkdir(RESULTS, { recursive: true });
    await writeFile(join(RESULTS, "bench.json"), `${JSON.stringify(result, null, 1)}\n`);
    await writeFile(join(RESULTS, "bench.svg"), drawChart(result));
  }
}

/** Each thread count in a process of its own: some libraries take theirs once for a process. */
async function measureAll(settings: Settings): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), "plainbert-bench-"));
  const runs: Run[] = [];
  try {
    for (const threads of settings.threads) {
      const file = join(folder, `${threads}.json`);
      const argument = JSON.stringify({ ...settings, threads: [threads] });
      const { status } = spawnSync(process.execPath, [join(import.meta.dirname, "run.ts"), file, argument], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      if (status !== 0) throw new Error(`bench: the run with ${threads} threads ended with ${status}`);
      runs.push(JSON.parse(await readFile(file, "utf8")));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return {
    date: new Date().toISOString(),
    machine: `${cpus()[0].model.trim()}, ${cpus().length} CPUs, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`,
    versions: {
      node: process.versions.node,
      v8: process.versions.v8,
      plainbert: JSON.parse(await readFile(join(import.meta.dirname, "..", "package.json"), "utf8")).version,
      ...Object.fromEntries(PEERS.map((name) => [name, peerVersion(name)])),
    },
    settings: { rounds: settings.rounds, turnMs: settings.turnMs },
    runs,
  };
}
