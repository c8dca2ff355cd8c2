import type { Tensor } from "../tensor/tensor.ts";

/**
 * Looks at intermediate results while they are computed; there is no second code path for inspection. Names are
 * PyTorch's module paths. A tensor that `see` is given may be overwritten by the next step: copy it to keep it.
 */
export interface Tap {
  /** Whether `see` wants this name. Layers ask before they make something for the tap alone. */
  wants(name: string): boolean;
  see(name: string, tensor: Tensor): void;
}

/** The tap for a submodule: `scoped(tap, "attention")` turns its name "self.query" into "attention.self.query". */
export function scoped(tap: Tap | undefined, path: string): Tap | undefined {
  return (
    tap && {
      wants: (name) => tap.wants(`${path}.${name}`),
      see: (name, tensor) => tap.see(`${path}.${name}`, tensor),
    }
  );
}
