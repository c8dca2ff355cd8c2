import { BertError, shown } from "../../errors.ts";
import { expectChoice, type OptionNames } from "../../options.ts";
import { STORAGE_TYPES } from "../storage.ts";
import type { StorageType } from "../tensor.ts";
import { environment } from "../threads/platform.ts";
import { threadCount } from "../threads/threadCount.ts";

/** How the backend `simd` is made. All may be left out. */
export interface SimdOptions {
  /**
   * Whether 256-bit vectors may be used, by an experimental flag of V8. Default true, or what the environment's
   * PLAINBERT_WIDE says: 0 or 1.
   */
  readonly wide?: boolean | undefined;
  /** Multiply and add with two roundings, as every machine can: the same bits on all of them. Default false. */
  readonly deterministic?: boolean | undefined;
  /**
   * How many threads compute. Default: the environment's PLAINBERT_THREADS, or as many as the machine can run at the
   * same time, but at most 8.
   */
  readonly threads?: number | undefined;
  /**
   * The folder, a path or a URL, with copies of the files of `plainbert/workers/*`: for a program whose bundler leaves
   * them behind. Default: where the package has them.
   */
  readonly assets?: string | URL | undefined;
  /** How weights are held: which kernels are made beside those of float32. Default "float32". */
  readonly dtype?: StorageType;
}

export const SIMD_OPTIONS: OptionNames<SimdOptions> = {
  wide: true,
  deterministic: true,
  threads: true,
  assets: true,
  dtype: true,
};

/** SimdOptions checked, with defaults. */
export interface ResolvedSimdOptions {
  readonly wide: boolean;
  readonly deterministic: boolean;
  readonly threads: number;
  readonly assets: string | URL | undefined;
  readonly dtype: StorageType;
}

/**
 * Checks options, and the environment where they say nothing.
 *
 * @param where the function that errors name
 * @throws BertError ERR_INPUT a value that an option, or PLAINBERT_WIDE or PLAINBERT_THREADS, must not have
 */
export function resolveSimdOptions(where: string, options: SimdOptions): ResolvedSimdOptions {
  const { wide = wideByEnvironment(where), deterministic = false, dtype = "float32", assets } = options;
  for (const [name, value] of Object.entries({ wide, deterministic })) {
    if (typeof value !== "boolean") throw wrong(where, name, "true or false", value);
  }
  expectChoice(where, "dtype", dtype, STORAGE_TYPES);
  return { wide, deterministic, dtype, assets, threads: threadCount(where, options.threads) };
}

function wideByEnvironment(where: string): boolean {
  const variable = environment("PLAINBERT_WIDE") || "1";
  if (variable === "0" || variable === "1") return variable === "1";
  throw wrong(where, "the environment variable PLAINBERT_WIDE", "0 or 1", variable);
}

function wrong(where: string, name: string, expected: string, got: unknown): BertError {
  return new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${shown(got)}`);
}
