/**
 * Whether `plainbert serve` holds under load. Clients ask everything that it answers, some of them malformed, a tenth of
 * them impatient; each answer is compared with the library's, bit by bit, and the service's memory must not grow. Five
 * rounds of the same phases, so that the rounds' memory can be compared; the first is for warming up.
 *
 *     npm run test:load                       the package's embedding model, thirty minutes
 *     npm run test:load -- --minutes 1        whether everything runs
 *     npm run test:load -- --model base       BERT-base's sizes, synthetic weights
 *     npm run test:load -- --save             writes bench/results/load-MODEL.json and the table of docs/serving.md too
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { withTable } from "../../bench/harness/markdown.ts";
import { loadBert } from "../../src/pipelines/index.ts";
import { seeded } from "../support/seeded.ts";
import { impatientClients, steadyClients, type Target } from "./clients.ts";
import { type Ending, endUnderLoad } from "./ending.ts";
import type { HealthTimes } from "./healthClient.ts";
import { idleConnections, malformedRequests, slowSenders } from "./hostileClients.ts";
import { type LibraryAnswers, libraryAnswers } from "./libraryAnswers.ts";
import { faultsOf, type LoadResult, loadTable, type MemorySample, memoryByRound, percentiles } from "./loadReport.ts";
import { type Info, requestMixture } from "./requests.ts";
import { ServedProcess } from "./servedProcess.ts";
import { Tally } from "./tally.ts";

const ROOT = join(import.meta.dirname, "../..");
const ROUNDS = 5;
const IDLE = 5000;
const SLOW = 200;
/** Seconds that slow senders go on while the service ends. */
const SLOW_AT_END = 5;
/** The service's default. */
const MOST_AT_ONCE = 512;
/** Figures that are kept are of so many minutes at least. */
const SAVED_FROM = 30;

/** What runs beside the clients, for so many seconds. */
type Beside = "malformed requests" | "slow senders" | "idle connections";

/** So many clients, and what is beside them. */
type Phase = readonly [connections: number, beside?: Beside];

