/** Figures for Prometheus: `http://127.0.0.1:METRICS_PORT/metrics`, beside those of the Node process itself. */
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Counter, collectDefaultMetrics, Gauge, register } from "prom-client";
import { whole } from "./faults.ts";

export const lines: Counter<"outcome"> = new Counter({
  name: "bulk_lines_total",
  help: "Lines that this process stored, buried as dead letters, or saw to be settled",
  labelNames: ["outcome"],
});

export const blocks: Counter<"outcome"> = new Counter({
  name: "bulk_blocks_total",
  help: "Blocks that this process added, stored, halved, or left for a later attempt",
  labelNames: ["outcome"],
});

const seconds: Counter<"doing"> = new Counter({
  name: "bulk_worker_seconds_total",
  help: "What the worker did; of several things at once the first of: computing, storing, waiting for a block",
  labelNames: ["doing"],
});

export const databaseWait: Counter = new Counter({
  name: "bulk_database_wait_seconds_total",
  help: "Pauses before a query was tried again, because the database was away",
});

/** Of the producer alone: a worker would say 0. */
export function queuedGauge(): Gauge {
  return new Gauge({ name: "bulk_queued_blocks", help: "Blocks in the queue, as the producer saw" });
}

/** What a worker does beside waiting for a block. */
type Doing = "computing" | "storing";

/** Adds up what a worker does. Each moment counts once, so the sum is the time that has gone by. */
export class Clock {
  private readonly under: Record<Doing, number> = { computing: 0, storing: 0 };
  private since: number = performance.now();

  async during<Result>(doing: Doing, work: () => Promise<Result>): Promise<Result> {
    this.tick();
    this.under[doing]++;
    try {
      return await work();
    } finally {
      this.tick();
      this.under[doing]--;
    }
  }

  /** Counts the time since the last call. */
  tick(): void {
    const now = performance.now();
    const { computing, storing } = this.under;
    const doing = computing > 0 ? "computing" : storing > 0 ? "storing" : "waiting for a block";
    seconds.inc({ doing }, (now - this.since) / 1000);
    this.since = now;
  }
}

/** How long the figures wait for what is read elsewhere, in milliseconds. */
const PATIENCE = 1000;

/** Serves the figures, if METRICS_PORT names a port. @returns ends it */
export function serveMetrics(beforeEach: () => void | Promise<void> = () => {}): () => void {
  if (!process.env.METRICS_PORT) return () => {};
  collectDefaultMetrics();
  const server = createServer(async (_, response) => {
    try {
      await Promise.race([beforeEach(), sleep(PATIENCE)]); // Redis may be away
      response.writeHead(200, { "content-type": register.contentType }).end(await register.metrics());
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  server.on("error", (error) => console.error(`no metrics: ${error.message}`));
  server.listen(whole("METRICS_PORT", process.env.METRICS_PORT), process.env.METRICS_HOST ?? "127.0.0.1");
  return () => {
    server.close();
    server.closeAllConnections();
  };
}
