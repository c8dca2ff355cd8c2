import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import type { SimdBackend } from "../../../src/tensor/simd/simdBackend.ts";
import type { Matrix, PackedWeight, Tensor } from "../../../src/tensor/tensor.ts";
import { numbers } from "../kernels/cases.ts";

/** A backend of each kind that this machine has. */
export const BACKENDS: readonly (readonly [name: string, backend: SimdBackend])[] = [
  ["best", createSimdBackend()],
  ["128-bit", createSimdBackend({ wide: false })],
  ["deterministic", createSimdBackend({ deterministic: true })],
  ["128-bit deterministic", createSimdBackend({ wide: false, deterministic: true })],
];

/** A copy in the backend's memory. */
export function on(k: SimdBackend, values: Float32Array, shape: readonly number[] = [values.length]): Tensor {
  const tensor = k.zeros(shape);
  tensor.data.set(values);
  return tensor;
}

/** A weight that has columns, packed. */
export function packedOf(k: SimdBackend, weight: Tensor): PackedWeight {
  return k.packWeight(weight) as PackedWeight;
}

/** A window with unused columns to its left and right and unused rows above and below. */
export function window(k: SimdBackend, rows: number, cols: number, seed: number): Matrix {
  const stride = cols + 5;
  const { data } = on(k, numbers((rows + 2) * stride, seed));
  return { data, offset: stride + 2, rows, cols, stride };
}
