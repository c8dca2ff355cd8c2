import type { Backend, BackendInfo } from "../../src/tensor/backend.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import { createSimdBackend } from "../../src/tensor/simd/createSimdBackend.ts";
import type { SimdOptions } from "../../src/tensor/simd/simdOptions.ts";
import type { StorageType } from "../../src/tensor/tensor.ts";

/** A backend to run tests on; each model gets one of its own, as in `loadBert`. */
export interface TestedBackend {
  /** `plain`, or `simd` and its variant. */
  readonly title: string;
  /** Whose tolerances hold. */
  readonly name: BackendInfo["name"];
  create(dtype?: StorageType): Backend;
}

/** `plain` and every variant of `simd` that this engine has; on an engine that widens nothing, fewer. */
export const BACKENDS: readonly TestedBackend[] = [
  { title: "plain", name: "plain", create: () => plain },
  ...variants(),
];

function variants(): TestedBackend[] {
  const seen = new Set<string>();
  const found: TestedBackend[] = [];
  const all: SimdOptions[] = [{}, { wide: false }, { deterministic: true }, { wide: false, deterministic: true }];
  for (const options of all) {
    const create = (dtype: StorageType = "float32") => createSimdBackend({ ...options, dtype });
    const { width, fused } = create().info;
    const title = `simd, ${width} bits, ${fused ? "fused" : "multiply and add"}`;
    if (seen.has(title)) continue;
    seen.add(title);
    found.push({ title, name: "simd", create });
  }
  return found;
}
