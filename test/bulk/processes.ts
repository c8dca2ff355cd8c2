import { readdirSync, readFileSync } from "node:fs";

/** Linux counts a process's time in hundredths of a second. */
const TICKS = 100;

/** Processor time of a process and its children, those that have ended among them; or of these alone. */
export function cpuSeconds(pid: number, only?: "of its ended children"): number {
  const alive = only ? [] : readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(Number(name)) === pid);
  // Before their parent: what ends meanwhile counts there.
  const ofChildren = alive.reduce((sum, child) => sum + orEnded(() => cpuSeconds(Number(child)), 0), 0);
  const [own, system, ended, endedSystem] = fieldsOf(pid).slice(11, 15).map(Number);
  return ((only ? 0 : own + system) + ended + endedSystem) / TICKS + ofChildren;
}

/** The most memory that a process has had resident, in MiB; 0 where it has ended. */
export function peakMebibytes(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function parentOf(pid: number): number | null {
  return orEnded(() => Number(fieldsOf(pid)[1]), null);
}

/** What is read of a process, or something else where it has ended meanwhile. */
function orEnded<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** The fields of /proc/PID/stat behind the name, from `state`, field 3 in proc(5). */
function fieldsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
}
