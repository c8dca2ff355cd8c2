import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withTable } from "../../bench/harness/markdown.ts";
import type { Services } from "../../examples/bulk-embedding/services.ts";
import { cpuSeconds } from "./cpuSeconds.ts";
import type { Database } from "./database.ts";
import { writeLines } from "./lines.ts";
import type { Network } from "./network.ts";
import { endOf, type Programs } from "./programs.ts";
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

/** Lines that each run begins with, unmeasured: compilers warm up, connections are made. */
const WARM_UP = 3000;
/** Blocks in the queue while its memory is measured. */
const WAITING = 200;
const PAGE = join(import.meta.dirname, "../../docs/at-scale.md");

/** Rates with one, two and three workers, beside as many processes of the library alone; writes them into the page. */
export async function measure(setting: Setting): Promise<void> {
  const { lines, folder } = setting;
  await writeLines(join(folder, "warm-up.txt"), WARM_UP, []);
  const file = join(folder, "measured.txt");
  await writeLines(file, lines, []);
  const rows: string[][] = [];
  for (const workers of [1, 2, 3]) {
    const alone = await bareRate(setting, file, workers);
    const figures = await rateOf(setting, file, workers, alone);
    rows.push([String(workers), ...figures]);
    console.log(rows.at(-1)!.join(" | "));
  }
  const queue = await queueMemory(setting, file);
  const head = [
    "workers",
    "lines a second",
    "library alone",
    "cost of queue and table",
    "computing, storing, waiting for a block",
    "processor time for 1,000 lines: workers, producer, Redis, PostgreSQL",
    "written ahead, for a line",
    "connections: PostgreSQL, Redis",
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const table = [line(head), `|${"---|".repeat(head.length)}\n`, ...rows.map(line)].join("");
  const [size, count] = (await setting.database.ask(
    "select pg_total_relation_size('embeddings'), count(*) from embeddings",
  ))!.split("|");
  const when = `On ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}, ${lines} lines.`;
  const sizes = `A block of 64 lines takes ${(queue / 1024).toFixed(1)} KiB of Redis' memory, a line with its vector and key ${(Number(size) / Number(count) / 1024).toFixed(2)} KiB of the database's disk.`;
  const text = `${table}\n${when} ${sizes}\n`;
  console.log(text);
  writeFileSync(PAGE, withTable(readFileSync(PAGE, "utf8"), "bulk", text));
}

/** Lines a second of so many processes of the library alone, one thread each, in all. */
async function bareRate({ programs }: Setting, file: string, count: number): Promise<number> {
  const rates = Array.from({ length: count }, async () => {
    const child = programs.start([], ["bare.mjs", file], { PLAINBERT_THREADS: "1" }, "pipe");
    let printed = "";
    child.stdout!.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    await endOf(child);
    return Number(printed);
  });
  return (await Promise.all(rates)).reduce((sum, rate) => sum + rate);
}

/** The cells of a row. */
async function rateOf(setting: Setting, file: string, count: number, alone: number): Promise<string[]> {
  const { lines, network, services, programs, database } = setting;
  const addresses = addressesFor(services);
  const workers = Array.from({ length: count }, (_, n) => new SupervisedWorker(n + 1, network, programs, addresses));
  const produce = (path: string) =>
    programs.start([], ["producer.ts", path, "--source", `${count} workers ${path}`], addresses);
  await endOf(produce(join(setting.folder, "warm-up.txt")));

  const pids = { Redis: services.redis!.pid!, PostgreSQL: services.postgres!.pid! };
  const used = () => ({
    workers: workers.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
    redis: cpuSeconds(pids.Redis),
    postgres: cpuSeconds(pids.PostgreSQL),
    producer: cpuSeconds(process.pid, "of its ended children"),
  });
  const clocks = async () => Promise.all(workers.map((worker) => worker.metrics()));
  const [before, clocksBefore] = [used(), await clocks()];
  const logBefore = await written(database);
  const start = performance.now();
  const producer = produce(file);
  await sleep(2000);
  const connections = `${await database.number("select count(*) from pg_stat_activity where usename = 'plainbert' and pid <> pg_backend_pid() and backend_type = 'client backend'")}, ${await database.redis("connected_clients")}`;
  if ((await endOf(producer)) !== 0) throw new Error("the producer failed");
  const seconds = (performance.now() - start) / 1000;
  const log = ((await written(database)) - logBefore) / lines;
  const [after, clocksAfter] = [used(), await clocks()];
  for (const worker of workers) await worker.stop();

  const rate = lines / seconds;
  const perThousand = (name: keyof typeof before) => `${((1000 * (after[name] - before[name])) / lines).toFixed(3)} s`;
  return [
    rate.toFixed(0),
    alone.toFixed(0),
    `${(100 * (1 - rate / alone)).toFixed(0)} %`,
    shares(clocksBefore, clocksAfter),
    (["workers", "producer", "redis", "postgres"] as const).map(perThousand).join(", "),
    `${(log / 1024).toFixed(2)} KiB`,
    connections,
  ];
}

/** What workers did, each as a share of their time. */
function shares(before: readonly string[], after: readonly string[]): string {
  const seconds = ["computing", "storing", "waiting for a block"].map((doing) => {
    const of = (texts: readonly string[]) =>
      texts.reduce(
        (sum, text) => sum + Number(text.split(`bulk_worker_seconds_total{doing="${doing}"} `)[1]?.split("\n")[0] ?? 0),
        0,
      );
    return of(after) - of(before);
  });
  const all = seconds.reduce((sum, one) => sum + one);
  return seconds.map((one) => `${((100 * one) / all).toFixed(1)} %`).join(", ");
}

/** Bytes of PostgreSQL's log since its beginning. */
async function written(database: Database): Promise<number> {
  return await database.number("select pg_current_wal_lsn() - '0/0'::pg_lsn");
}

/** Bytes of Redis' memory for each block of a full window, of which none is taken. */
async function queueMemory({ services, programs, database }: Setting, file: string): Promise<number> {
  const before = await database.redis("used_memory");
  const args = ["producer.ts", file, "--source", "waiting", "--window", String(WAITING)];
  const producer = programs.start([], args, addressesFor(services));
  while ((await database.waitingBlocks()) < WAITING) await sleep(100);
  const bytes = ((await database.redis("used_memory")) - before) / WAITING;
  producer.kill("SIGKILL");
  return bytes;
}
