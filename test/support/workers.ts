import type { Worker } from "node:worker_threads";

/** Every worker that this process starts from now on, in order. */
export function recordWorkers(): Worker[] {
  const threads = process.getBuiltinModule("node:worker_threads");
  const started: Worker[] = [];
  const Original = threads.Worker;
  threads.Worker = class extends Original {
    constructor(...args: ConstructorParameters<typeof Original>) {
      super(...args);
      started.push(this);
    }
  };
  return started;
}
