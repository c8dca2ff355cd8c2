/**
 * Whether `examples/bulk-embedding` keeps its promise: every line in the table exactly once, with the library's bits,
 * whatever happens on the way. Three workers, each in a network namespace of its own with one thread. Each is killed
 * with -9 at random moments, Redis and the producer are killed with -9 once, PostgreSQL is ended at once as in a crash,
 * and one namespace is cut off. One line kills each worker that reads it, others cannot be stored or read. Linux, as
 * root, with iproute2, redis-server and redis-tools.
 *
 *     npm run test:bulk                                        100,000 lines, ten kills of each, a minute cut off
 *     npm run test:bulk -- --lines 3000 --kills 1 --cut 5      whether everything runs
 *     npm run test:bulk -- --measure                           rates instead, into docs/at-scale.md: on an idle machine
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Services, stopped } from "../../examples/bulk-embedding/services.ts";
import { seeded } from "../support/seeded.ts";
import { compareDeadLetters, compareTable } from "./compare.ts";
import { Database } from "./database.ts";
import { badLines, writeLines } from "./lines.ts";
import { measure } from "./measure.ts";
import { HOST, NETWORK, Network } from "./network.ts";
import { peakMebibytes } from "./processes.ts";
import { endOf, installExample, Programs, serviceFolder } from "./programs.ts";
import { addressesFor, SupervisedWorker } from "./supervised.ts";

const WORKERS = 3;
const SOURCE = "lines.txt";
const STORED = 'bulk_lines_total{outcome="stored"}';

const { values } = parseArgs({
  options: {
    lines: { type: "string" },
    kills: { type: "string", default: "10" },
    cut: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    measure: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const lines = Number(values.lines ?? (values.measure ? 20_000 : 100_000));
const [kills, cut, seed] = [Number(values.kills), Number(values.cut), Number(values.seed)];
if (!(lines >= 1000 && kills >= 0 && cut > 0 && seed >= 0))
  throw new Error("--lines must be 1000 or more, others numbers");
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const random = seeded(seed);
const faults: string[] = [];
const folder = installExample();
const place = { folder: join(folder, "data"), hosts: ["127.0.0.1", HOST], network: NETWORK };
process.env.POSTGRES_BIN ??= new Services({ ...place, folder: serviceFolder(), redisPort: 0, postgresPort: 0 }).bin;
using network = new Network(WORKERS);
const services = new Services({ ...place, redisPort: 6397, postgresPort: 5497 });
process.once("exit", endAtOnce);
await services.start();
using programs = new Programs(folder, values.verbose);
const database = new Database(services);
const addresses = addressesFor(services);

if (values.measure) await measure({ lines, folder, network, services, programs, database });
else await endure();
await services.stop();
rmSync(folder, { recursive: true, force: true });
for (const fault of faults) console.log(fault);
process.exitCode = faults.length === 0 ? 0 : 1;

/** What a run that fails or is stopped would leave. */
function endAtOnce(): void {
  for (const child of [services.redis, services.postgres]) child?.kill("SIGKILL");
  network[Symbol.dispose]();
}

