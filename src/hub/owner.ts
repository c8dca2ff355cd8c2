/** Who writes a file: a mark of this process, in the names of its temporary files and in its locks. */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** `MACHINE-PID-START-RANDOM`: hexadecimal, two numbers, hexadecimal. */
const MARK = /^([0-9a-f]{8})-(\d{1,15})-(\d{1,20})-[0-9a-f]{8}$/;

/**
 * A mark of this process, another one each time: where it runs, its number, when it was started, and a random number.
 * Where it runs includes, on Linux, the start of the system and the container, as process numbers begin anew in each.
 */
export function ownMark(): string {
  machine ??= createHash("sha256").update(placeOfProcesses()).digest("hex").slice(0, 8);
  return `${machine}-${process.pid}-${startOf("self") ?? 0}-${crypto.randomUUID().slice(0, 8)}`;
}

/**
 * Whether the process of a mark is no more. Of another machine's that cannot be told: false. A process number that
 * another process has by now is known by its start, on Linux.
 */
export function isDead(mark: string): boolean {
  const [, where, pid, start] = MARK.exec(mark) ?? [];
  if (where === undefined || where !== ownMark().slice(0, 8)) return false;
  if (!isRunning(Number(pid))) return true;
  const now = startOf(pid);
  return start !== "0" && now !== null && now !== start;
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

function placeOfProcesses(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
    return `${hostname()}\n${boot}${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname(); // no Linux
  }
}

/** When a process was started, in the system's ticks; null where it cannot be told. `proc(5)`, field 22. */
function startOf(pid: string): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const start = text.slice(text.lastIndexOf(")") + 2).split(" ")[19]; // a name may have spaces and brackets
    return /^\d+$/.test(start) ? start : null;
  } catch {
    return null;
  }
}
