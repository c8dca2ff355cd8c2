import { BertError } from "../../errors.ts";
import { messageOf } from "../../realm.ts";
import { Control, type Kernel, MAX_ARGUMENTS, MAX_CHUNKS, type Outcome } from "./control.ts";
import { startWorker, type WorkerHandle, type WorkerModule, whyNotStarted } from "./platform.ts";

/** How a pool starts its helpers. */
export interface Helpers {
  /** The module of a helper: it makes its kernels, says that it is ready, and calls `Control.help`. */
  readonly worker: WorkerModule;
  /**
   * The one message to a helper. `postMessage` can carry it, and it has all from which the helper makes the pool's
   * kernels.
   *
   * @param index which helper, from 0
   */
  message(pool: SharedPool, index: number): unknown;
}

/** How large a pool is, and where its workers' files are. */
export interface PoolOptions {
  /** How many threads compute, the caller's included. */
  readonly threads: number;
  /** The folder with the helpers' file, where it is not where their module says. */
  readonly assets?: string | URL | undefined;
}

/** The kernels of this thread by name: every thread of a pool must make them in the same order. */
export type KernelTable = Readonly<Record<string, Kernel>>;

/** A pool as another thread joins it: `postMessage` can carry it. */
export interface SharedPool {
  /** The block of memory through which the threads agree (control.ts). */
  readonly control: SharedArrayBuffer;
  /** How many helpers the pool has. */
  readonly helpers: number;
}

/** The publishers of a pool: the thread that made it, and the one that joined it. */
const MAKER = 1;
const JOINER = 2;

/**
 * Threads that run one kernel together. The one that calls `parallel` works too; the others, helpers, wait for it.
 *
 * A kernel is given `begin` and `end`, a range of output rows, columns or heads, and computes all of each of them. No
 * sum is ever split, so the number of threads does not change a bit of the result.
 */
export class Pool {
  private readonly kernels: readonly Kernel[];
  private readonly numbers: ReadonlyMap<string, number>;
  private readonly control: Control;
  /** How helpers are started; null in a pool that was joined, as its maker starts them. */
  private readonly starter: Helpers | null;
  /** The folder with the helpers' file, where it is not where their module says. */
  readonly assets: string | URL | undefined;
  private readonly workers: WorkerHandle[] = [];
  /** How many helpers could not start. */
  private lost = 0;
  private whyLost: string | null = null;
  private state: "new" | "started" | "disposed" = "new";

  /** Call `createPool` or `joinPool`. */
  constructor(table: KernelTable, control: Control, starter: Helpers | null, assets?: string | URL) {
    this.kernels = Object.values(table);
    this.numbers = new Map(Object.keys(table).map((name, i) => [name, i]));
    this.control = control;
    this.starter = starter;
    this.assets = assets;
  }

  /** How many threads compute, the caller's included; fewer than the option says once a worker could not start. */
  get threads(): number {
    return this.control.helpers + 1 - this.lost;
  }

  /** Why there are fewer threads than the option says; null if there are not. */
  get whyFewer(): string | null {
    return this.whyLost;
  }

  /** The platform starts no worker: from now on the caller's thread computes alone. */
  giveUp(reason: string): void {
    this.whyLost = reason;
    this.lost = this.control.helpers;
    void this.dispose();
  }

