/**
 * Puts a file's lines into the queue, and waits until each is in the table or a dead letter. A window of blocks moves
 * over the file: so many are in the queue at most, which bounds the memory of both. A block that is in the table
 * already is left out, and one that the queue has lost is added again: the same command after a crash goes on.
 *
 *     $ REDIS_URL=… DATABASE_URL=… node producer.ts FILE [--source NAME] [--block LINES] [--window BLOCKS]
 */
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Block } from "./block.ts";
import { fail, fileOf, whole } from "./faults.ts";
import { blocksOf, type Line, linesOf } from "./lines.ts";
import { blocks, databaseWait, lines, queuedGauge, serveMetrics } from "./metrics.ts";
import { Progress } from "./progress.ts";
import { BlockQueue } from "./queue.ts";
import { Table } from "./table.ts";

const USAGE = "usage: node producer.ts FILE [--source NAME] [--block LINES] [--window BLOCKS]";
/** How long the oldest block is waited for, in milliseconds. */
const PATIENCE = 5000;
/** How long a producer that is to end waits for services that do not answer, in milliseconds. */
const GRACE = 1000;

/** `source` is the lines' key in the table, with their number. */
const { file, source, most, width } = settings();
const ending = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (ending.signal.aborted) process.exit(1);
    ending.abort();
    setTimeout(stop, GRACE).unref(); // nothing that it has under way must be finished
  });
}
const table = new Table(1, ending.signal, (seconds) => databaseWait.inc(seconds));
const queue = new BlockQueue();
const queued = queuedGauge();
const closeMetrics = serveMetrics(async () => queued.set(await queue.size()));
const progress = new Progress();

try {
  await table.prepare();
  await produce(file);
} catch (error) {
  if (!ending.signal.aborted) throw error;
} finally {
  progress.end();
  closeMetrics();
  await Promise.all([queue.close(), table.end()]);
}
if (ending.signal.aborted) stop();

function settings() {
  try {
    const options = {
      source: { type: "string" },
      block: { type: "string", default: "64" },
      window: { type: "string", default: "500" },
    } as const;
    const { values, positionals } = parseArgs({ allowPositionals: true, options });
    const file = fileOf(positionals);
    const source = values.source ?? basename(file);
    return { file, source, most: whole("--block", values.block), width: whole("--window", values.window) };
  } catch (error) {
    fail(`${(error as Error).message}\n${USAGE}`);
  }
}

function stop(): never {
  console.log("stopped; run the same command again to go on");
  process.exit(130);
}

async function produce(path: string): Promise<void> {
  const window: Block[] = [];
  for await (const block of blocksOf(source, linesOf(path), most, refuse)) {
    ending.signal.throwIfAborted();
    const dead = await deadOf(block);
    if (dead !== null) {
      count(block, "found", dead);
      continue;
    }
    await queue.add(block);
    blocks.inc({ outcome: "added" });
    window.push(block);
    while (window.length >= width) await settleOldest(window);
  }
  while (window.length > 0) await settleOldest(window);
}

/** Takes the oldest block out of the window when it is settled. One that takes long goes to the end, as others need not. */
async function settleOldest(window: Block[]): Promise<void> {
  const block = window.shift()!;
  for (const start = performance.now(); performance.now() - start < PATIENCE; ) {
    // In this order: what has left the queue before is in the table now.
    const isQueued = await queue.has(block);
    const dead = await deadOf(block);
    if (dead !== null) return count(block, "settled", dead);
    if (!isQueued) {
      await queue.add(block);
      blocks.inc({ outcome: "added again" });
    }
    await sleep(100, undefined, { signal: ending.signal });
  }
  if ((await queue.workers()) === 0) console.error("no worker takes blocks: node worker.ts starts one");
  window.push(block);
}

/** How many of a block's lines are dead letters; null if it is not settled. */
async function deadOf(block: Block): Promise<number | null> {
  const missing = await table.missing(block);
  for (const line of missing) {
    if (!(await queue.isBuried(source, line, block.texts[line - block.first]!))) return null;
  }
  return missing.length;
}

/** A line that is no text is a dead letter at once. */
async function refuse({ line, text, fault }: Line): Promise<void> {
  await queue.bury({ source, line, text, reason: fault! });
  lines.inc({ outcome: "buried" });
  progress.dead++;
  progress.settled++;
}

function count({ texts }: Block, outcome: "found" | "settled", dead: number): void {
  lines.inc({ outcome }, texts.length);
  progress[outcome] += texts.length;
  progress.dead += dead;
}
