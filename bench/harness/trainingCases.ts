import type { Pytorch, PytorchWork } from "../sides/pytorch.ts";
import { type Trainer, trainedConfig } from "../sides/training.ts";
import { encoderFlops } from "./cases.ts";
import type { Side } from "./interleave.ts";
import { type BenchCase, OURS } from "./results.ts";

/** A case of training and its sides. */
export interface TrainingCase extends Omit<BenchCase, "sides"> {
  readonly sides: readonly Side[];
}

/** Batches, and GFLOP/s of PyTorch 2.13 on two cores of a Zen 4 EPYC, for machines that do not have it. */
const BATCHES = [
  { B: 8, T: 128, recorded: 128 },
  { B: 16, T: 64, recorded: 155 },
] as const;

/** The ids of all cases, to choose by. */
export const TRAINING_IDS: readonly string[] = [...BATCHES.map(({ B, T }) => `train-${B}x${T}`), "adamw"];

/**
 * Forward and backward of a classifier, dropout on, and AdamW's update.
 *
 * @param pytorch null: recorded figures stand in its place, for two threads
 */
export function trainingCases(ours: Trainer, pytorch: Pytorch | null, threads: number): TrainingCase[] {
  const theirs = (name: string, work: PytorchWork, recorded?: number): Side[] => {
    if (pytorch) return [{ name, run: () => pytorch.run(work) }];
    return recorded !== undefined && threads === 2 ? [{ name: `${name} (recorded)`, run: async () => recorded }] : [];
  };
  const config = trainedConfig();
  return [
    ...BATCHES.map(({ B, T, recorded }): TrainingCase => {
      // Backward is two products for each of forward's.
      const flops = 3 * encoderFlops(Array(B).fill(T), config);
      const sides = theirs("PyTorch", { step: [B, T] }, flops / recorded / 1e6);
      return {
        id: `train-${B}x${T}`,
        title: `forward and backward of ${B} × ${T} tokens, dropout 0.1`,
        unit: "ms",
        flops,
        sides: [{ name: OURS, run: async () => ours.step(B, T) }, ...sides],
      };
    }),
    {
      id: "adamw",
      title: "AdamW's update of 108 million weights",
      unit: "ms",
      sides: [
        { name: OURS, run: async () => ours.update() },
        ...theirs("PyTorch fused", { update: "fused" }, 56),
        ...theirs("PyTorch foreach", { update: "foreach" }, 310),
        ...theirs("PyTorch as it comes", { update: "default" }, 240),
      ],
    },
  ];
}
