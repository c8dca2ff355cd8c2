import type { Sharing } from "../backend.ts";
import type { SharedPool } from "../threads/pool.ts";
import type { Variant } from "./compile.ts";
import type { SharedMemory } from "./memory.ts";
import type { SimdCore } from "./simdCore.ts";

/** The message with which another thread opens a backend (`openShared`). */
export interface SharedBackend extends SharedMemory, SharedPool {
  readonly module: WebAssembly.Module;
  readonly variant: Variant;
  readonly reason: string;
}

/** What another thread needs of a backend to compute on its tensors; null where threads cannot share its memory. */
export function sharingOf({ pool, memory, module, variant, reason }: SimdCore): Sharing | null {
  if (!pool) return null;
  return {
    assets: pool.assets,
    message: (): SharedBackend => {
      const { limits } = memory;
      return { memory: memory.memory, limits, module, variant, reason, ...pool.toShare() };
    },
    forget: () => pool.forgetJoined(),
    giveUp: (reason) => pool.giveUp(reason),
  };
}
