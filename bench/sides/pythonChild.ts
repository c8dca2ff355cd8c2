import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A script of bench/peers in a process of its own, which waits without a thread that spins between two pieces of work. */
export interface PythonChild {
  /** What it prints first. */
  readonly version: string;
  /** Asks for some work. @returns the milliseconds that it took, as the script measured them */
  run(work: object): Promise<number>;
  dispose(): void;
}

/** Starts a script by the interpreter that the environment names in PYTHON; null where it has not what the script imports. */
export async function openPython(script: string, ...args: string[]): Promise<PythonChild | null> {
  const { PYTHON } = process.env;
  if (!PYTHON) return null;
  const path = join(import.meta.dirname, "..", "peers", script);
  const child: ChildProcess = spawn(PYTHON, [path, ...args], { stdio: ["pipe", "pipe", "ignore"] });
  const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const first = await answers.next();
  if (first.done) return null;
  return {
    version: first.value,
    async run(work) {
      child.stdin!.write(`${JSON.stringify(work)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`bench: ${PYTHON} ended in ${JSON.stringify(work).slice(0, 200)}`);
      return Number(value);
    },
    dispose() {
      child.stdin!.end();
      void once(child, "exit");
    },
  };
}
