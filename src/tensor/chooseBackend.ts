import { BertError, shown } from "../errors.ts";
import { expectKnownOptions, hint } from "../options.ts";
import type { Backend } from "./backend.ts";
import { plain } from "./kernels/index.ts";
import { compileNow, createSimdBackend } from "./simd/createSimdBackend.ts";
import { TensorMemory } from "./simd/memory.ts";
import { resolveSimdOptions, SIMD_OPTIONS, type SimdOptions } from "./simd/simdOptions.ts";
import { sizeOf } from "./tensor.ts";

/**
 * The backends by name: `plain` gives the same bits everywhere; `simd` is fast; `auto` is `simd` where the engine can
 * run it, else `plain`.
 */
export type BackendName = "auto" | "simd" | "plain";

/**
 * A backend for one model; `info.reason` says why it is the one it is.
 *
 * @throws BertError ERR_BACKEND no backend has that name, or the name is `simd` and it cannot run; ERR_INPUT an option
 *   that there is not, or with a value that it must not have
 */
export function chooseBackend(name: BackendName = "auto", options: SimdOptions = {}): Backend {
  expectKnownOptions("chooseBackend", options, SIMD_OPTIONS);
  return backendToMake("chooseBackend", name, options).make();
}

/**
 * A backend that is still to be made, which takes 35 ms, and the memory that it will have: weights are read into it
 * meanwhile.
 */
export interface BackendToMake extends Pick<Backend, "empty"> {
  /** @throws BertError ERR_BACKEND the name is `simd` and it cannot run */
  make(): Backend;
}

/**
 * The backend that `chooseBackend` makes, of which the options alone are looked at now.
 *
 * @param where the function that errors name
 * @throws BertError ERR_BACKEND no backend has that name; ERR_INPUT an option has a value that it must not have
 */
export function backendToMake(where: string, name: BackendName = "auto", given: SimdOptions = {}): BackendToMake {
  const options = resolveSimdOptions(where, given);
  expectBackendName(where, name);
  const memory = name === "plain" ? undefined : memoryIfThereIs();
  return {
    empty: (shape) => (memory ? { data: memory.allocate(sizeOf(shape)), shape } : plain.empty(shape)),
    make: () =>
      backendNamed<Backend>(where, name, options, plain, (simd) => createSimdBackend(simd, compileNow, memory)),
  };
}

/** Undefined where the system gives none: why, the backend says when it is made. */
function memoryIfThereIs(): TensorMemory | undefined {
  try {
    return new TensorMemory();
  } catch {
    return undefined;
  }
}

/**
 * The backend of that name, of one kind: for inference, or for training. What the machine lacks makes `auto` fall back;
 * an option with a wrong value is an error with every name.
 *
 * @param where the function that errors name
 * @throws BertError ERR_BACKEND no backend has that name, or the name is `simd` and it cannot run; ERR_INPUT an option
 *   has a value that it must not have
 */
export function backendNamed<Kind extends Backend>(
  where: string,
  name: BackendName,
  given: SimdOptions,
  byDefinition: Kind,
  createSimd: (options: SimdOptions) => Kind,
): Kind {
  const options = resolveSimdOptions(where, given);
  expectBackendName(where, name);
  if (name === "plain") return byDefinition;
  if (name === "simd") return createSimd(options);
  try {
    return createSimd(options);
  } catch (error) {
    if (!(error instanceof BertError && error.code === "ERR_BACKEND")) throw error;
    return { ...byDefinition, info: { ...byDefinition.info, reason: error.message } };
  }
}

const NAMES = ["auto", "simd", "plain"] as const satisfies readonly BackendName[];

function expectBackendName(where: string, name: BackendName): void {
  if (NAMES.includes(name)) return;
  const must = `backend must be one of ${NAMES.join(", ")}, got ${shown(name)}${hint(name, NAMES)}`;
  throw new BertError("ERR_BACKEND", `${where}: ${must}`);
}
