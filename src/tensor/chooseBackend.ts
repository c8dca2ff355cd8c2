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
  if (name === "plain") return plain;
  if (name === "simd") return createSimdBackend(options);
  if (name !== "auto") {
    const got = quote(String(name));
    throw new BertError("ERR_BACKEND", `chooseBackend: backend must be "auto", "simd" or "plain", got ${got}`);
  }
  try {
    return createSimdBackend(options);
  } catch (error) {
    if (!(error instanceof BertError)) throw error;
    return { ...plain, info: { ...plain.info, reason: error.message } };
  }
}
