import { type ChildProcess, spawn } from "node:child_process";
import { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../src/cli/runCommand.ts";

/** One thread starts sooner than two, and changes no bit. Tests that are about threads ask for them. */
process.env.PLAINBERT_THREADS = "1";

/** The folder of one of the tiny models of Python's: its head's name. */
export const head = (name: string): string =>
  fileURLToPath(new URL(`../pipelines/reference/heads/${name}`, import.meta.url));

/**
 * A tiny model with 24 numbers for each of 64 tokens at most, computed by the backend that needs no worker: 10 ms a command instead of
 * 300. For whatever is not about the small model's own numbers.
 */
export const TINY: readonly string[] = ["--model", head("mlm"), "--backend", "plain"];

export const MAIN: string = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface Result {
  /** null if a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Node keeps the sources' compiled code there: a hundred processes start in 0.3 s each instead of 0.4. */
const NODE_COMPILE_CACHE: string = fileURLToPath(new URL("../../.cache/compiled", import.meta.url));

/** What the caller's own terminal asks for has no say here. */
function environment(env: RunOptions["env"] = {}): NodeJS.ProcessEnv {
  const { FORCE_COLOR, NO_COLOR, NODE_OPTIONS, ...rest } = process.env;
  return { ...rest, NODE_COMPILE_CACHE, ...env };
}

type Run = (
  args: readonly string[],
  options?: RunOptions & { readonly input?: string | Uint8Array; readonly columns?: number },
) => Promise<Result>;

/**
 * Runs the command within this process, with streams, variables and folder of its own, which takes a fraction of a process's time.
 * With `columns` standard error is a terminal of that width.
 */
export const plainbert: Run = async (args, { input = "", env, cwd, columns } = {}) => {
  const [variables, folder] = [process.env, process.cwd()];
  const stdout = new Text();
  const stderr = Object.assign(new Text(), columns !== undefined && { columns, isTTY: true });
  process.env = environment(env);
  if (cwd !== undefined) process.chdir(cwd);
  try {
    const stdin = Readable.from(input.length === 0 ? [] : [Buffer.from(input)]);
    const code = await runCommand(args, { stdin, stdout, stderr });
    return { code, signal: null, stdout: stdout.text, stderr: stderr.text };
  } finally {
    process.env = variables;
    process.chdir(folder);
  }
};

/** What is written, decoded when all is there. */
class Text extends Writable {
  private readonly chunks: Uint8Array[] = [];

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

/** Runs the command from its TypeScript source, as a process of its own. */
export const plainbertProcess: Run = (args, { input = "", env, cwd } = {}) => {
  const child = spawn(process.execPath, [MAIN, ...args], { env: environment(env), cwd });
  child.stdin.on("error", () => {}); // it may end before it has read everything
  child.stdin.end(input);
  return finished(child);
};

/** Runs a line in a shell in which `plainbert` is the command. */
export function shell(line: string, options: RunOptions = {}): Promise<Result> {
  const child = shellProcess(line, options);
  child.stdin?.end();
  return finished(child);
}

/** The same, not waited for; in a process group of its own if asked. */
export function shellProcess(
  line: string,
  { env, cwd, group = false }: RunOptions & { group?: boolean } = {},
): ChildProcess {
  const script = `plainbert() { "$NODE" "$MAIN" "$@"; }\n${line}`;
  return spawn("sh", ["-c", script], {
    env: environment({ ...env, NODE: process.execPath, MAIN }),
    cwd,
    detached: group,
  });
}

export function finished(child: ChildProcess): Promise<Result> {
  const chunks = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text) => {
      chunks[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...chunks }));
  });
}
