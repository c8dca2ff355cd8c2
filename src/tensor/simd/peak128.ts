import { ModuleBuilder } from "./assembler.ts";
import { emitMultiplyAdd } from "./emitTile.ts";
import { OPTIMIZE_AT_ONCE, type V8 } from "./v8Flags.ts";

/** How many sums there are that do not wait for one another: 4 cycles of latency times 2 units need 8. */
const SUMS = 10;
/** So many turns take 0.06 ms. */
const ITERATIONS = 50_000;

/**
 * Measures the rate of multiply-adds in GFLOP/s that no code with 128-bit vectors exceeds on this processor, by a loop
 * of nothing else, in 1 ms.
 */
export function peak128(fused: boolean, v8: V8): number {
  const limits = { initial: 1, maximum: 1, shared: false };
  const m = new ModuleBuilder(limits);
  m.function("loop", { params: { n: "i32" } }, (f) => {
    const sums = Array.from({ length: SUMS }, (_, i) => `sum${i}`);
    f.local("v128", "x", ...sums);
    f.i32(0).memory("v128.load").set("x");
    f.loop((again) => {
      for (const sum of sums) {
        emitMultiplyAdd(f, fused, () => f.get("x"), () => f.get("x"), () => f.get(sum)); // biome-ignore format: x y z
        f.set(sum);
      }
      f.get("n").i32(1).op("i32.sub").tee("n").brIf(again);
    });
    for (const [i, sum] of sums.entries()) f.i32(16 * i).get(sum).memory("v128.store"); // biome-ignore format: one line
  });
  const env = { memory: new WebAssembly.Memory(limits) };
  const loop = v8.withFlags(OPTIMIZE_AT_ONCE, () => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.toBytes()), { env });
    const loop = exports.loop as (n: number) => void;
    loop(1);
    return loop;
  });
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    loop(ITERATIONS);
    best = Math.min(best, performance.now() - start);
  }
  return (ITERATIONS * SUMS * 4 * 2) / best / 1e6;
}
