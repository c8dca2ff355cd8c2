import { readFileSync } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { dirname } from "node:path";
import { cacheDir } from "../hub/environment.ts";
import { whyNoThreads } from "../tensor/threads/platform.ts";

/** What the system says of itself. */
export interface Machine {
  readonly plainbert: string;
  readonly node: string;
  readonly v8: string;
  readonly system: string;
  readonly architecture: string;
  readonly processor: string;
  /** How many threads can run at the same time. */
  readonly cores: number;
  /** Instructions that matter for matrices. */
  readonly features: readonly string[];
  readonly featuresFrom: string;
  /** Bytes. */
  readonly memory: number;
  /** What the engine accepts. */
  readonly webAssembly: readonly string[];
  readonly sharedMemory: boolean;
}

export function machine(): Machine {
  const flags = cpuFlags();
  return {
    plainbert: packageVersion(),
    node: process.version,
    v8: process.versions.v8,
    system: `${type()} ${release()}`,
    architecture: process.arch,
    processor: cpus()[0]?.model.trim() || "unknown",
    cores: availableParallelism(),
    features: flags?.filter((name) => FEATURES.has(name)) ?? [],
    featuresFrom: flags ? "/proc/cpuinfo" : "this system does not say; see WebAssembly",
    memory: totalmem(),
    webAssembly: WASM_FEATURES.filter(([, bytes]) => WebAssembly.validate(bytes)).map(([name]) => name),
    sharedMemory: whyNoThreads() === null,
  };
}

export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}

/** Names of /proc/cpuinfo, of x86 and ARM. */
const FEATURES: ReadonlySet<string> = new Set(
  "sse4_1 sse4_2 avx fma avx2 avx512f avx512bw avx512vl avx512_vnni avx_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16 asimd asimdhp asimddp sve sve2 i8mm bf16".split(
    " ",
  ),
);

/** null on systems without that file. */
function cpuFlags(): string[] | null {
  try {
    const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"));
    return line === null ? null : line[1].trim().split(/\s+/);
  } catch {
    return null;
  }
}

/** A module with one function () → v128 of these instructions. */
function returningVector(...body: number[]): Uint8Array<ArrayBuffer> {
  const code = [0, ...body, 0x0b];
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...[1, 5, 1, 0x60, 0, 1, 0x7b], // types: () → v128
    ...[3, 2, 1, 0], // functions: one of type 0
    ...[10, code.length + 2, 1, code.length, ...code],
  );
}

/** i32.const 0, i32x4.splat */
const ZEROS = [0x41, 0, 0xfd, 0x11];

const WASM_FEATURES: readonly (readonly [string, Uint8Array<ArrayBuffer>])[] = [
  ["simd", returningVector(...ZEROS)],
  ["relaxed simd", returningVector(...ZEROS, ...ZEROS, ...ZEROS, 0xfd, 0x85, 0x02)], // f32x4.relaxed_madd
  // A memory that is shared: limits with maximum, 1 to 1 pages.
  ["threads", Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 4, 1, 3, 1, 1)],
];

/** Where Hugging Face's libraries, and we, keep models that were downloaded. */
export interface CacheFolder {
  readonly path: string;
  readonly state: "writable" | "not writable" | "not there yet, can be made" | "not there, cannot be made";
}

/** @param option of `--cache-dir` */
export async function cacheFolder(option: string | undefined): Promise<CacheFolder> {
  const path = cacheDir(option, process.env);
  if (await exists(path)) return { path, state: (await isWritable(path)) ? "writable" : "not writable" };
  let parent = dirname(path);
  while (!(await exists(parent)) && dirname(parent) !== parent) parent = dirname(parent);
  return { path, state: (await isWritable(parent)) ? "not there yet, can be made" : "not there, cannot be made" };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function isWritable(path: string): Promise<boolean> {
  const isFolder = (await stat(path)).isDirectory();
  if (!isFolder) return false;
  return access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}
