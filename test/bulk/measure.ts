import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withTable } from "../../bench/harness/markdown.ts";
import type { Services } from "../../examples/bulk-embedding/services.ts";
import type { Database } from "./database.ts";
import { writeLines } from "./lines.ts";
import type { Network } from "./network.ts";
import { cpuSeconds } from "./processes.ts";
import { endOf, type Programs } from "./programs.ts";
import { type Figures, measuredTable, scaleTable } from "./scaleTables.ts";
import { addressesFor, SupervisedWorker } from "./supervised.ts";

/** What is measured with. */
export interface Setting {
  readonly lines: number;
  readonly folder: string;
  readonly network: Network;
  readonly services: Services;
  readonly programs: Programs;
  readonly database: Database;
}

/** Blocks in the queue while its memory is measured. */
const WAITING = 15;
const PAGE = join(import.meta.dirname, "../../docs/at-scale.md");

/**
 * Rates with one, two and three workers, beside as many processes of the library alone, and what ten and a hundred
 * would need by these figures.
 */
export async function measure(setting: Setting): Promise<void> {
  const { lines, folder, database } = setting;
  await writeLines(join(folder, "warm-up.txt"), lines / 5, []); // compilers get to work, connections are made
  const file = join(folder, "measured.txt");
  await writeLines(file, lines, []);
  const runs: Figures[] = [];
  for (const workers of [1, 2, 3]) {
    const before = await libraryAlone(setting, file, workers);
    const figures = await figuresOf(setting, workers);
    const after = await libraryAlone(setting, file, workers);
    const alone = { rate: (before.rate + after.rate) / 2, processor: (before.processor + after.processor) / 2 };
    runs.push({ alone, ...figures });
    console.log(runs.at(-1));
  }
  const count = await database.number("select count(*) from embeddings");
  const upkeep = await upkeepSeconds(setting);
  const row = (await database.number("select pg_total_relation_size('embeddings')")) / count;
  const sizes = { block: await blockMemory(setting, file), row };

  const when = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}`;
  const block = `${(sizes.block / 1024).toFixed(1)} KiB of Redis' memory`;
  const told = `Measured on ${when}: ${machine}, ${lines.toLocaleString("en")} lines. A block of 64 lines that waits takes ${block}, a line with its vector and key ${(row / 1024).toFixed(2)} KiB of the database's disk. \`vacuum analyze\` of the ${count.toLocaleString("en")} lines of all runs took ${upkeep.toFixed(1)} s of processor time.`;
  const page = withTable(readFileSync(PAGE, "utf8"), "bulk", `${measuredTable(runs)}\n${told}\n`);
  writeFileSync(PAGE, withTable(page, "bulk at scale", scaleTable(runs, sizes, [10, 100])));
}

/** So many processes of the library alone, one thread each: lines a second of all, processor time for a line of one. */
async function libraryAlone({ programs }: Setting, file: string, count: number): Promise<Figures["alone"]> {
  const ofEach = await Promise.all(
    Array.from({ length: count }, async () => {
      const child = programs.start([], ["bare.mjs", file], { PLAINBERT_THREADS: "1" }, "pipe");
      let printed = "";
      child.stdout!.setEncoding("utf8").on("data", (text) => {
        printed += text;
      });
      if ((await endOf(child)) !== 0) throw new Error("bare.mjs failed");
      return JSON.parse(printed) as Figures["alone"];
    }),
  );
  const sum = (name: keyof Figures["alone"]) => ofEach.reduce((all, one) => all + one[name], 0);
  return { rate: sum("rate"), processor: sum("processor") / count };
}

async function figuresOf(setting: Setting, count: number): Promise<Omit<Figures, "alone">> {
  const { lines, network, services, programs, database } = setting;
  const addresses = addressesFor(services);
  const workers = Array.from({ length: count }, (_, n) => new SupervisedWorker(n + 1, network, programs, addresses));
  const produce = (name: string) =>
    programs.start([], ["producer.ts", join(setting.folder, name), "--source", `${count} ${name}`], addresses);
  await endOf(produce("warm-up.txt"));

  await database.ask("alter table embeddings set (autovacuum_enabled = off)"); // it comes by the clock, not by the line
  const state = async () => ({
    workers: workers.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
    producer: cpuSeconds(process.pid, "of its ended children"),
    redis: cpuSeconds(services.redis!.pid!),
    postgres: cpuSeconds(services.postgres!.pid!),
    log: await database.number("select pg_current_wal_lsn() - '0/0'::pg_lsn"),
    clocks: await Promise.all(workers.map((worker) => worker.metrics())),
  });
  const before = await state();
  const start = performance.now();
  const producer = produce("measured.txt");
  await sleep(2000); // until all have connected
  const connections = {
    postgres: await database.number(
      "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    ),
    redis: (await database.redis("connected_clients")) - 1, // the one that asks
  };
  if ((await endOf(producer)) !== 0) throw new Error("the producer failed");
  const seconds = (performance.now() - start) / 1000;
  const after = await state();
  for (const worker of workers) await worker.stop();

  const ofLine = (name: "workers" | "producer" | "redis" | "postgres" | "log") => (after[name] - before[name]) / lines;
  const doing = (what: string) => secondsOf(after.clocks, what) - secondsOf(before.clocks, what);
  const [computing, storing, waiting] = ["computing", "storing", "waiting for a block"].map(doing);
  const all = computing + storing + waiting;
  return {
    workers: count,
    rate: lines / seconds,
    computing: computing / all,
    storing: storing / all,
    waiting: waiting / all,
    processor: {
      workers: ofLine("workers"),
      producer: ofLine("producer"),
      redis: ofLine("redis"),
      postgres: ofLine("postgres"),
    },
    log: ofLine("log"),
    connections,
  };
}

/** Processor time for what PostgreSQL does by itself where it is let: it comes when a table has grown by a tenth. */
async function upkeepSeconds({ services, database }: Setting): Promise<number> {
  const before = cpuSeconds(services.postgres!.pid!);
  await database.ask("vacuum analyze embeddings");
  return cpuSeconds(services.postgres!.pid!) - before;
}

/** What workers' metrics say of one of the things that they do, all together. */
function secondsOf(metrics: readonly string[], doing: string): number {
  const line = new RegExp(`^bulk_worker_seconds_total\\{doing="${doing}"\\} (.*)$`, "m");
  return metrics.reduce((sum, text) => sum + Number(line.exec(text)?.[1] ?? 0), 0);
}

/** Bytes of Redis' memory for each block of a window of which none is taken. */
async function blockMemory({ services, programs, database }: Setting, file: string): Promise<number> {
  const before = await database.redis("used_memory");
  const args = ["producer.ts", file, "--source", "waiting", "--window", String(WAITING)];
  const producer = programs.start([], args, addressesFor(services));
  while ((await database.waitingBlocks()) < WAITING) await sleep(100);
  const bytes = ((await database.redis("used_memory")) - before) / WAITING;
  producer.kill("SIGKILL");
  return bytes;
}
