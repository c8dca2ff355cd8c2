/** A thread of `measurePeak`: runs the loop, each time when all threads are there, and posts when its runs began and ended. */
import { parentPort, workerData } from "node:worker_threads";
import type { Interval } from "./peak.ts";

/** What the thread is given. */
interface PeakWork {
  readonly module: WebAssembly.Module;
  readonly iterations: number;
  readonly runs: number;
  readonly threads: number;
  /** One 32-bit number: how often a thread has come to the beginning of a run. */
  readonly arrived: SharedArrayBuffer;
}

const { module, iterations, runs, threads, arrived }: PeakWork = workerData;
const loop = new WebAssembly.Instance(module).exports.loop as (iterations: number) => void;
const count = new Int32Array(arrived);
const now = () => performance.timeOrigin + performance.now(); // each thread has an origin of its own

const intervals: Interval[] = [];
for (let run = 1; run <= runs; run++) {
  Atomics.add(count, 0, 1);
  Atomics.notify(count, 0);
  for (let there = 0; there < run * threads; there = Atomics.load(count, 0)) Atomics.wait(count, 0, there);
  const start = now();
  loop(iterations);
  intervals.push([start, now()]);
}
parentPort!.postMessage(intervals);
