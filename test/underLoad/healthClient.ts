/**
 * Asks /health every 100 ms, in a thread of its own so that what else the test does makes no answer late. A message ends
 * it; it gives `HealthTimes`.
 */
import { Agent } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import { ask } from "./httpClient.ts";

/** How a service has answered /health. */
export interface HealthTimes {
  /** Milliseconds until each answer with status 200. */
  readonly milliseconds: readonly number[];
  /** Other answers, and none at all. */
  readonly failures: readonly string[];
}

const EVERY = 100;
const PATIENCE = 60_000;

const milliseconds: number[] = [];
const failures: string[] = [];
const agent = new Agent(); // each request by a connection of its own, as probes do

async function askOnce(): Promise<void> {
  const start = performance.now();
  try {
    const { status } = await ask(agent, workerData, { method: "GET", path: "/health" }, AbortSignal.timeout(PATIENCE));
    if (status === 200) milliseconds.push(performance.now() - start);
    else failures.push(`status ${status}`);
  } catch (error) {
    failures.push(String(error));
  }
}

const asking = new Set<Promise<void>>();
const timer = setInterval(() => {
  const asked = askOnce().finally(() => asking.delete(asked));
  asking.add(asked); // whether or not those before are answered
}, EVERY);
parentPort?.once("message", async () => {
  clearInterval(timer);
  await Promise.all(asking);
  const times: HealthTimes = { milliseconds, failures };
  parentPort?.postMessage(times);
});
