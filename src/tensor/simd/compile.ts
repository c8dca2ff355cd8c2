import type { StorageType } from "../tensor.ts";
import { type MemoryLimits, ModuleBuilder } from "./assembler.ts";
import { emitElementwise } from "./emitElementwise.ts";
import { emitInt8 } from "./emitInt8.ts";
import { emitMultiply } from "./emitMatmul.ts";
import { emitNarrow } from "./emitNarrow.ts";
import { emitPack } from "./emitPack.ts";
import { emitLayerNorm, emitSoftmax } from "./emitRows.ts";
import type { Tiling } from "./emitTile.ts";
import type { Kernels } from "./kernelNames.ts";
import { CONSTANTS_AT, type SharedMemory, type TensorMemory } from "./memory.ts";
import { OPTIMIZE_AT_ONCE, type V8 } from "./v8Flags.ts";
import { warmUp } from "./warmUp.ts";

/** One way to compile the kernels. */
export interface Variant {
  /** The bits of a vector: 256 where V8's flag for them is set. */
  readonly width: 128 | 256;
  /** Whether products are added with one rounding (relaxed SIMD) or two. */
  readonly fused: boolean;
  readonly tiling: Tiling;
  /** The type of weights that there are kernels for, beside float32. */
  readonly storage: StorageType;
}

/**
 * The tile for 256-bit registers has 12 sums in them, 2 vectors of b and one of a: 15 of 16. Made of 128-bit operations
 * it would need twice that and spill; then 8 sums, 2 and 1 are right. GFLOP/s on one core of a Zen 4 EPYC whose peak is
 * 113 with 256 bits and 57 with 128, for 128 × 768 × 3072: 6 × 16 has 100 with 256 bits and 31 with 128, 4 × 8 has 55
 * with 128. Unrolling: 1 to 8 steps of the tile for 256 bits are within 3 %; the V8 of Node 20 and 22 allocates
 * registers for the other so badly that 4 steps have 28 and 1 has 41.
 */
const TILING_256: Tiling = { rows: 6, columns: 16, unroll: 4 };
const TILING_128: Tiling = { rows: 4, columns: 8, unroll: 1 };

/**
 * The tile for 256-bit registers where a product waits in one of its own before it is added, as with two roundings and
 * with int8, or where constants take two, as with float16. GFLOP/s on one core for 128 × 768 × 3072: int8 155 with 5
 * rows, 114 with 6; float16 79 and 53; bfloat16 has 105 with 6, float32 107.
 */
const TILING_256_FEWER_SUMS: Tiling = { rows: 5, columns: 16, unroll: 4 };

/** The tile of `multiplyStored` and `multiplyKeeping`. */
function storedTiling(tiling: Tiling, storage: StorageType): Tiling {
  return tiling === TILING_256 && storage !== "bfloat16" ? TILING_256_FEWER_SUMS : tiling;
}

/** Turn pairs of adjacent 128-bit operations into one of 256 bits; experimental, x64 only. */
const REVECTORIZE = "--experimental-wasm-revectorize";
/** Relaxed SIMD in Node 20; standard since V8 11.4. */
const RELAXED = "--experimental-wasm-relaxed-simd";
/** Node 22 (V8 12.4) takes the flag REVECTORIZE and gains nothing; 24 (13.6) is the first that does. */
const FIRST_V8_THAT_REVECTORIZES = 13;
const LAST_V8_WITHOUT_RELAXED = 11;

/** The bytes of the module with all kernels. */
function kernelModule(memory: MemoryLimits, { tiling, fused, storage }: Variant): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder(memory, CONSTANTS_AT);
  emitMultiply(m, "multiply", tiling, { storage: "float32", fused });
  if (storage !== "float32") emitMultiply(m, "multiplyStored", storedTiling(tiling, storage), { storage, fused });
  if (storage === "int8") emitInt8(m);
  if (storage === "float16")
    emitMultiply(m, "multiplyKeeping", storedTiling(tiling, storage), { storage, fused, keeps: true });
  if (storage !== "float32") emitNarrow(m, storage);
  emitPack(m);
  emitElementwise(m, fused);
  emitSoftmax(m, fused);
  emitLayerNorm(m);
  return m.toBytes();
}

