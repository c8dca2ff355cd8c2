import { readFileSync } from "node:fs";

/** This process's peak memory in MB. Linux counts the memory of the process that forked this one into maxRSS, so there it is asked elsewhere. */
export function peakMemory() {
  if (process.platform !== "linux") return (process.resourceUsage().maxRSS * 1024) / 1e6;
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return (Number(kibibytes) * 1024) / 1e6;
}
