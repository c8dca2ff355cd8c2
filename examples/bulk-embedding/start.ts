/**
 * All of it on one machine: brings up Redis and PostgreSQL on the loopback, starts workers and a producer, and ends
 * everything when each line of the file is settled. What has been stored stays in the folder `data`.
 *
 *     $ npm start
 *     $ npm start -- my-lines.txt --workers 2
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Services, stopped } from "./services.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { workers: { type: "string", default: "1" } },
});
const [file = join(import.meta.dirname, "lines.txt")] = positionals;

const services = new Services();
await services.start();
const { REDIS_URL, DATABASE_URL } = services.addresses();
const env = { ...process.env, REDIS_URL, DATABASE_URL };
const workers = Array.from({ length: Number(values.workers) }, () => program("worker.ts"));
const producer = program("producer.ts", file);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => producer.kill(signal));

for (const worker of workers) worker.once("exit", (status) => status !== 0 && producer.kill("SIGTERM")); // nobody works
const [code] = await once(producer, "exit");
await Promise.all(workers.map((worker) => stopped(worker, "SIGTERM")));
if (code === 0) {
  const query =
    "select source, line, left(text, 60) as text, left(embedding::text, 30) as embedding from embeddings limit 5";
  await once(spawn(join(services.bin, "psql"), [DATABASE_URL, "-c", query], { stdio: "inherit" }), "exit");
}
await services.stop();
process.exitCode = code ?? 1;

/** In a process group of its own, so that Ctrl+C ends the producer first, and then the others. */
function program(name: string, ...args: readonly string[]): ChildProcess {
  const stdio = ["ignore", "inherit", "inherit"] as const;
  return spawn(process.execPath, [join(import.meta.dirname, name), ...args], {
    env,
    stdio: [...stdio],
    detached: true,
  });
}