/** What can be served. */
const MODELS = {
  small: {
    title: "the package's embedding model",
    folder: join(ROOT, "weights/embeddings"),
    options: [],
    texts: 500,
    phases: [
      [1],
      [8, "malformed requests"],
      [64, "slow senders"],
      [256, "idle connections"],
      [512, "slow senders"],
    ] as Phase[],
  },
  base: {
    title: "BERT-base's sizes",
    folder: join(ROOT, ".cache/bert-base-synthetic"),
    options: ["--model", join(ROOT, ".cache/bert-base-synthetic")],
    texts: 100,
    // Beyond these a request waits for minutes.
    phases: [[1], [4, "malformed requests"], [8, "slow senders"], [16, "idle connections"], [32]] as Phase[],
  },
} as const;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    model: { type: "string", default: "small" },
    save: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, got ${values.minutes}`);
if (values.save && minutes < SAVED_FROM) throw new Error(`--save must come with --minutes ${SAVED_FROM} or more`);
if (values.model !== "small" && values.model !== "base") {
  throw new Error(`--model must be small or base, got ${values.model}`);
}
const model = MODELS[values.model];
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130)); // and the service

const random = seeded(1);
if (values.model === "base") execFileSync(process.execPath, [join(ROOT, "scripts/syntheticCheckpoint.ts")]);
console.log(`${model.texts} texts: what the library answers`);
const answers = await answersOfLibrary();

const service = await ServedProcess.start([join(ROOT, "dist/cli/main.js"), "serve", "--port", "0", ...model.options]);
const { address } = service;
const text = await (await fetch(`${address}info`)).text();
const info: Info = { text, limit: JSON.parse(text).max_input_length };
const tally = new Tally();
const target: Target = { address, tally, draw: requestMixture(answers, info, random) };
const faults: string[] = [];
let [round, idle] = [1, IDLE];

const samples: MemorySample[] = [];
const sampling = setInterval(async () => {
  const mebibytes = await service.residentMemory();
  if (mebibytes !== null) samples.push({ round, mebibytes });
}, 1000);
const health = new Worker(new URL("./healthClient.ts", import.meta.url), { workerData: address });

const seconds = (minutes * 60) / (ROUNDS * model.phases.length);
for (; round <= ROUNDS && service.isRunning; round++) {
  for (const phase of model.phases) if (service.isRunning) await run(phase);
}
clearInterval(sampling);
const told = once(health, "message");
health.postMessage("end");
const [healthTimes]: HealthTimes[] = await told;
const ending = await endOfService();
if (service.errors !== "") faults.push(`it wrote to standard error: ${service.errors.slice(0, 2000)}`);

const result: LoadResult = {
  date: new Date().toISOString(),
  machine: `${cpus().length} × ${cpus()[0].model.trim()}`,
  node: process.versions.node,
  model: model.title,
  minutes,
  connections: model.phases.map(([connections]) => connections),
  counts: tally.counts,
  latency: percentiles(tally.latencies),
  health: percentiles(healthTimes.milliseconds),
  healthFailures: healthTimes.failures.length,
  memory: memoryByRound(samples),
  idle,
  ending,
};
const found = faultsOf(result, healthTimes, faults);
console.log(`\n${loadTable(result)}`);
for (const line of [...tally.faults, ...found]) console.log(line);
console.log(found.length === 0 ? "The service holds." : "The service does not hold.");
if (values.save) save(result);
process.exitCode = found.length === 0 ? 0 : 1;

async function answersOfLibrary(): Promise<LibraryAnswers> {
  await using bert = await loadBert(model.folder, { architecture: "BertModel" });
  return await libraryAnswers(bert, model.texts, random); // before the model is gone
}

/** A tenth of the clients is impatient. */
async function run([connections, beside]: Phase): Promise<void> {
  const impatient = Math.floor(connections / 10);
  const slow = beside === "slow senders" ? SLOW : 0;
  // A place is free again a moment after its client has gone.
  tally.mayRefuse = connections + impatient + slow > MOST_AT_ONCE;
  await untilAnswered();
  await Promise.all([
    steadyClients(target, connections - impatient, seconds),
    impatientClients(target, impatient, seconds, random),
    runBeside(beside).catch((error) => void faults.push(`${beside}: ${error}`)),
  ]);
  const { right, wrong, unexpected, lost, overloaded, givenUp } = tally.counts;
  const memory = await service.residentMemory();
  const counts = `${right} right, ${wrong} wrong, ${unexpected} unexpected, ${lost} lost, ${overloaded} 429, ${givenUp} given up`;
  console.log(`round ${round} of ${ROUNDS}, ${[connections, beside ?? "alone"].join(", ")}: ${counts}; ${memory?.toFixed(0)} MiB`); // biome-ignore format: one line
}

async function runBeside(beside: Beside | undefined): Promise<void> {
  if (beside === "slow senders") await slowSenders(address, SLOW, seconds);
  if (beside === "idle connections") idle = Math.min(idle, await idleConnections(address, IDLE, seconds));
  if (beside === "malformed requests") {
    for (const fault of await malformedRequests(address)) faults.push(`malformed: ${fault}`);
  }
}

async function endOfService(): Promise<Ending> {
  if (!service.isRunning) {
    faults.push("the service has ended");
    return { inFlight: 0, answered: 0, refused: 0, status: await service.ended };
  }
  const slow = slowSenders(address, SLOW, SLOW_AT_END).catch((error) => void faults.push(`slow senders: ${error}`));
  const [connections] = model.phases[model.phases.length - 1];
  const ending = await endUnderLoad(service, target, Math.min(64, connections));
  await slow;
  return ending;
}

/** Until the places of those that were given up are free. */
async function untilAnswered(): Promise<void> {
  const body = JSON.stringify({ inputs: "a" });
  const headers = { "content-type": "application/json" };
  for (let attempt = 0; attempt < 100 && service.isRunning; attempt++) {
    const response = await fetch(`${address}embed`, { method: "POST", headers, body }).catch(() => null);
    await response?.arrayBuffer();
    if (response?.status === 200) return;
    await new Promise((later) => setTimeout(later, 100));
  }
}

function save(saved: LoadResult): void {
  const page = join(ROOT, "docs/serving.md");
  writeFileSync(join(ROOT, `bench/results/load-${values.model}.json`), `${JSON.stringify(saved, null, 1)}\n`);
  writeFileSync(page, withTable(readFileSync(page, "utf8"), `load ${values.model}`, loadTable(saved)));
}
