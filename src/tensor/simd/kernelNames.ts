import { ACTIVATION_NAMES, type Activation, type ActivationBackward } from "../kernels/activations.ts";

/** A table with an entry for each of some names, in their order. */
export function tableOf<Name extends string, Entry>(
  names: readonly Name[],
  entry: (name: Name) => Entry,
): Record<Name, Entry> {
  return Object.fromEntries(names.map((name) => [name, entry(name)])) as Record<Name, Entry>;
}

/** The kernels that every compiled module has, beside the activation functions. */
const KERNELS = ["multiply", "packRows", "packColumns", "softmaxRows", "layerNorm", "add"] as const;

/** A kernel that every compiled module has. */
export type KernelName = (typeof KERNELS)[number] | Activation;

/** The kernels that every compiled module has. */
export const KERNEL_NAMES: readonly KernelName[] = [...KERNELS, ...ACTIVATION_NAMES];

/** The kernels that threads share (rangeKernels.ts), beside the activation functions. */
export const RANGE_KERNELS = [
  "multiply",
  "multiplyStored",
  "multiplyInt8",
  "quantizeRows",
  "attention",
  "layerNorm",
  "activate",
  "add",
] as const;
/** A kernel that threads share. */
export type RangeKernelName = (typeof RANGE_KERNELS)[number] | Activation;

/** The kernels of the module for training, beside the activation functions. */
export const TRAINING_KERNELS = [
  "dropout",
  "dropoutTwo",
  "softmaxRowsBackward",
  "layerNormBackward",
  "transpose",
  "columnSums",
  "scaleBy",
  "adamw",
] as const;
/** Those of them that return a number. */
export const TRAINING_SUMS = ["squares", "largest", "exponentials"] as const;

/** The functions of the module for training; the emitters say what each takes. Addresses and strides are in bytes. */
export type TrainingKernels = Readonly<
  Record<(typeof TRAINING_KERNELS)[number] | ActivationBackward, (...args: number[]) => void> &
    Record<(typeof TRAINING_SUMS)[number], (...args: number[]) => number>
>;

/** The kernels for training that threads share (trainingRanges.ts), beside the activation functions. */
export const TRAINING_RANGE_KERNELS = [
  "attentionWithDropout",
  "attentionBackward",
  "product",
  "transpose",
  "columnSums",
  "layerNormBackward",
  "activateBackward",
  "dropout",
  "crossEntropy",
  "squares",
  "adamw",
] as const;
/** A kernel for training that threads share. */
export type TrainingRangeKernelName = (typeof TRAINING_RANGE_KERNELS)[number] | ActivationBackward;

/** The functions of a compiled module; the emitters say what each takes. Addresses and strides are in bytes. */
export interface Kernels extends Readonly<Record<KernelName, (...args: number[]) => void>> {
  /** 0 if all numbers are finite, else NaN. */
  readonly finiteness: (x: number, n: number) => number;
  /** `multiply` for weights of the variant's storage type, if that is not float32. */
  readonly multiplyStored?: (...args: number[]) => void;
  /** `multiplyStored` of few rows, which leaves the weights behind in float32; for float16. */
  readonly multiplyKeeping?: (...args: number[]) => void;
  /** Rounds steps of a panel to the variant's storage type, if that is not float32; 0 if all numbers stay finite. */
  readonly narrow?: (to: number, from: number, scales: number, steps: number) => number;
  /** The scales of a panel's columns; for int8. */
  readonly columnScales?: (...args: number[]) => void;
  /** Quantizes rows of activations; for int8. */
  readonly quantizeRows?: (...args: number[]) => void;
  /** Scales the sums of a product of integers; for int8. */
  readonly scaleSums?: (...args: number[]) => void;
}
