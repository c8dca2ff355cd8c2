/** Who writes a file: a mark of this process, in the names of its temporary files and in its locks. */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** `MACHINE-PID-START-RANDOM`: three times eight hexadecimal digits, and a number. */
const MARK = /^([0-9a-f]{8})-([1-9]\d{0,9})-([0-9a-f]{8})-[0-9a-f]{8}$/;

/**
 * A mark of this process, another one each time: where it runs, its number, when it was started, and a random number.
 * Where it runs includes, on Linux, the container, as process numbers begin anew in each.
 */
export function ownMark(): string {
  start ??= digits(seen(process.pid).started);
  return `${ownMachine()}-${process.pid}-${start}-${crypto.randomUUID().slice(0, 8)}`;
}

/**
 * Whether the process of a mark is no more. Of another machine's that cannot be told: false. A process number that
 * another process has by now is known by its start, on Linux.
 */
export function isDead(mark: string): boolean {
  const [, where, pid, started] = MARK.exec(mark) ?? [];
  if (where === undefined || where !== ownMachine()) return false;
  const now = seen(Number(pid));
  return now.isOver || (started !== UNKNOWN && now.started !== "" && started !== digits(now.started));
}

/** Whether a process of this machine is there. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0); // sends nothing
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

let machine: string | undefined;
let start: string | undefined;
const UNKNOWN = digits("");

function ownMachine(): string {
  if (machine !== undefined) return machine;
  let container = "";
  try {
    container = readlinkSync("/proc/self/ns/pid");
  } catch {
    // no Linux
  }
  machine = digits(`${hostname()}\n${container}`);
  return machine;
}

/**
 * What the system says of a process number: whether nothing runs under it any more, and when what does was started:
 * the system's start and its clock's ticks since, "" where that cannot be told (`proc(5)`, fields 3 and 22).
 */
function seen(pid: number): { readonly isOver: boolean; readonly started: string } {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" "); // a name may have spaces and brackets
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { isOver: state === "Z" || state === "X", started: `${boot} ${fields[18]}` };
  } catch {
    return { isOver: !isRunning(pid), started: "" };
  }
}

/** Eight digits that stand for a text. */
function digits(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
