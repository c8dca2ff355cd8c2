import { expect, test } from "vitest";
import { ACTIVATION_NAMES, ACTIVATIONS_BACKWARD } from "../../../src/tensor/kernels/activations.ts";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import {
  KERNEL_NAMES,
  RANGE_KERNELS,
  TRAINING_KERNELS,
  TRAINING_RANGE_KERNELS,
  TRAINING_SUMS,
} from "../../../src/tensor/simd/kernelNames.ts";
import { createSimdTrainingBackend } from "../../../src/tensor/simd/training/createSimdTrainingBackend.ts";
import type { SimdTrainingCore } from "../../../src/tensor/simd/training/simdTrainingBackend.ts";

/** Threads know a kernel by its number, so tables and lists must have the same names, each once. */
const sorted = (...lists: readonly (readonly string[])[]) => lists.flat().sort();

test("modules and threads have the kernels of the lists", async () => {
  const backend = createSimdTrainingBackend({ threads: 1 });
  const { kernels, ranges, training } = backend.core as SimdTrainingCore;
  expect(Object.keys(ranges).sort()).toEqual([
    ...new Set(sorted(RANGE_KERNELS, ACTIVATION_NAMES, TRAINING_RANGE_KERNELS, ACTIVATIONS_BACKWARD)),
  ]);
  expect(Object.keys(training)).toEqual(
    expect.arrayContaining(sorted(TRAINING_KERNELS, TRAINING_SUMS, ACTIVATIONS_BACKWARD)),
  );
  expect(Object.keys(kernels)).toEqual(expect.arrayContaining([...KERNEL_NAMES]));
  await backend.dispose();
  const inference = createSimdBackend({ threads: 1 });
  expect(Object.keys(inference.core.ranges).sort()).toEqual(sorted(RANGE_KERNELS, ACTIVATION_NAMES));
  await inference.dispose();
});
