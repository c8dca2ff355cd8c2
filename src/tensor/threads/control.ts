/**
 * The block of shared memory through which the threads of a pool agree. One thread publishes a job: the name of a
 * kernel, its arguments, and how many chunks the work is cut into. Whoever is free takes chunks until there are none.
 *
 * The publisher writes the job, then its number into TICKET and JOB. A chunk is taken by raising TICKET, which holds
 * the job's number too, from n to n + 1: that fails if another thread was faster or the job is over, so a late thread
 * can neither take a chunk of a job that it has not read nor one of a job that has ended. Before it reads a job a
 * helper says so in its slot, and clears the slot when it is done; a job is over when TICKET is exhausted and no slot
 * has its number.
 */
import { stackOf } from "../../realm.ts";

/** Word indices in `words`. What different threads write in a hurry stands 64 bytes, a cache line, apart. */
const TICKET = 0;
const JOB = 16;
const SLEEPING = 32;
/** Which publisher has the helpers; 0 if none has. */
const OWNER = 48;
const KERNEL = 64;
const ARGUMENTS = 65;
const TOTAL = 66;
const GRAIN = 67;
const CHUNKS = 68;
/** The job in which a kernel threw in a helper, and the length of the text that it left. */
const FAILED = 69;
const FAILURE_LENGTH = 70;
/** The job in which a helper died. */
const DIED = 71;
const SLOTS = 80;
const LINE = 16;

/**
 * A ticket's lower bits count chunks, its upper ones jobs: a thread would have to sleep through 2^20 to mistake one.
 */
const CHUNK_BITS = 12;
/** The most chunks that a job can be cut into. */
export const MAX_CHUNKS: number = (1 << CHUNK_BITS) - 1;
const JOB_MASK = 0xfffff;
/** The most arguments that a kernel can have, begin and end not counted. */
export const MAX_ARGUMENTS = 32;
const TEXT_BYTES = 4096;

/**
 * How long a helper looks for the next job before it sleeps: longer than what a layer computes on one thread between
 * two jobs, as waking one takes some 80 µs (Node 26, two cores).
 */
const SPIN_MS = 1;
/** Reading the clock takes as long as some ten looks. */
const LOOKS_PER_CLOCK = 64;
/** A helper that has not finished its chunk after this many waits of PATIENCE_MS is given up. */
const PATIENCE = 200;
const PATIENCE_MS = 100;

/** Takes numbers, of which the last two are begin and end, the range of outputs to compute. */
export type Kernel = (...args: number[]) => void;

/** What a helper's end means for a job in progress. */
export type Outcome = "done" | "failed" | "died" | "silent";

/** One thread's view of the block of memory: it publishes jobs, or helps with those of others. */
export class Control {
  readonly buffer: SharedArrayBuffer;
  readonly helpers: number;
  private readonly words: Int32Array;
  private readonly args: Float64Array;
  private readonly text: Uint8Array;

  /** @param helpers how many threads help the publisher */
  constructor(helpers: number, buffer?: SharedArrayBuffer) {
    const wordBytes = (SLOTS + helpers * LINE) * 4;
    this.helpers = helpers;
    this.buffer = buffer ?? new SharedArrayBuffer(wordBytes + MAX_ARGUMENTS * 8 + TEXT_BYTES);
    this.words = new Int32Array(this.buffer, 0, wordBytes / 4);
    this.args = new Float64Array(this.buffer, wordBytes, MAX_ARGUMENTS);
    this.text = new Uint8Array(this.buffer, wordBytes + MAX_ARGUMENTS * 8, TEXT_BYTES);
  }

  /** Takes the helpers for one job; false if another publisher has them. */
  acquire(owner: number): boolean {
    return Atomics.compareExchange(this.words, OWNER, 0, owner) === 0;
  }

  release(owner: number): void {
    Atomics.compareExchange(this.words, OWNER, owner, 0);
  }

  /** Makes a job known to the helpers, and wakes as many as it has chunks for. Returns its number. */
  publish(kernel: number, args: readonly number[], total: number, grain: number): number {
    const { words } = this;
    const job = (words[JOB] + 1) & JOB_MASK || 1; // 0 is an empty slot
    let chunks = 0;
    for (let at = 0; at < total; chunks++) at += this.chunkSize(total - at, grain);
    // First nothing can be taken: a late helper might else take a chunk of the last job by the words of this one.
    this.close(words[JOB]);
    words[FAILED] = 0;
    words[DIED] = 0;
    words[KERNEL] = kernel;
    words[ARGUMENTS] = args.length;
    words[TOTAL] = total;
    words[GRAIN] = grain;
    words[CHUNKS] = chunks;
    this.args.set(args);
    Atomics.store(words, TICKET, job << CHUNK_BITS);
    Atomics.store(words, JOB, job);
    if (Atomics.load(words, SLEEPING) > 0) Atomics.notify(words, JOB, chunks - 1);
    return job;
  }

