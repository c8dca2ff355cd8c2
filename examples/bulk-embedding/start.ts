/**
 * All of it on one machine: brings up Redis and PostgreSQL on the loopback, starts workers and a producer, and ends
 * everything when each line of the file is settled. What has been stored stays in the folder `data`.
 *
 *     $ npm start
 *     $ npm start -- my-lines.txt --workers 2
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { fail, fileOf, whole } from "./faults.ts";
import { ended, Services, stopped } from "./services.ts";

const USAGE = "usage: npm start -- [FILE] [--workers NUMBER]";

const [file, count] = settings();
const services = new Services();
await services.start();
try {
  process.exitCode = await embedAll(services, file, count);
} finally {
  await services.stop();
}

function settings(): [file: string, workers: number] {
  try {
    const options = { workers: { type: "string", default: "1" } } as const;
    const { values, positionals } = parseArgs({ allowPositionals: true, options });
    return [fileOf(positionals, join(import.meta.dirname, "lines.txt")), whole("--workers", values.workers)];
  } catch (error) {
    fail(`${(error as Error).message}\n${USAGE}`);
  }
}

/** @returns the producer's exit status */
async function embedAll(services: Services, file: string, count: number): Promise<number> {
  const { REDIS_URL, DATABASE_URL } = services.addresses();
  const env = { ...process.env, REDIS_URL, DATABASE_URL };
  const workers = Array.from({ length: count }, () => start(env, "worker.ts"));
  const producer = start(env, "producer.ts", file);
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // The first lets all of them end in their turn, the second does not wait for them.
    process.on(signal, () => {
      signals++;
      for (const child of [producer, ...(signals > 1 ? workers : [])]) child.kill(signals > 1 ? "SIGKILL" : "SIGTERM");
    });
  }
  for (const worker of workers) {
    worker.once("exit", (status, signal) => {
      if (ended(producer)) return;
      const left = workers.filter((one) => !ended(one)).length;
      console.error(`\na worker has ended (${signal ?? status}): ${left > 0 ? `${left} go on` : "none is left"}`);
      if (left === 0) producer.kill("SIGTERM");
    });
  }
  const [status] = await once(producer, "exit");
  await Promise.all(workers.map((worker) => stopped(worker, "SIGTERM")));
  if (status === 0) {
    const source = basename(file).replaceAll("'", "''");
    const query = `select line, left(text, 60) as text, left(embedding::text, 30) as embedding from embeddings where source = '${source}' order by line limit 5`;
    await once(spawn(join(services.bin, "psql"), ["-P", "pager=off", DATABASE_URL, "-c", query], { stdio: "inherit" }), "exit"); // biome-ignore format: one command
    await once(start(env, "deadLetters.ts", "--limit", "5"), "exit");
  }
  return status ?? 1;
}

/** In a process group of its own, so that Ctrl+C ends the producer first, and then the others. */
function start(env: NodeJS.ProcessEnv, name: string, ...args: readonly string[]): ChildProcess {
  const path = join(import.meta.dirname, name);
  return spawn(process.execPath, [path, ...args], { env, stdio: ["ignore", "inherit", "inherit"], detached: true });
}