  /**
   * Runs `kernel(...args, begin, end)` over 0 … total, in chunks of `grain`, and returns when all are done. Work of one
   * chunk stays on this thread. So does all of it while another thread has the helpers: no thread ever waits for them.
   *
   * With nothing to compute, a call that two threads share takes 0.9 µs, the median 1.1 (Node 26, two cores, helper
   * awake), and one that is not shared 0.1. So work of 12 µs is worth cutting in two: 8,192 elements of gelu take 7.
   *
   * @throws BertError ERR_BACKEND the kernel failed on another thread, or that thread ended; what the kernel throws
   *   here
   */
  parallel(kernel: string, args: readonly number[], total: number, grain: number): void {
    const number = this.numbers.get(kernel);
    if (number === undefined || args.length > MAX_ARGUMENTS || !(grain >= 1)) {
      throw new BertError(
        "ERR_BACKEND",
        `parallel: kernel must be one of ${[...this.numbers.keys()].join(", ")} with at most ${MAX_ARGUMENTS} arguments and a grain of at least 1, got ${kernel} with ${args.length} and ${grain}`,
      );
    }
    const { control } = this;
    const owner = this.starter ? MAKER : JOINER;
    if (total > grain) this.start();
    if (total <= grain || this.threads === 1 || !control.acquire(owner)) {
      if (total > 0) this.kernels[number](...args, 0, total);
      return;
    }
    try {
      this.share(number, kernel, args, total, Math.max(grain, Math.ceil(total / MAX_CHUNKS)));
    } finally {
      control.release(owner);
    }
  }

  private share(number: number, name: string, args: readonly number[], total: number, grain: number): void {
    const { control } = this;
    const job = control.publish(number, args, total, grain);
    let outcome: Outcome;
    try {
      control.work(job, this.kernels);
    } finally {
      control.close(job);
      outcome = control.join(job); // in any case: until then others write into the caller's tensors
    }
    if (outcome === "failed") {
      const stack = control.failure();
      const cause = new Error(stack.split("\n", 1)[0]);
      cause.stack = stack;
      throw new BertError("ERR_BACKEND", `parallel: ${name} must not fail, got on another thread ${cause.message}`, {
        cause,
      });
    }
    if (outcome !== "done") {
      const what = outcome === "died" ? "ended" : "did not answer for 20 seconds";
      throw new BertError("ERR_BACKEND", `parallel: ${name} must be finished by every thread, one of them ${what}`);
    }
  }

  /** The pool as a message for `joinPool` on one other thread, which can then use the helpers too. */
  toShare(): SharedPool {
    this.start();
    return { control: this.control.buffer, helpers: this.control.helpers };
  }

  /** The thread that joined has ended: if it had the helpers, they are free again. */
  forgetJoined(): void {
    this.control.release(JOINER);
  }

  /** Ends the helpers. `parallel` works on, on the caller's thread alone. */
  async dispose(): Promise<void> {
    this.state = "disposed";
    await Promise.all(this.workers.splice(0).map((worker) => worker.terminate()));
  }

  /** Starts the helpers when they are needed for the first time; they help as soon as they are ready. */
  private start(): void {
    if (this.state !== "new") return;
    this.state = "started";
    if (this.starter) for (let i = 0; i < this.control.helpers; i++) this.startHelper(i, this.starter);
  }

  private startHelper(index: number, starter: Helpers): void {
    let ready = false;
    try {
      const worker = startWorker(starter.worker, this.assets, {
        onMessage: () => {
          ready = true;
        },
        onEnd: (reason) => {
          this.control.bury(index);
          if (this.state !== "started") return;
          if (ready) this.startHelper(index, starter);
          else this.lose(whyNotStarted(starter.worker.file, reason));
        },
      });
      this.workers[index] = worker;
      worker.post(starter.message(this.toShare(), index));
    } catch (error) {
      this.lose(messageOf(error));
    }
  }

  /** A helper could not start. It would not the next time either, so that there is a thread less. */
  private lose(reason: string): void {
    this.lost++;
    this.whyLost ??= reason;
  }
}

/**
 * Makes a pool. Its helpers start with the first work that is shared, and never keep a process running.
 *
 * @param table   this thread's kernels
 * @param helpers how the other threads get the same
 */
export function createPool(table: KernelTable, helpers: Helpers, { threads, assets }: PoolOptions): Pool {
  return new Pool(table, new Control(threads - 1), helpers, assets);
}

/** Joins a pool that another thread made, so that this thread computes with its helpers too. */
export function joinPool(table: KernelTable, { control, helpers }: SharedPool): Pool {
  return new Pool(table, new Control(helpers, control), null);
}
