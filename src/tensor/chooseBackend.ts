import { BertError, quote } from "../errors.ts";
import type { Backend } from "./backend.ts";
import { plain } from "./kernels/index.ts";
import { createSimdBackend } from "./simd/createSimdBackend.ts";
import type { SimdOptions } from "./simd/options.ts";

/**
 * The backends by name: `plain` gives the same bits everywhere; `simd` is fast; `auto` is `simd` where the engine can
 * run it, else `plain`.
 */
export type BackendName = "auto" | "simd" | "plain";

/**
 * A backend for one model; `info.reason` says why it is the one it is.
 *
 * @throws BertError ERR_BACKEND no backend has that name, or the name is `simd` and it cannot run
 */
export function chooseBackend(name: BackendName = "auto", options: SimdOptions = {}): Backend {
  return backendNamed<Backend>("chooseBackend", name, plain, () => createSimdBackend(options));
}

/**
 * The backend of that name, of one kind: for inference, or for training.
 *
 * @param where the function that errors name
 * @throws BertError ERR_BACKEND no backend has that name, or the name is `simd` and it cannot run
 */
export function backendNamed<Kind extends Backend>(
  where: string,
  name: BackendName,
  byDefinition: Kind,
  createSimd: () => Kind,
): Kind {
  if (name === "plain") return byDefinition;
  if (name === "simd") return createSimd();
  if (name !== "auto") {
    const got = quote(String(name));
    throw new BertError("ERR_BACKEND", `${where}: backend must be "auto", "simd" or "plain", got ${got}`);
  }
  try {
    return createSimd();
  } catch (error) {
    if (!(error instanceof BertError)) throw error;
    return { ...byDefinition, info: { ...byDefinition.info, reason: error.message } };
  }
}
