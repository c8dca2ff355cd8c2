import { BertError } from "../errors.ts";
import type { Backend } from "./backend.ts";
import { plain } from "./kernels/index.ts";

/** The backends by name; `auto` is the fastest that this machine can run. */
export type BackendName = "auto" | "plain";

/** @throws BertError ERR_BACKEND no backend has that name */
export function chooseBackend(name: BackendName = "auto"): Backend {
  if (name === "auto" || name === "plain") return plain;
  throw new BertError("ERR_BACKEND", `chooseBackend: backend must be "auto" or "plain", got ${JSON.stringify(name)}`);
}
