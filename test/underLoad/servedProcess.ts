import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { isExpected } from "./serviceLog.ts";

/** The longest that a server takes to load its model, and to answer what it has once it is told to end, in milliseconds. */
const START = 300_000;
const END = 600_000;

/** A server as a process of its own, which prints its address when it is ready. Its end is this process's end too. */
export class ServedProcess {
  readonly address: string;
  private readonly child: ChildProcess;
  private readonly output: { errors: string };
  /** Resolves with the status or the signal that it ended with. */
  readonly ended: Promise<number | string | null>;

  private constructor(
    child: ChildProcess,
    address: string,
    output: { errors: string },
    ended: Promise<number | string | null>,
  ) {
    this.child = child;
    this.address = address;
    this.output = output;
    this.ended = ended;
  }

  /**
   * @param args of Node
   * @throws Error it ends, or is not ready in time
   */
  static async start(args: readonly string[]): Promise<ServedProcess> {
    const child = spawn(process.execPath, [...args], { stdio: ["ignore", "pipe", "pipe"] });
    const kill = () => void child.kill("SIGKILL");
    process.once("exit", kill);
    const output = { errors: "" };
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (!isExpected(line)) output.errors += `${line}\n`;
    });
    const ended = new Promise<number | string | null>((resolve) =>
      child.once("close", (code, signal) => {
        process.off("exit", kill);
        resolve(code ?? signal);
      }),
    );
    const printed = new Promise<string>((resolve) =>
      child.stdout.setEncoding("utf8").once("data", (text) => resolve(text.trim())),
    );
    const early = ended.then((how) => Promise.reject(new Error(`the server ended with ${how}: ${output.errors}`)));
    const address = await within(START, "the server must be ready", Promise.race([printed, early]));
    early.catch(() => {}); // an end that is awaited is no fault
    return new ServedProcess(child, address, output, ended);
  }

  /** What it has written to standard error, beside the lines that its log has for what it does and is asked. */
  get errors(): string {
    return this.output.errors;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Sends SIGTERM, and gives the status or the signal that it ends with; one that does not end in time is killed. */
  async terminate(): Promise<number | string | null> {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), END);
    const how = await this.ended;
    clearTimeout(late);
    return how;
  }

  /** Resident memory in MiB; null where it cannot be told. */
  async residentMemory(): Promise<number | null> {
    const kibibytes = await residentKibibytes(this.child.pid).catch(() => Number.NaN);
    return kibibytes > 0 ? kibibytes / 1024 : null;
  }
}

async function residentKibibytes(pid = 0): Promise<number> {
  if (process.platform === "linux")
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]);
  return Number((await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)])).stdout);
}

/** @throws Error the time is up */
async function within<T>(milliseconds: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${milliseconds / 1000} s`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
