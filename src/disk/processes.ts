/** Which process has written a file, and whether it still runs: for locks, and for the names of temporary files. */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, uptime } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf } from "../realm.ts";

/** A process, told from every other one: a system gives the number of one that has ended to a new one. */
export interface ProcessName {
  readonly pid: number;
  /**
   * Linux: the id that the kernel has since the machine was started, and when the process was, in ticks of its clock.
   * Elsewhere "".
   */
  readonly started: string;
  /** The name of the machine; of a container, its own. */
  readonly host: string;
}

let own: ProcessName | undefined;

/** The process that asks. */
export function thisProcess(): ProcessName {
  own ??= { pid: process.pid, started: seen(process.pid).started, host: hostname() };
  return own;
}

/**
 * Whether a process runs: `unknown` of one on another machine. One that has ended and is not yet waited for by its
 * parent does not run.
 *
 * A machine is told by its name. Containers have names of their own; those that are given the name of another one, or
 * of the machine below them, and have process numbers of their own, are not told apart.
 *
 * @param since when it is known to have run, in milliseconds since 1970: where a system does not tell when a process
 *   was started, this tells at least whether the machine has been started since
 */
export function stateOf({ pid, started, host }: ProcessName, since: number = Number.NaN): "runs" | "ended" | "unknown" {
  if (host !== thisProcess().host) return "unknown";
  const now = seen(pid);
  if (now.ended) return "ended";
  if (started !== "" && now.started !== "") return now.started === started ? "runs" : "ended";
  return since < Date.now() - 1000 * uptime() ? "ended" : "runs";
}

/** What the system says of a process number. */
function seen(pid: number): { readonly ended: boolean; readonly started: string } {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program stands in parentheses, and may hold any character. See proc(5).
    const [state, ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { ended: state === "Z" || state === "X", started: `${boot}/${fields[18]}` };
  } catch {
    return { ended: !isThere(pid), started: "" }; // no Linux, or another user's process, which /proc may hide
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0); // sends nothing
  } catch (error) {
    return codeOf(error) !== "ESRCH"; // another user's, or one that Deno must not ask about
  }
}

/**
 * A mark of this process for names of files, another one each time: `PID-MACHINE-START-RANDOM`, a number and three
 * times eight digits. The machine includes, on Linux, the container: process numbers begin anew in each.
 */
export function processMark(): string {
  const { pid, started } = thisProcess();
  return `${pid}-${digits(machine())}-${digits(started)}-${crypto().randomBytes(4).toString("hex")}`;
}

/** Whether the process of a mark has ended; false too of one on another machine, or if it is no mark. */
export function hasEnded(mark: string): boolean {
  const [, pid, where, started] = /^([1-9]\d{0,9})-([0-9a-f]{8})-([0-9a-f]{8})-[0-9a-f]{8}$/.exec(mark) ?? [];
  if (where === undefined || where !== digits(machine())) return false;
  const now = seen(Number(pid));
  return now.ended || (started !== digits("") && now.started !== "" && started !== digits(now.started));
}

let ownMachine: string | undefined;

function machine(): string {
  if (ownMachine !== undefined) return ownMachine;
  let container = "";
  try {
    container = readlinkSync("/proc/self/ns/pid");
  } catch {
    // no Linux
  }
  ownMachine = `${thisProcess().host}\n${container}`;
  return ownMachine;
}

/**
 * A name that no other file has, beside `path`: `.NAME.MARK.ENDING`. The mark tells which process has made it, so that
 * a later one can see what a killed one has left (`leftover`).
 *
 * @param ending tmp: a file or folder that is being written; old: a folder that is being removed; replaced: a folder in
 *   whose place a new one is being put
 */
export function temporaryPath(path: string, ending: "tmp" | "old" | "replaced"): string {
  return join(dirname(resolve(path)), `.${basename(resolve(path))}.${processMark()}.${ending}`);
}

/** A name of `temporaryPath` whose process has ended; null: it is none, or may be needed still. */
export function leftover(name: string): { readonly of: string; readonly ending: string } | null {
  const [, of, mark, ending] = /^\.(.+)\.([\da-f-]+)\.(tmp|old|replaced)$/.exec(name) ?? [];
  return of !== undefined && hasEnded(mark) ? { of, ending } : null;
}

/** Eight digits that stand for a text. */
function digits(text: string): string {
  return crypto().createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** Asked for when a name is made: it takes 3 ms to load, and a model is read without. */
function crypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}
