/** The queue of blocks of lines, and the dead letters: lines that cannot be embedded, each with the reason. */
import { type ConnectionOptions, Queue } from "bullmq";
import { type Block, type DeadLetter, halvesOf } from "./block.ts";
import { address } from "./faults.ts";

export const BLOCKS = "plainbert-blocks";
const DEAD_LETTERS = "plainbert-dead-letters";

/** How often a block that failed is tried before it is halved, and a line before it is a dead letter. */
export const ATTEMPTS = 5;

/** Commands wait while Redis is away, and are sent again: adding a block twice under one id adds it once. */
export const connection: ConnectionOptions = {
  url: address("REDIS_URL", "redis://127.0.0.1:6399", ["redis:", "rediss:"]),
  maxRetriesPerRequest: null,
  keepAlive: 10_000,
};

export class BlockQueue {
  private readonly blocks = new Queue<Block>(BLOCKS, { connection });
  private readonly dead = new Queue<DeadLetter>(DEAD_LETTERS, { connection });

  /** @param onError is told that Redis is away; the commands wait for it */
  constructor(onError: (error: Error) => void = complainOfRedis) {
    for (const queue of [this.blocks, this.dead]) queue.on("error", onError);
  }

  /** Adds blocks; those that are in the queue already stay as they are. */
  async add(...blocks: readonly Block[]): Promise<void> {
    const opts = {
      attempts: ATTEMPTS,
      backoff: { type: "exponential", delay: 500, jitter: 0.5 },
      removeOnComplete: true, // what is done is in the table, and the id is free again
      removeOnFail: true,
    };
    await this.blocks.addBulk(blocks.map((data) => ({ name: "block", data, opts: { ...opts, jobId: idOf(data) } })));
  }

  /** Whether the block is waiting or under way, as a whole or in halves. */
  async has(block: Block): Promise<boolean> {
    if (await this.blocks.getJob(idOf(block))) return true;
    for (const half of halvesOf(block)) if (await this.has(half)) return true;
    return false;
  }

  /** Blocks in the queue, those under way among them. */
  async size(): Promise<number> {
    return await this.blocks.getJobCountByTypes("wait", "active", "delayed", "prioritized", "paused");
  }

  /** How many workers are connected. */
  async workers(): Promise<number> {
    return await this.blocks.getWorkersCount();
  }

  /** A line is one dead letter however often it is buried. */
  async bury(letter: DeadLetter): Promise<void> {
    await this.dead.add("line", letter, { jobId: letterId(letter.source, letter.line) });
  }

  /** Whether this line is a dead letter; one of another text in its place is removed. */
  async isBuried(source: string, line: number, text: string): Promise<boolean> {
    const job = await this.dead.getJob(letterId(source, line));
    if (job && job.data.text !== text) await job.remove();
    return job?.data.text === text;
  }

  /** All dead letters, of which no more than a hundred are in memory. */
  async *deadLetters(): AsyncGenerator<DeadLetter> {
    for (let start = 0; ; start += 100) {
      const jobs = await this.dead.getJobs(["wait"], start, start + 99, true);
      for (const { data } of jobs) yield data;
      if (jobs.length === 0) return;
    }
  }

  /** Forgets the dead letters: the next run of a producer adds their lines again. */
  async clearDeadLetters(): Promise<void> {
    await this.dead.drain();
  }

  async close(): Promise<void> {
    await Promise.all([this.blocks.close(), this.dead.close()]);
  }
}

let complained = Number.NEGATIVE_INFINITY;

/** Says what is wrong with the connection, every ten seconds at most: the clients try again several times a second. */
export function complainOfRedis({ message }: Error): void {
  if (performance.now() - complained < 10_000) return;
  complained = performance.now();
  console.error(`Redis: ${message}; trying again`);
}

/** BullMQ keeps colons for itself, and whole numbers. */
function idOf({ source, first, texts }: Block): string {
  return `${encodeURIComponent(source)}-${first}-${texts.length}`;
}

function letterId(source: string, line: number): string {
  return `${encodeURIComponent(source)}-${line}`;
}
