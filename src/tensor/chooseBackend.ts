import { BertError, shown } from "../errors.ts";
import { expectKnownOptions, hint } from "../options.ts";
import type { Backend } from "./backend.ts";
import { plain } from "./kernels/index.ts";
import { createSimdBackend } from "./simd/createSimdBackend.ts";
import { resolveSimdOptions, SIMD_OPTIONS, type SimdOptions } from "./simd/simdOptions.ts";

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
  return inferenceBackend("chooseBackend", name, options);
}

/** As `chooseBackend`; errors name the function `where`. */
export function inferenceBackend(where: string, name: BackendName = "auto", options: SimdOptions = {}): Backend {
  return backendNamed<Backend>(where, name, options, plain, createSimdBackend);
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
  if (name === "plain") return byDefinition;
  if (name === "simd") return createSimd(options);
  if (name !== "auto") {
    const names = ["auto", "simd", "plain"];
    throw new BertError(
      "ERR_BACKEND",
      `${where}: backend must be one of ${names.join(", ")}, got ${shown(name)}${hint(name, names)}`,
    );
  }
  try {
    return createSimd(options);
  } catch (error) {
    if (!(error instanceof BertError && error.code === "ERR_BACKEND")) throw error;
    return { ...byDefinition, info: { ...byDefinition.info, reason: error.message } };
  }
}
