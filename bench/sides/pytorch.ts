import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Trained } from "./training.ts";

/** What is asked of bench/peers/training.py: forward and backward of [B, T], or an update. */
export type PytorchWork =
  | { readonly step: readonly [B: number, T: number]; readonly model?: Trained }
  | { readonly update: string };

/** PyTorch in a process of its own, which waits without a thread that spins between two pieces of work. */
export interface Pytorch {
  readonly version: string;
  /** Milliseconds. */
  run(work: PytorchWork): Promise<number>;
  dispose(): void;
}

/** PyTorch by the interpreter that the environment names in PYTHON; null where that has neither torch nor transformers. */
export async function openPytorch(threads: number): Promise<Pytorch | null> {
  const { PYTHON } = process.env;
  if (!PYTHON) return null;
  const script = join(import.meta.dirname, "..", "peers", "training.py");
  const child: ChildProcess = spawn(PYTHON, [script, String(threads)], { stdio: ["pipe", "pipe", "ignore"] });
  const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const first = await answers.next();
  if (first.done) return null;
  return {
    version: first.value,
    async run(work) {
      child.stdin!.write(`${JSON.stringify(work)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`bench: ${PYTHON} ended in ${JSON.stringify(work)}`);
      return Number(value);
    },
    dispose() {
      child.stdin!.end();
      void once(child, "exit");
    },
  };
}
