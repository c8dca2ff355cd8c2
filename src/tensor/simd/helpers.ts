import type { WorkerModule } from "../threads/platform.ts";
import type { Helpers, SharedPool } from "../threads/pool.ts";
import type { SharedMemory } from "./memory.ts";

/** From what a helper makes the kernels of the thread that made the pool. */
export interface KernelSource extends SharedMemory {
  readonly module: WebAssembly.Module;
  /** The module of the kernels for training, where the pool's maker has them. */
  readonly training?: WebAssembly.Module;
}

/** The one message that a helper gets (helperMain.ts). */
export interface HelperStart extends SharedPool, KernelSource {
  /** Which helper this is, from 0. */
  readonly index: number;
}

const WORKER: WorkerModule = {
  file: "plainbert-helper.js",
  start: (Worker) =>
    new Worker(new URL("./helperMain.ts", import.meta.url), { type: "module", name: "plainbert", execArgv: [] }),
};

/** Helpers for `createPool` that compute with the kernels of a source. */
export function helpersWith(source: KernelSource): Helpers {
  return { worker: WORKER, message: (pool, index): HelperStart => ({ ...pool, ...source, index }) };
}
