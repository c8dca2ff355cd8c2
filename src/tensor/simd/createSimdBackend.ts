import { BertError } from "../../errors.ts";
import { messageOf } from "../../realm.ts";
import type { PackedWeight } from "../tensor.ts";
import { whyNoThreads } from "../threads/platform.ts";
import { createPool, type PoolOptions } from "../threads/pool.ts";
import { type Compiled, compileKernels, type Variant, variantsFor, whyNot256 } from "./compile.ts";
import { helpersWith } from "./helpers.ts";
import { TensorMemory } from "./memory.ts";
import { peak128 } from "./peak128.ts";
import { rangeKernels } from "./rangeKernels.ts";
import { mismatch, roundsOnce } from "./selfCheck.ts";
import { SimdBackend } from "./simdBackend.ts";
import { resolveSimdOptions, type SimdOptions } from "./simdOptions.ts";
import { findV8 } from "./v8Flags.ts";
import { wideningKernels } from "./widening.ts";

/** A function that compiles a variant of the kernels. */
export type Compile = (memory: TensorMemory, variant: Variant) => Compiled;

/** Relaxed SIMD leaves it to the engine, and that to the processor. */
const NOT_FUSED = "a product is rounded before it is added";

/** The 256-bit variant is taken if it is at least this much faster than the 128-bit one. */
const WORTHWHILE = 1.2;

/**
 * A backend whose kernels are WebAssembly, compiled now. The 256-bit variant is taken where the engine knows it, its
 * every kernel agrees with `plain` on a small case, and it is in fact faster than any 128-bit code can be, or than the
 * 128-bit variant; else the 128-bit one. The kernels that decode checkpoints (widening.ts) are compiled when they are
 * needed, without V8's flags, and are not checked here.
 *
 * @param given the memory, if there is one already
 * @throws BertError ERR_BACKEND with the reasons, where no variant is left: WebAssembly is missing or forbidden;
 *   ERR_INPUT as `resolveSimdOptions`
 * @example
 * const backend = createSimdBackend();
 * backend.info; // { name: "simd", width: 256, fused: true, threads: 2, reason: "…" }
 */
export function createSimdBackend(
  options: SimdOptions = {},
  compile: Compile = compileNow,
  given?: TensorMemory,
): SimdBackend {
  if (typeof WebAssembly !== "object") throw new BertError("ERR_BACKEND", "simd: the engine must have WebAssembly");
  const { threads, assets, ...wanted } = resolveSimdOptions("simd", options);
  const poolOptions = { threads, assets };
  const memory = given ?? new TensorMemory();
  const v8 = findV8();
  const older = whyNot256(v8, wanted.wide);
  const refused: string[] = older === null ? [] : [older];
  let best256: SimdBackend | null = null;
  for (const variant of variantsFor(v8, wanted)) {
    const name = nameOf(variant);
    const backend = tryVariant(memory, variant, compile, refused);
    if (backend === null) continue;
    if (variant.width === 256) {
      // Faster than any 128-bit code can be: then the 128-bit variant, 30 ms to compile, need not be tried.
      if (v8 && rateOf(backend) >= WORTHWHILE * peak128(variant.fused, v8))
        return withThreads(backend, backend.core.reason, poolOptions);
      best256 = backend;
      continue;
    }
    if (best256 !== null) {
      const gain = rateOf(best256) / rateOf(backend);
      if (gain >= WORTHWHILE) return withThreads(best256, best256.core.reason, poolOptions);
      refused.push(`${nameOf({ ...variant, width: 256 })}: ${gain.toFixed(2)} times as fast as ${name}`);
    }
    return withThreads(backend, [...refused, `${name}: chosen`].join("; "), poolOptions);
  }
  if (best256 !== null) return withThreads(best256, best256.core.reason, poolOptions);
  throw new BertError(
    "ERR_BACKEND",
    `simd: the engine must run WebAssembly's vector instructions: ${refused.join("; ")}`,
  );
}

/** The backend with this variant; null if it cannot be used, and then `refused` gets the reason. */
function tryVariant(memory: TensorMemory, variant: Variant, compile: Compile, refused: string[]): SimdBackend | null {
  const name = nameOf(variant);
  let compiled: Compiled;
  try {
    compiled = compile(memory, variant);
  } catch (error) {
    refused.push(`${name}: ${messageOf(error)}`);
    return null;
  }
  const reason = [...refused, `${name}: chosen`].join("; ");
  const ranges = rangeKernels(compiled.kernels, memory);
  const decodeHalves = wideningKernels(memory);
  const backend = new SimdBackend({ ...compiled, memory, ranges, decodeHalves, variant, reason, pool: null });
  const wrong = variant.fused && !roundsOnce(backend) ? NOT_FUSED : mismatch(backend, variant.storage);
  if (wrong !== null) refused.push(`${name}: ${wrong}`);
  return wrong === null ? backend : null;
}

/** The chosen variant with its threads; those that were tried had none. */
function withThreads({ core }: SimdBackend, reason: string, options: PoolOptions): SimdBackend {
  const why = whyNoThreads();
  if (why !== null) return new SimdBackend({ ...core, reason: `${reason}; threads: ${why}` });
  const source = { module: core.module, memory: core.memory.memory, limits: core.memory.limits };
  return new SimdBackend({ ...core, reason, pool: createPool(core.ranges, helpersWith(source), options) });
}

/** The variant, compiled now. */
export function compileNow(memory: TensorMemory, variant: Variant): Compiled {
  return compileKernels(memory, variant, findV8());
}

function nameOf({ width, fused }: Variant): string {
  return `${width}-bit ${fused ? "fused multiply-add" : "multiply and add"}`;
}

/** GFLOP/s, the best of five runs of 6 million multiply-adds, 0.13 ms each at 100 GFLOP/s. */
function rateOf(backend: SimdBackend): number {
  const k = backend.scope();
  const [R, I, O] = [24, 256, 256];
  const [y, x, weight, bias] = [k.zeros([R, O]), k.zeros([R, I]), k.zeros([O, I]), k.zeros([O])];
  const packed = k.packWeight(weight) as PackedWeight;
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    for (let i = 0; i < 4; i++) k.linearStored(y.data, x.data, packed, bias.data, R);
    best = Math.min(best, performance.now() - start);
  }
  k.release();
  return (4 * 2 * R * I * O) / best / 1e6;
}
