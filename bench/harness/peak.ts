import { once } from "node:events";
import v8 from "node:v8";
import { Worker } from "node:worker_threads";

/**
 * The rate of fused multiply-adds, in GFLOP/s: WebAssembly loops that do nothing else, on enough accumulators to hide the
 * latency. 128 bits wide, and where V8 can be made to join neighbours, 256. A matrix product cannot be faster.
 */
export interface Peak {
  readonly width: 128 | 256;
  readonly threads: number;
  /** Of one thread while the others rest. */
  readonly alone: number;
  /**
   * Of all threads at once. It is `threads × alone` only where each has a core to itself: the two threads of one core share its
   * multipliers, and a core may lower its clock when others work. "Fraction of peak" is over this.
   */
  readonly together: number;
}

/** A run of the loop: when it began and ended, in milliseconds of a clock that all threads share. */
export type Interval = readonly [start: number, end: number];

/** Runs of one thread alone, and of all at once: a row for each thread, in which runs with the same number went on together. */
export interface PeakTimings {
  readonly alone: readonly Interval[];
  readonly together: readonly (readonly Interval[])[];
}

/** Accumulators: 4 cycles of latency × 2 units need 8; more than 10 and the operands do not fit 16 registers. */
const CHAINS = 10;
/** 20 ms or so: the threads wake up within 0.1 ms of each other. */
const ITERATIONS = 15_000_000;
/** The best counts, as another program can only make a run slower. */
const RUNS = 8;

/** Below this share of `threads × alone` the report says so: the threads do not have a core each, or the machine is busy. */
const CLOSE = 0.9;

/** Measures with workers. @throws Error the engine has no relaxed SIMD (Node 20) */
export async function measurePeak(threads: number): Promise<Peak> {
  const peaks: Peak[] = [];
  for (const width of [128, 256] as const) {
    const vectors = CHAINS * (width / 128);
    const module = width === 256 ? withWideVectors(() => optimized(vectors)) : optimized(vectors);
    const [alone] = await runTogether(module, 1);
    const together = threads === 1 ? [alone] : await runTogether(module, threads);
    peaks.push({ width, threads, ...peakRates({ alone, together }, ITERATIONS * vectors * 4 * 2) });
  }
  const [narrow, wide] = peaks;
  return Math.max(wide.alone / narrow.alone, wide.together / narrow.together) > 1.2 ? wide : narrow;
}

/**
 * The best rate of one thread, and that of all: from the first that begins a run to the last that ends it.
 *
 * @param flops of one run of one thread
 */
export function peakRates(
  { alone, together }: PeakTimings,
  flops: number,
): { readonly alone: number; readonly together: number } {
  const rate = (runs: readonly Interval[]) => {
    const spent = Math.max(...runs.map(([, end]) => end)) - Math.min(...runs.map(([start]) => start));
    return (flops * runs.length) / spent / 1e6;
  };
  return {
    alone: Math.max(...alone.map((run) => rate([run]))),
    together: Math.max(...together[0].map((_, run) => rate(together.map((thread) => thread[run])))),
  };
}

/** The peak in words. */
export function formatPeak({ width, threads, alone, together }: Peak): string {
  const one = `${alone.toFixed(0)} GFLOP/s with ${width}-bit vectors`;
  if (threads === 1) return `peak ${one}`;
  const ratio = together / (threads * alone);
  const all = `peak of ${threads} threads at once ${together.toFixed(0)} GFLOP/s, of one alone ${one}`;
  if (ratio >= CLOSE) return all;
  const percent = `${(100 * ratio).toFixed(0)} %`;
  return `${all}; together they reach only ${percent} of ${threads} times one: they share a core, or the machine is busy`;
}

/** Every thread's runs. */
async function runTogether(module: WebAssembly.Module, threads: number): Promise<Interval[][]> {
  const arrived = new SharedArrayBuffer(4);
  const workerData = { module, iterations: ITERATIONS, runs: RUNS, threads, arrived };
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL("./peakWorker.ts", import.meta.url), { workerData }),
  );
  return Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
}

/** The module after so much use that V8 has optimised it; its code is the same in every thread. */
function optimized(vectors: number): WebAssembly.Module {
  const module = new WebAssembly.Module(loopModule(vectors));
  const loop = new WebAssembly.Instance(module).exports.loop as (iterations: number) => void;
  for (let run = 0; run < 10; run++) loop(ITERATIONS / 100);
  return module;
}

/** Compiles with the flags that make V8 join two 128-bit operations into one of 256 when it optimises, at once. */
function withWideVectors<T>(compile: () => T): T {
  const flags = ["experimental-wasm-revectorize", "wasm-sync-tier-up"];
  for (const flag of flags) v8.setFlagsFromString(`--${flag}`);
  try {
    return compile();
  } finally {
    for (const flag of flags) v8.setFlagsFromString(`--no-${flag}`);
  }
}
/**
 * The module, in text form:
 *
 *     (func (export "loop") (param $n i32) (local $a $b $a2 $b2 v128) (local $acc0 … v128)
 *       $a, $a2 = v128.load 0, 16;  $b, $b2 = v128.load 32, 48;  $acc_i = v128.load (64 + 16 i)
 *       (loop  $acc_i = f32x4.relaxed_madd ($a or $a2) ($b or $b2) $acc_i …;  br_if 0 ($n = $n − 1))
 *       v128.store (64 + 16 i) $acc_i)
 *
 * Vectors 2j and 2j + 1 are neighbours in memory and do the same, with $a $b and $a2 $b2: V8 may join them.
 */
function loopModule(vectors: number): Uint8Array<ArrayBuffer> {
  const [LOCAL_GET, LOCAL_SET, LOCAL_TEE, I32_CONST, SIMD] = [0x20, 0x21, 0x22, 0x41, 0xfd];
  const load = (offset: number, local: number) => [I32_CONST, 0, SIMD, 0, 4, ...leb(offset), LOCAL_SET, local];
  const store = (offset: number, local: number) => [I32_CONST, 0, LOCAL_GET, local, SIMD, 11, 4, ...leb(offset)];
  const madd = (i: number) => {
    const [a, b, acc] = [1 + (i % 2), 3 + (i % 2), 5 + i];
    return [LOCAL_GET, a, LOCAL_GET, b, LOCAL_GET, acc, SIMD, ...leb(0x105), LOCAL_SET, acc];
  };
  const all = Array.from({ length: vectors }, (_, i) => i);
  const body = [
    ...[1, vectors + 4, 0x7b], // locals: one group of v128
    ...[load(0, 1), load(16, 2), load(32, 3), load(48, 4)].flat(),
    ...all.flatMap((i) => load(64 + 16 * i, 5 + i)),
    ...[0x03, 0x40, ...all.flatMap(madd)], // loop
    ...[LOCAL_GET, 0, I32_CONST, 1, 0x6b, LOCAL_TEE, 0, 0x0d, 0, 0x0b], // br_if 0 (n = n − 1), end
    ...all.flatMap((i) => store(64 + 16 * i, 5 + i)),
    0x0b,
  ];
  const section = (id: number, ...content: number[]) => [id, ...leb(content.length), ...content];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, 0x7f, 0), // type: (i32) → ()
    ...section(3, 1, 0),
    ...section(5, 1, 0, 1), // memory: one page
    ...section(7, 1, 4, ...new TextEncoder().encode("loop"), 0, 0),
    ...section(10, 1, ...leb(body.length), ...body),
  ]);
}

/** Unsigned LEB128. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}
