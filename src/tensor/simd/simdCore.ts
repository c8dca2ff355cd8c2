import type { Backend } from "../backend.ts";
import type { Pool } from "../threads/pool.ts";
import type { Variant } from "./compile.ts";
import type { Kernels } from "./kernelNames.ts";
import type { TensorMemory } from "./memory.ts";
import type { RangeKernel, RangeKernels } from "./rangeKernels.ts";

/** What a backend and its scopes have in common. */
export interface SimdCore {
  readonly memory: TensorMemory;
  readonly module: WebAssembly.Module;
  readonly kernels: Kernels;
  readonly ranges: RangeKernels;
  readonly decodeHalves: Backend["decodeHalves"];
  readonly variant: Variant;
  readonly reason: string;
  /** The backend's threads; null where threads cannot share memory. */
  readonly pool: Pool | null;
}

/**
 * The fewest multiply-adds that are worth another thread: a chunk of 3 µs, at 50 a nanosecond. What a thread waits for
 * at the end of a product is half a chunk. In chunks of 10 µs, and of two panels at least, the encoder takes 2 to 4 %
 * more for 16 and 32 tokens, 1 to 2 % for 128 and 512 (two cores).
 */
export const CHUNK_PRODUCTS = 150_000;

/** The fewest elements of the other kernels that are worth another thread: a chunk of 6 µs, at 0.7 a nanosecond. */
export const CHUNK_ELEMENTS = 4096;

/** Runs a range kernel over 0 … total, on all threads if it is more than one chunk. */
export function runRange<Names extends string>(
  { pool, ranges }: { readonly pool: Pool | null; readonly ranges: Readonly<Record<Names, RangeKernel>> },
  kernel: Names,
  args: readonly number[],
  total: number,
  grain: number,
): void {
  if (pool) pool.parallel(kernel, args, total, grain);
  else if (total > 0) ranges[kernel](...args, 0, total);
}
