import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What a process has in use, in MiB, when nothing is being computed and garbage has been collected. */
export interface MemorySample {
  /** Since the start. */
  readonly minutes: number;
  /** Texts that were answered until then. */
  readonly texts: number;
  /** Objects of the main thread. */
  readonly heapUsed: number;
  /** What is bound to them outside the heap; ArrayBuffers count. */
  readonly external: number;
  readonly arrayBuffers: number;
  /** Everything, WebAssembly's memory and the workers' heaps too. */
  readonly rss: number;
}

export const KINDS = ["heapUsed", "external", "arrayBuffers", "rss"] as const;

/**
 * How much each may be larger at the end. Heaps that are collected come back to the same size, but for what compilers
 * and caches of the engine keep. The process gets pages for garbage that waits, in workers too, and does not give all
 * back.
 */
const TOLERANCE: Readonly<Record<(typeof KINDS)[number], number>> = {
  heapUsed: 1,
  external: 1,
  arrayBuffers: 1,
  rss: 24,
};

/** The first part of the time is for what is compiled, and for caches that fill. */
const WARM_UP = 1 / 4;

/**
 * The kinds of memory that grow: after the warm-up, the least of the last third is above the most of the first third by
 * more than the tolerance.
 *
 * What does not grow has the same range in both thirds, so that the least of one is not above the most of the other. A
 * leak, however slow, is in every later sample: all of the last third are above all of the first by what it loses in
 * the third between them. In ten minutes with 150 texts a second that is 1 MiB at 47 bytes a text.
 */
export function growing(samples: readonly MemorySample[]): (typeof KINDS)[number][] {
  const end = samples.at(-1)?.minutes ?? 0;
  const [warm, span] = [end * WARM_UP, end * (1 - WARM_UP)];
  const first = samples.filter(({ minutes }) => minutes >= warm && minutes < warm + span / 3);
  const last = samples.filter(({ minutes }) => minutes >= end - span / 3);
  if (first.length < 3 || last.length < 3) throw new Error("growing: there must be samples in each third");
  return KINDS.filter(
    (kind) =>
      Math.min(...last.map((sample) => sample[kind])) - Math.max(...first.map((sample) => sample[kind])) >
      TOLERANCE[kind],
  );
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

async function sampleNow(minutes: number, texts: number): Promise<MemorySample> {
  for (let i = 0; i < 3; i++) {
    await new Promise((turn) => setTimeout(turn, 20)); // finalizers run between
    collectGarbage();
  }
  const inUse = process.memoryUsage();
  const [heapUsed, external, arrayBuffers, rss] = KINDS.map((kind) => inUse[kind] / 2 ** 20);
  return { minutes, texts, heapUsed, external, arrayBuffers, rss };
}

/**
 * Works for some minutes and samples the memory so many times.
 *
 * @param work  is called again and again, and answers some texts
 * @param print is told each sample as a line
 */
export async function memoryCurve(
  minutes: number,
  work: () => Promise<number>,
  print: (line: string) => void,
  count = 60,
): Promise<MemorySample[]> {
  print(["minutes", "texts", ...KINDS.map((kind) => `${kind} MiB`)].map((title) => title.padStart(18)).join(""));
  const samples: MemorySample[] = [];
  const start = performance.now();
  let texts = 0;
  for (let n = 1; n <= count; n++) {
    do texts += await work();
    while (performance.now() - start < (n / count) * minutes * 60_000);
    const sample = await sampleNow((performance.now() - start) / 60_000, texts);
    samples.push(sample);
    const numbers = [sample.minutes.toFixed(2), String(texts), ...KINDS.map((kind) => sample[kind].toFixed(2))];
    print(numbers.map((number) => number.padStart(18)).join(""));
  }
  return samples;
}
