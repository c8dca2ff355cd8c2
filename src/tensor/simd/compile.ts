import { type MemoryLimits, ModuleBuilder } from "./assembler.ts";
import { emitElementwise } from "./emitElementwise.ts";
import { emitMultiply } from "./emitMatmul.ts";
import { emitPack } from "./emitPack.ts";
import { emitLayerNorm, emitSoftmax } from "./emitRows.ts";
import type { Tiling } from "./emitTile.ts";
import { CONSTANTS_AT } from "./memory.ts";
import type { Platform } from "./platform.ts";

/** One way to compile the kernels. */
export interface Variant {
  /** Bits of a vector that V8 was asked for. */
  readonly width: 128 | 256;
  /** Whether products are added with one rounding (relaxed SIMD) or two. */
  readonly fused: boolean;
  readonly tiling: Tiling;
}

/** The functions of a compiled module; the emitters say what each takes. Addresses and strides are in bytes. */
export type Kernels = Readonly<
  Record<
    | "multiply"
    | "packRows"
    | "packColumns"
    | "softmaxRows"
    | "layerNorm"
    | "gelu"
    | "geluNew"
    | "relu"
    | "silu"
    | "tanh"
    | "add",
    (...args: number[]) => void
  >
>;

/**
 * The tile for 256-bit registers has 12 sums in them, 2 vectors of b and one of a: 15 of 16. Made of 128-bit operations
 * it would need twice that and spill; then 8 sums, 2 and 1 are right. GFLOP/s on one core of a Zen 4 EPYC whose peak is
 * 113 (wide) and 57, for 128 × 768 × 3072: 6 × 16 has 100 wide and 31 narrow, 4 × 8 has 55 narrow.
 * Unrolling: 1 to 8 steps of the wide tile are within 3 %; the V8 of Node 20 and 22 allocates registers for the narrow
 * one so badly that 4 steps have 28 and 1 has 41.
 */
export const TILINGS: { readonly wide: Tiling; readonly wideUnfused: Tiling; readonly narrow: Tiling } = {
  wide: { rows: 6, columns: 16, unroll: 4 },
  wideUnfused: { rows: 5, columns: 16, unroll: 4 },
  narrow: { rows: 4, columns: 8, unroll: 1 },
};

/** Compile at once, with the optimising compiler alone. */
const OPTIMIZE = ["--no-liftoff", "--no-wasm-lazy-compilation"];
/** Turn pairs of adjacent 128-bit operations into one of 256 bits; experimental, x64 only. */
const WIDEN = "--experimental-wasm-revectorize";
/** Relaxed SIMD in Node 20; standard since V8 11.4. */
const RELAXED = "--experimental-wasm-relaxed-simd";
/** Node 22 (V8 12.4) takes the flag WIDEN and gains nothing; 24 (13.6) is the first that does. */
const FIRST_V8_THAT_WIDENS = 13;
const LAST_V8_WITHOUT_RELAXED = 11;

/** The bytes of the module with all kernels. */
function kernelModule(memory: MemoryLimits, { tiling, fused }: Variant): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder(memory, CONSTANTS_AT);
  emitMultiply(m, tiling, fused);
  emitPack(m);
  emitElementwise(m, fused);
  emitSoftmax(m, fused);
  emitLayerNorm(m);
  return m.toBytes();
}

/** Compiles a variant. @throws WebAssembly.CompileError the engine does not know its instructions */
export function compileKernels(memory: MemoryLimits, variant: Variant, platform: Platform | null): WebAssembly.Module {
  const bytes = kernelModule(memory, variant);
  const compile = () => new WebAssembly.Module(bytes);
  if (!platform) return compile();
  const flags = [...OPTIMIZE];
  if (variant.width === 256) flags.push(WIDEN);
  if (variant.fused && platform.v8 <= LAST_V8_WITHOUT_RELAXED) flags.push(RELAXED);
  return platform.withFlags(flags, compile);
}

/** The variants to try, the widest first. */
export function variantsFor(
  platform: Platform | null,
  options: { readonly wide?: boolean; readonly deterministic?: boolean },
): Variant[] {
  const { wide, wideUnfused, narrow } = TILINGS;
  const variants: Variant[] = [];
  const canWiden = options.wide !== false && platform?.arch === "x64" && platform.v8 >= FIRST_V8_THAT_WIDENS;
  for (const fused of options.deterministic ? [false] : [true, false]) {
    if (canWiden) variants.push({ width: 256, fused, tiling: fused ? wide : wideUnfused });
    variants.push({ width: 128, fused, tiling: narrow });
  }
  return variants;
}
