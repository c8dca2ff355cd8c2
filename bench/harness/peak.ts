import v8 from "node:v8";

/**
 * The rate of fused multiply-adds that one core reaches, in GFLOP/s: a WebAssembly loop that does nothing else, on
 * enough accumulators to hide the latency. 128 bits wide, and where V8 can be made to join neighbours, 256. A matrix
 * product cannot be faster; "fraction of peak" is over this.
 */
export interface Peak {
  readonly width: 128 | 256;
  readonly gflops: number;
}

/** Accumulators: 4 cycles of latency × 2 units need 8; more than 10 and the operands do not fit 16 registers. */
const CHAINS = 10;
const ITERATIONS = 2_000_000;

/** The best of `runs`, at the best width. @throws Error the engine has no relaxed SIMD (Node 20) */
export function measurePeak(runs = 5): Peak {
  const rates = ([128, 256] as const).map((width) => ({ width, gflops: rate(width, runs) }));
  return rates[1].gflops > rates[0].gflops * 1.2 ? rates[1] : rates[0];
}

function rate(width: 128 | 256, runs: number): number {
  const vectors = CHAINS * (width / 128);
  const start = () => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(loopModule(vectors)));
    const loop = exports.loop as (iterations: number) => void;
    for (let run = 0; run < 10; run++) loop(ITERATIONS / 10); // until V8 has optimised it
    return loop;
  };
  const loop = width === 256 ? withWideVectors(start) : start();
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    loop(ITERATIONS);
    best = Math.min(best, performance.now() - start);
  }
  return (ITERATIONS * vectors * 4 * 2) / best / 1e6;
}

/** Starts with the flags that make V8 join two 128-bit operations into one of 256 when it optimises, at once. */
function withWideVectors<T>(start: () => T): T {
  const flags = ["experimental-wasm-revectorize", "wasm-sync-tier-up"];
  for (const flag of flags) v8.setFlagsFromString(`--${flag}`);
  try {
    return start();
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
