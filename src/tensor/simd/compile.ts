import type { StorageType } from "../tensor.ts";
import { type MemoryLimits, ModuleBuilder } from "./assembler.ts";
import { emitElementwise } from "./emitElementwise.ts";
import { emitInt8 } from "./emitInt8.ts";
import { emitMultiply } from "./emitMatmul.ts";
import { emitPack } from "./emitPack.ts";
import { emitLayerNorm, emitSoftmax } from "./emitRows.ts";
import type { Tiling } from "./emitTile.ts";
import { emitWiden } from "./emitWiden.ts";
import type { Kernels } from "./kernelNames.ts";
import { CONSTANTS_AT, type SharedMemory, type TensorMemory } from "./memory.ts";
import type { V8 } from "./v8Flags.ts";
import { warmUp } from "./warmUp.ts";

/** One way to compile the kernels. */
export interface Variant {
  /** Bits of a vector that V8 was asked for. */
  readonly width: 128 | 256;
  /** Whether products are added with one rounding (relaxed SIMD) or two. */
  readonly fused: boolean;
  readonly tiling: Tiling;
  /** Which weights there are kernels for, beside those of float32. */
  readonly storage: StorageType;
}

/**
 * The tile for 256-bit registers has 12 sums in them, 2 vectors of b and one of a: 15 of 16. Made of 128-bit operations
 * it would need twice that and spill; then 8 sums, 2 and 1 are right. GFLOP/s on one core of a Zen 4 EPYC whose peak is
 * 113 (wide) and 57, for 128 × 768 × 3072: 6 × 16 has 100 wide and 31 narrow, 4 × 8 has 55 narrow.
 * Unrolling: 1 to 8 steps of the wide tile are within 3 %; the V8 of Node 20 and 22 allocates registers for the narrow
 * one so badly that 4 steps have 28 and 1 has 41.
 */
const TILINGS: { readonly wide: Tiling; readonly wideUnfused: Tiling; readonly narrow: Tiling } = {
  wide: { rows: 6, columns: 16, unroll: 4 },
  wideUnfused: { rows: 5, columns: 16, unroll: 4 },
  narrow: { rows: 4, columns: 8, unroll: 1 },
};

/**
 * A product of int8 waits in a register of its own before it is added, and float16 needs two constants: they take the wide tile
 * with fewer sums. GFLOP/s on one core for 128 × 768 × 3072: int8 155 with 5 rows, 114 with 6; float16 79 and 53; bfloat16 has 105
 * with 6, float32 107.
 */
function narrowTiling(tiling: Tiling, storage: StorageType): Tiling {
  return tiling === TILINGS.wide && storage !== "bfloat16" ? TILINGS.wideUnfused : tiling;
}

/** Compile a function that is used much with the optimising compiler at once, in the call that shows it. */
const OPTIMIZE_AT_ONCE = "--wasm-sync-tier-up";
/** Turn pairs of adjacent 128-bit operations into one of 256 bits; experimental, x64 only. */
const WIDEN = "--experimental-wasm-revectorize";
/** Relaxed SIMD in Node 20; standard since V8 11.4. */
const RELAXED = "--experimental-wasm-relaxed-simd";
/** Node 22 (V8 12.4) takes the flag WIDEN and gains nothing; 24 (13.6) is the first that does. */
const FIRST_V8_THAT_WIDENS = 13;
const LAST_V8_WITHOUT_RELAXED = 11;

/** The bytes of the module with all kernels. */
function kernelModule(memory: MemoryLimits, { tiling, fused, storage }: Variant): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder(memory, CONSTANTS_AT);
  emitMultiply(m, "multiply", tiling, { storage: "float32", fused });
  if (storage !== "float32") emitMultiply(m, "multiplyNarrow", narrowTiling(tiling, storage), { storage, fused });
  if (storage === "int8") emitInt8(m);
  if (storage === "float16") emitWiden(m, storage);
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
 * Compiles a variant for a memory. Where V8 widens, the kernels are used here until V8 has optimised them: it reads
 * its flags when it optimises, and they are set only meanwhile. The code that comes of it is the module's, in every thread.
 *
 * V8 could also be told to optimise without any use (`--no-liftoff`). But flags hold for the whole process, and with that
 * one a function of somebody else's module that is optimised in the background at that moment ends the process: the
 * inliner finds none of the records that it expects (seen in Node 26.10). The two flags here only make V8 do sooner, or
 * in wider vectors, what it does anyway.
 *
 * @throws WebAssembly.CompileError the engine does not know its instructions
 */
export function compileKernels(memory: TensorMemory, variant: Variant, v8: V8 | null): Compiled {
  return compileModule("", () => kernelModule(memory.limits, variant), warmUp, memory, variant, v8);
}

/**
 * Compiles a module for a memory in the way that a variant says, or finds it compiled.
 *
 * @param what    which module it is
 * @param build   its bytes
 * @param warmUp runs its functions so often that V8 optimises them
 */
export function compileModule<Functions>(
  what: string,
  build: () => Uint8Array<ArrayBuffer>,
  warmUp: (kernels: Functions, memory: TensorMemory) => void,
  memory: TensorMemory,
  variant: Variant,
  v8: V8 | null,
): { readonly kernels: Functions; readonly module: WebAssembly.Module } {
  const key = JSON.stringify([what, memory.limits, variant, v8 !== null]);
  const known = compiled.get(key);
  if (known) return { kernels: instanceOf(known, memory), module: known };
  const optimizes = v8 !== null && v8.version >= FIRST_V8_THAT_WIDENS;
  const compile = () => {
    const module = new WebAssembly.Module(build());
    const kernels = instanceOf<Functions>(module, memory);
    if (optimizes) warmUp(kernels, memory);
    compiled.set(key, module);
    return { kernels, module };
  };
  if (!v8) return compile();
  const flags = optimizes ? [OPTIMIZE_AT_ONCE] : [];
  if (variant.width === 256) flags.push(WIDEN);
  if (variant.fused && v8.version <= LAST_V8_WITHOUT_RELAXED) flags.push(RELAXED);
  return v8.withFlags(flags, compile);
}

/** The kernels of a module on this thread. */
export function instanceOf<Functions = Kernels>(module: WebAssembly.Module, { memory }: SharedMemory): Functions {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Functions;
}

/** The variants to try, the widest first. */
export function variantsFor(
  v8: V8 | null,
  options: { readonly wide?: boolean; readonly deterministic?: boolean; readonly dtype?: StorageType },
): Variant[] {
  const { wide, wideUnfused, narrow } = TILINGS;
  const variants: Variant[] = [];
  const storage = options.dtype ?? "float32";
  const canWiden = options.wide !== false && v8?.arch === "x64" && v8.version >= FIRST_V8_THAT_WIDENS;
  for (const fused of options.deterministic ? [false] : [true, false]) {
    if (canWiden) variants.push({ width: 256, fused, tiling: fused ? wide : wideUnfused, storage });
    variants.push({ width: 128, fused, tiling: narrow, storage });
  }
  return variants;
}
