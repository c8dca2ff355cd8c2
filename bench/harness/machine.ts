import { requirePeer } from "../sides/peers.ts";

/** The machine that the figures are from. */
export interface Machine {
  readonly processor: string;
  /** Threads that the processor can run at the same time, as the system counts them. */
  readonly processors: number;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
}

/** What the bench uses of systeminformation. */
interface SystemInformation {
  cpu(): Promise<{ manufacturer: string; brand: string; cores: number; physicalCores: number }>;
  mem(): Promise<{ total: number }>;
}

/** Asks the system. A virtual machine may call each thread of a core a core; the measured peak tells. */
export async function machine(): Promise<Machine> {
  const system = requirePeer<SystemInformation>("systeminformation");
  const [{ manufacturer, brand, cores, physicalCores }, { total }] = await Promise.all([system.cpu(), system.mem()]);
  return {
    processor: `${manufacturer} ${brand}`.trim(),
    processors: cores,
    cores: physicalCores,
    memoryGiB: Math.round(total / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
  };
}

/** The machine in words. */
export function formatMachine({ processor, processors, cores, memoryGiB, system }: Machine): string {
  const perCore = processors / cores;
  const threads = `${perCore} ${perCore === 1 ? "thread" : "threads"} a core`;
  return `${processor}, ${cores} ${cores === 1 ? "core" : "cores"}, ${threads}, ${memoryGiB} GiB, ${system}`;
}
