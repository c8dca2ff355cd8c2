/** The module of a helper thread: it makes its kernels and then does nothing but take chunks of jobs. */

import { instanceOf } from "../simd/compile.ts";
import { TensorMemory } from "../simd/memory.ts";
import { rangeKernels } from "../simd/rangeKernels.ts";
import { Control } from "./control.ts";
import { parent } from "./platform.ts";
import type { KernelSource, KernelTable, SharedPool } from "./pool.ts";

/** The one message that a helper gets. */
export interface HelperStart extends SharedPool, KernelSource {
  /** Which helper this is, from 0. */
  readonly index: number;
}

const { listen, post } = parent();
listen(async (message) => {
  const { module, training, control, helpers, index, ...shared } = message as HelperStart;
  const memory = new TensorMemory(shared);
  const kernels = instanceOf(module, memory);
  let ranges: KernelTable = rangeKernels(kernels, memory);
  if (training) {
    // Only where a model is trained: inference need not load it.
    const { trainingRanges } = await import("../simd/training/trainingRanges.ts");
    ranges = { ...ranges, ...trainingRanges(kernels, instanceOf(training, memory), memory) };
  }
  post("ready");
  new Control(helpers, control).help(index, Object.values(ranges));
});
