/**
 * Takes blocks of lines from the queue, turns them into vectors, and stores these. As many as one likes, on as many
 * machines. Ctrl+C and SIGTERM let it finish the blocks that it has; a second one ends it at once.
 *
 *     $ REDIS_URL=… DATABASE_URL=… node worker.ts [MODEL]
 */
import { type Job, Worker } from "bullmq";
import { BertError, pipeline } from "plainbert";
import { type Block, halvesOf } from "./block.ts";
import { blocks, Clock, databaseWait, lines, serveMetrics } from "./metrics.ts";
import { ATTEMPTS, BLOCKS, BlockQueue, complainOfRedis, connection } from "./queue.ts";
import { isFaultOfValues, Table } from "./table.ts";
import { Turns } from "./turns.ts";

/** Blocks at once: one is stored and the next fetched while another is computed. */
const AT_ONCE = 2;
/** How many workers a line may take with it before it is a dead letter. A block that was lost with one is halved. */
const MOST_LOST = 3;

const ending = new AbortController();
// Processors with a fused multiply-add and those without give the same bits in this way.
const embed = await pipeline("embeddings", process.argv[2], { deterministic: true });
const table = new Table(AT_ONCE, ending.signal, (seconds) => databaseWait.inc(seconds));
const queue = new BlockQueue();
const clock = new Clock();
const turns = new Turns();
await table.prepare();

const worker = new Worker<Block>(
  BLOCKS,
  // What may have taken a worker with it has this one for itself, lest its neighbours be blamed.
  (job) => (job.stalledCounter > 0 ? turns.alone(() => work(job)) : turns.together(() => work(job))),
  {
    connection,
    concurrency: AT_ONCE,
    lockDuration: 10_000, // a block whose worker has not been heard of for so long is another's
    stalledInterval: 5000,
    maxStalledCount: Number.MAX_SAFE_INTEGER, // work says when it is too often
  },
);
worker.on("error", complainOfRedis);
const closeMetrics = serveMetrics(() => clock.tick());
worker.waitUntilReady().then(() => console.log("working"), complainOfRedis);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, end);

/** What becomes of a block: it is stored, or halved, or a dead letter; else BullMQ tries it again after a while. */
async function work(job: Job<Block>): Promise<void> {
  const { data, stalledCounter: lost } = job;
  if (lost >= (data.texts.length > 1 ? 1 : MOST_LOST)) return await setAside(data, `${lost} workers were lost with it`);
  try {
    const vectors = await clock.during("computing", () => vectorsOf(data));
    await clock.during("storing", () => table.store(data, vectors));
    blocks.inc({ outcome: "stored" });
    lines.inc({ outcome: "stored" }, vectors.length);
  } catch (error) {
    if (ending.signal.aborted) throw error;
    const isFaultOfText = isFaultOfValues(error) || (error instanceof BertError && error.code === "ERR_INPUT");
    if (isFaultOfText || job.attemptsMade + 1 >= ATTEMPTS) return await setAside(data, (error as Error).message);
    blocks.inc({ outcome: "failed" });
    throw error;
  }
}

/** A stream, so that no more than two passes of the model are in memory beside the vectors. */
async function vectorsOf({ texts }: Block): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for await (const { data } of embed(texts.values(), { normalize: true })) vectors.push(data);
  return vectors;
}

/** Halves a block, until the line that is bad is alone; the others of the block go on. */
async function setAside(block: Block, reason: string): Promise<void> {
  const halves = halvesOf(block);
  if (halves.length > 0) {
    blocks.inc({ outcome: "halved" });
    return await queue.add(...halves);
  }
  const { source, first: line, texts } = block;
  await queue.bury({ source, line, text: texts[0]!, reason });
  lines.inc({ outcome: "buried" });
}

/** Takes no more blocks, finishes those that there are, and closes everything. */
async function end(): Promise<void> {
  if (ending.signal.aborted) process.exit(1);
  ending.abort();
  await worker.close();
  await Promise.all([queue.close(), table.end(), embed.dispose()]);
  closeMetrics();
  console.log("ended");
  process.exit();
}
