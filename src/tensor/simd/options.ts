import type { StorageType } from "../tensor.ts";

/** How the backend `simd` is made. All may be left out. */
export interface SimdOptions {
  /**
   * Whether 256-bit vectors may be used, by an experimental flag of V8. Default true, or false where the environment
   * has PLAINBERT_WIDE=0.
   */
  readonly wide?: boolean;
  /** Multiply and add with two roundings, as every machine can: the same bits on all of them. Default false. */
  readonly deterministic?: boolean;
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