  /** Takes chunks of a job and runs them until there are none left. @throws what the kernel throws */
  work(job: number, kernels: readonly Kernel[]): void {
    const { words } = this;
    const kernel = kernels[words[KERNEL]];
    const args = Array.from(this.args.subarray(0, words[ARGUMENTS]));
    const [total, grain, chunks] = [words[TOTAL], words[GRAIN], words[CHUNKS]];
    let begin = 0; // where chunk `reached` does
    let reached = 0;
    let ticket = Atomics.load(words, TICKET);
    while (ticket >>> CHUNK_BITS === job) {
      const chunk = ticket & MAX_CHUNKS;
      if (chunk >= chunks) return;
      const found = Atomics.compareExchange(words, TICKET, ticket, ticket + 1);
      if (found === ticket) {
        for (; reached < chunk; reached++) begin += this.chunkSize(total - begin, grain);
        kernel(...args, begin, Math.min(total, begin + this.chunkSize(total - begin, grain)));
        ticket = Atomics.load(words, TICKET);
      } else ticket = found;
    }
  }

  /**
   * How much of what is left the next chunk takes: a thread's whole share, in multiples of the grain (guided
   * self-scheduling, Polychronopoulos & Kuck 1987). Chunks are long at first, as reading on without a break is faster,
   * and short at the end, so that all threads are done at the same time. For 16 tokens on two cores the encoder takes
   * 23 ms so and 28 in chunks of one grain; shares halved, 25.
   */
  private chunkSize(left: number, grain: number): number {
    return Math.ceil(left / ((this.helpers + 1) * grain)) * grain;
  }

  /** Leaves no chunk to take. */
  close(job: number): void {
    Atomics.store(this.words, TICKET, (job << CHUNK_BITS) | MAX_CHUNKS);
  }

  /** Waits until no helper works on the job any more. */
  join(job: number): Outcome {
    const { words } = this;
    let outcome: Outcome = "done";
    for (let helper = 0; helper < this.helpers && outcome === "done"; helper++) {
      if (!this.waitWhile(SLOTS + helper * LINE, job)) outcome = "silent";
    }
    if (Atomics.load(words, DIED) === job) return "died";
    return Atomics.load(words, FAILED) === job ? "failed" : outcome;
  }

  /** False if the word still has that value after PATIENCE · PATIENCE_MS. */
  private waitWhile(index: number, value: number): boolean {
    const { words } = this;
    let waits = 0;
    let since = performance.now();
    // Not Atomics.wait: a page may not, and whoever finishes a chunk would have to wake the publisher.
    for (let looks = 1; Atomics.load(words, index) === value; looks++) {
      if (looks % LOOKS_PER_CLOCK !== 0) continue;
      const now = performance.now();
      if (now - since < PATIENCE_MS) continue;
      // One step however long it was: a process that was stopped and continued has not waited.
      since = now;
      if (++waits === PATIENCE) return false;
    }
    return true;
  }

  /** The life of a helper: it ends with its worker. */
  help(helper: number, kernels: readonly Kernel[]): never {
    const { words } = this;
    const slot = SLOTS + helper * LINE;
    let last = 0;
    for (;;) {
      const job = this.awaitJob(last);
      last = job;
      Atomics.store(words, slot, job);
      try {
        this.work(job, kernels);
      } catch (error) {
        this.fail(job, error);
      }
      Atomics.store(words, slot, 0);
    }
  }

  private awaitJob(last: number): number {
    const { words } = this;
    const start = performance.now();
    for (let looks = 1; ; looks++) {
      const job = Atomics.load(words, JOB);
      if (job !== last) return job;
      if (looks % LOOKS_PER_CLOCK === 0 && performance.now() - start > SPIN_MS) break;
    }
    Atomics.add(words, SLEEPING, 1);
    while (Atomics.load(words, JOB) === last) Atomics.wait(words, JOB, last);
    Atomics.sub(words, SLEEPING, 1);
    return Atomics.load(words, JOB);
  }

  private fail(job: number, error: unknown): void {
    const text = stackOf(error);
    const bytes = new TextEncoder().encode(text).subarray(0, TEXT_BYTES);
    if (Atomics.exchange(this.words, FAILED, job) !== job) {
      this.text.set(bytes); // the slot, cleared after this, makes it visible
      Atomics.store(this.words, FAILURE_LENGTH, bytes.length);
    }
    this.close(job);
  }

  /** The stack of the error that made a helper fail. */
  failure(): string {
    return new TextDecoder().decode(this.text.slice(0, this.words[FAILURE_LENGTH]));
  }

  /** A helper has died: the job that it was in, if any, must not wait for it. */
  bury(helper: number): void {
    const { words } = this;
    const job = Atomics.load(words, SLOTS + helper * LINE);
    if (job === 0) return;
    Atomics.store(words, DIED, job);
    Atomics.store(words, SLOTS + helper * LINE, 0);
  }
}
