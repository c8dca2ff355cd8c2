/** The module of a helper thread: it makes its kernels and then does nothing but take chunks of jobs. */

import { Control } from "../threads/control.ts";
import { parent } from "../threads/platform.ts";
import type { KernelTable } from "../threads/pool.ts";
import { instanceOf } from "./compile.ts";
import type { HelperStart } from "./helpers.ts";
import { TensorMemory } from "./memory.ts";
import { rangeKernels } from "./rangeKernels.ts";

const { listen, post } = parent();
listen(async (message) => {
  const { module, training, control, helpers, index, ...shared } = message as HelperStart;
  const memory = new TensorMemory(shared);
  const kernels = instanceOf(module, memory);
  let ranges: KernelTable = rangeKernels(kernels, memory);
  if (training) {
    // Only where a model is trained: inference need not load it.
    const { trainingRanges } = await import("./training/trainingRanges.ts");
    ranges = { ...ranges, ...trainingRanges(kernels, instanceOf(training, memory), memory) };
  }
  post("ready");
  new Control(helpers, control).help(index, Object.values(ranges));
});
