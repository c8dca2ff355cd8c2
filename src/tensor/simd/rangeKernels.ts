import { ACTIVATION_NAMES, type Activation } from "../kernels/activations.ts";
import { activate, OTHER_ACTIVATIONS } from "../kernels/otherActivations.ts";
import { attentionRange } from "./attentionRange.ts";
import { type Kernels, type RangeKernelName, tableOf } from "./kernelNames.ts";
import type { TensorMemory } from "./memory.ts";
import { multiplyInt8Range, multiplyRange } from "./multiplyRange.ts";

/** A kernel that computes outputs begin … end − 1, its last two arguments. */
export type RangeKernel = (...args: number[]) => void;

/** The range kernels by name. */
export type RangeKernels = Readonly<Record<RangeKernelName, RangeKernel>>;

/**
 * The kernels that threads share, each over a range of its outputs: panels, heads, rows or elements. An output is
 * computed in the same way whatever the range is, so how the work is cut does not change a bit.
 *
 * Addresses and strides are in bytes, as in `Kernels`.
 */
export function rangeKernels(k: Kernels, memory: TensorMemory): RangeKernels {
  const elementwise =
    (name: Activation): RangeKernel =>
    (y, x, begin, end) =>
      k[name](y + begin * 4, x + begin * 4, end - begin);
  return {
    multiply: multiplyRange(k, "multiply", memory),
    multiplyStored: multiplyRange(k, "multiplyStored", memory),
    multiplyInt8: multiplyInt8Range(k),
    quantizeRows: (a, t, x, aStride, K, levels, begin, end) =>
      k.quantizeRows!(a + begin * aStride, t + begin * 4, x + begin * K * 4, end - begin, K, levels),
    attention: attentionRange(k, memory),
    layerNorm: (y, x, gamma, beta, residual, H, eps, begin, end) => {
      const at = begin * H * 4;
      k.layerNorm(y + at, x + at, gamma, beta, residual && residual + at, end - begin, H, eps);
    },
    ...tableOf(ACTIVATION_NAMES, elementwise),
    /** `act` is a number: the place in OTHER_ACTIVATIONS. */
    activate: (y, x, act, begin, end) => {
      const [to, from] = [y, x].map((at) => new Float32Array(memory.memory.buffer, at + begin * 4, end - begin));
      activate(to, from, OTHER_ACTIVATIONS[act]);
    },
    add: (y, a, b, begin, end) => k.add(y + begin * 4, a + begin * 4, b + begin * 4, end - begin),
  };
}