async function endure(): Promise<void> {
  console.log(`${lines} lines, seed ${seed}`);
  const bad = badLines(lines);
  const file = join(folder, SOURCE);
  await writeLines(file, lines, bad);
  const start = performance.now();
  const workers = Array.from({ length: WORKERS }, (_, n) => new SupervisedWorker(n + 1, network, programs, addresses));
  const produce = () => programs.start([], ["producer.ts", file], addresses);
  let producer = produce();
  let peak = 0;
  const cutting = { worker: workers[random(WORKERS)], done: Promise.resolve() };

  /** Each begins once so great a share of the lines is in the table. */
  const events: [share: number, what: string, run: () => Promise<void> | void][] = [
    [0.1, `worker ${cutting.worker.n} is cut off for ${cut} s`, beginCut],
    [0.25, "the producer is killed, and started again", restartProducer],
    [0.5, "Redis is killed, and started again", restartRedis],
    [0.7, "PostgreSQL is ended at once, and started again", restartPostgres],
    [0.85, "worker 1 is asked to end, and started again", () => askToEnd(workers[0])],
    ...workers.flatMap((worker) =>
      Array.from({ length: kills }, (): (typeof events)[number] => [
        0.02 + random(9300) / 10_000,
        `worker ${worker.n} is killed`,
        () => kill(worker),
      ]),
    ),
  ];
  events.sort(([one], [other]) => one - other);
  for (const [share, what, run] of events) {
    await untilStored(share * (lines - bad.length));
    if (producer.exitCode !== null) faults.push(`${what}: too late, as all was done`);
    console.log(`${clockOf(start)}  ${(100 * share).toFixed(1)} %: ${what}`);
    await run();
  }
  const status = await endOf(producer);
  console.log(`${clockOf(start)}  the producer has ended`);
  if (status !== 0) faults.push(`the producer ended with ${status}`);
  await cutting.done;
  for (const worker of workers) await endWorker(worker);

  faults.push(...(await compareDeadLetters(programs, addresses, SOURCE, bad)));
  faults.push(...(await compareTable(database, SOURCE, lines, bad)));
  const again = await Promise.race([endOf(produce()), sleep(120_000)]);
  if (again !== 0)
    faults.push(`the producer's second run, without a worker, must find everything done, ended with ${again}`);
  const redis = (await database.redis("used_memory_peak")) / 2 ** 20;
  console.log(`most memory: Redis ${redis.toFixed(1)} MiB, the producer ${peak.toFixed(0)} MiB`);
  console.log(faults.length === 0 ? "Every line is there exactly once, with the right bits." : "It does not hold.");

  async function untilStored(count: number): Promise<void> {
    peak = Math.max(peak, peakMebibytes(producer.pid!));
    while (producer.exitCode === null && !((await database.number("select count(*) from embeddings")) >= count)) {
      await sleep(200);
    }
  }

  async function kill(worker: SupervisedWorker): Promise<void> {
    if (worker === cutting.worker) await cutting.done; // it is to come back by itself
    await worker.kill();
  }

  function beginCut(): void {
    cutting.done = cutOff();
  }

  async function cutOff(): Promise<void> {
    const { worker } = cutting;
    const before = await worker.metric(STORED);
    network.cut(worker.n);
    await sleep(cut * 1000);
    network.join(worker.n);
    console.log(`${clockOf(start)}  worker ${worker.n} is joined again`);
    while (producer.exitCode === null) {
      if ((await worker.metric(STORED)) > before) return;
      await sleep(200);
    }
    faults.push(`worker ${worker.n} stored nothing after it was cut off`);
  }

  async function restartProducer(): Promise<void> {
    await stopped(producer, "SIGKILL");
    producer = produce();
  }
}

async function restartRedis(): Promise<void> {
  await stopped(services.redis, "SIGKILL");
  await sleep(2000);
  await services.startRedis();
}

async function restartPostgres(): Promise<void> {
  await stopped(services.postgres, "SIGQUIT");
  await sleep(2000);
  await services.startPostgres();
}

/** While it works: one that is still loading its model has nothing to finish, and ends by the signal itself. */
async function askToEnd(worker: SupervisedWorker): Promise<void> {
  for (let attempt = 0; attempt < 150 && !((await worker.metric(STORED)) > 0); attempt++) await sleep(200);
  const status = await worker.askToEnd();
  if (status !== 0) faults.push(`worker ${worker.n} ended with ${status} when it was asked to`);
}

async function endWorker(worker: SupervisedWorker): Promise<void> {
  const memory = peakMebibytes(worker.pid);
  const isLoading = !Number.isFinite(await worker.metric(STORED)); // since it was last killed
  const status = await worker.stop();
  if (status !== 0 && !(isLoading && status === "SIGTERM"))
    faults.push(`worker ${worker.n} ended with ${status} on SIGTERM`);
  if (worker.kills !== kills) faults.push(`worker ${worker.n} was killed ${worker.kills} times`);
  const others = worker.ends.filter((how) => how !== "SIGKILL");
  if (others.length > 0) faults.push(`worker ${worker.n} ended by itself: ${others}`);
  const lost = worker.ends.length;
  console.log(
    `worker ${worker.n}: killed ${worker.kills} times, by its line ${lost} times, ${memory.toFixed(0)} MiB at most`,
  );
}

function clockOf(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(0).padStart(5)} s`;
}