/** Each variant's module, once it is optimised: the next model has it without the 30 ms that this takes. */
const compiled = new Map<string, WebAssembly.Module>();

/** The kernels on a memory, and the module that other threads make theirs from. */
export interface Compiled {
  readonly kernels: Kernels;
  readonly module: WebAssembly.Module;
}

/**
 * Compiles a variant for a memory. Where V8 revectorizes, the warm-up calls each kernel, and V8 optimises it in that
 * call: it reads its flags when it optimises, and they are set only meanwhile. The optimised code is the module's, in
 * every thread.
 *
 * V8 could also be told to optimise without a warm-up (`--no-liftoff`). But flags hold for the whole process, and with
 * that one a function of somebody else's module that is optimised in the background at that moment ends the process:
 * the inliner finds none of the records that it expects (seen in Node 26.10). The flags here only make V8 do sooner,
 * or in wider vectors, what it does anyway.
 *
 * @throws WebAssembly.CompileError the engine does not know its instructions
 */
export function compileKernels(memory: TensorMemory, variant: Variant, v8: V8 | null): Compiled {
  return compileModule("", () => kernelModule(memory.limits, variant), warmUp, memory, variant, v8);
}

/**
 * Compiles a module for a memory in the way that a variant says, or finds it compiled.
 *
 * @param what  which module it is
 * @param build its bytes
 * @param warm  the warm-up: calls each of its functions once
 */
export function compileModule<Functions>(
  what: string,
  build: () => Uint8Array<ArrayBuffer>,
  warm: (kernels: Functions, memory: TensorMemory) => void,
  memory: TensorMemory,
  variant: Variant,
  v8: V8 | null,
): { readonly kernels: Functions; readonly module: WebAssembly.Module } {
  const key = JSON.stringify([what, memory.limits, variant, v8 !== null]);
  const known = compiled.get(key);
  if (known) return { kernels: instanceOf(known, memory), module: known };
  const optimizes = v8 !== null && v8.version >= FIRST_V8_THAT_REVECTORIZES;
  const compile = () => {
    const module = new WebAssembly.Module(build());
    const kernels = instanceOf<Functions>(module, memory);
    if (optimizes) warm(kernels, memory);
    compiled.set(key, module);
    return { kernels, module };
  };
  if (!v8) return compile();
  const flags = optimizes ? [...OPTIMIZE_AT_ONCE] : [];
  if (variant.width === 256) flags.push(REVECTORIZE);
  if (variant.fused && v8.version <= LAST_V8_WITHOUT_RELAXED) flags.push(RELAXED);
  return v8.withFlags(flags, compile);
}

/** The kernels of a module on this thread. */
export function instanceOf<Functions = Kernels>(module: WebAssembly.Module, { memory }: SharedMemory): Functions {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Functions;
}

/** Why 256 bits are not tried where the processor may have them; null where an option or the engine rules them out. */
export function whyNot256(v8: V8 | null, wide: boolean): string | null {
  const isOlder = wide && v8?.arch === "x64" && v8.version < FIRST_V8_THAT_REVECTORIZES;
  return isOlder ? "256-bit: Node 24 or newer must run, which is twice as fast where the processor has AVX2" : null;
}

/** The variants to try, the widest first. */
export function variantsFor(
  v8: V8 | null,
  options: { readonly wide?: boolean; readonly deterministic?: boolean; readonly dtype?: StorageType },
): Variant[] {
  const variants: Variant[] = [];
  const storage = options.dtype ?? "float32";
  const canRevectorize = options.wide !== false && v8?.arch === "x64" && v8.version >= FIRST_V8_THAT_REVECTORIZES;
  for (const fused of options.deterministic ? [false] : [true, false]) {
    if (canRevectorize)
      variants.push({ width: 256, fused, tiling: fused ? TILING_256 : TILING_256_FEWER_SUMS, storage });
    variants.push({ width: 128, fused, tiling: TILING_128, storage });
  }
  return variants;
}
