import { type Case, type CaseGroup, type OpenGroup, simpleCase } from "../harness/case.ts";
import type { Side } from "../harness/interleave.ts";
import { OURS } from "../harness/results.ts";
import { openPytorch, type Pytorch, type PytorchWork } from "../sides/pytorch.ts";
import { plainbertTrainer, type Trainer, trainedConfig } from "../sides/training.ts";
import { encoderFlops } from "./inputs.ts";

/** Batches, and GFLOP/s of PyTorch 2.13 on two cores of a Zen 4 EPYC, for machines that do not have it. */
const BATCHES = [
  { B: 8, T: 128, recorded: 128, seconds: 40, notQuick: true },
  { B: 16, T: 64, recorded: 155, seconds: 32, notQuick: false },
] as const;

/** Others that are trained. */
const OTHERS = [
  {
    id: "train-distilbert-16x64",
    trained: "DistilBERT",
    B: 16,
    T: 64,
    title: "the same of 16 × 64 tokens in DistilBERT",
  },
  {
    id: "train-pairs-32x64",
    trained: "pairs",
    B: 32,
    T: 64,
    title: "the same of 16 pairs of 64 tokens, a ranking loss of mean vectors",
  },
] as const;

const trainId = (B: number, T: number): string => `train-${B}x${T}`;

/** Forward and backward of a classifier, dropout on, and AdamW's update. */
export const trainingGroup: CaseGroup = {
  planned: [
    ...BATCHES.map(({ B, T, seconds, notQuick }) => ({ id: trainId(B, T), seconds, notQuick })),
    ...OTHERS.map(({ id }) => ({ id, seconds: 30, notQuick: true })),
    { id: "adamw", seconds: 12 },
  ],
  async open({ backend, threads, noteVersion }) {
    const { pytorch, ...open } = await openTraining(backend, threads);
    if (pytorch !== null) noteVersion("PyTorch", pytorch.replace(/^PyTorch /, ""));
    return open;
  },
};

/** The cases with what they need, for a program that measures nothing else. */
export async function openTraining(backend: string, threads: number): Promise<OpenTraining> {
  const ours = await plainbertTrainer(backend, threads);
  const others = await Promise.all(OTHERS.map(({ trained }) => plainbertTrainer(backend, threads, false, trained)));
  const pytorch = await openPytorch(threads);
  return {
    description: ours.description,
    pytorch: pytorch?.version ?? null,
    cases: trainingCases([ours, ...others], pytorch, threads),
    async dispose() {
      await Promise.all([ours, ...others].map((one) => one.dispose()));
      pytorch?.dispose();
    },
  };
}

export interface OpenTraining extends OpenGroup {
  /** What plainbert computes with. */
  readonly description: string;
  /** PyTorch's version; null: it is not there. */
  readonly pytorch: string | null;
  dispose(): Promise<void>;
}

/**
 * The cases of training.
 *
 * @param pytorch null: recorded figures stand in its place, for two threads
 */
function trainingCases([ours, ...others]: readonly Trainer[], pytorch: Pytorch | null, threads: number): Case[] {
  const theirs = (name: string, work: PytorchWork, recorded?: number): Side[] => {
    if (pytorch) return [{ name, library: "PyTorch", run: () => pytorch.run(work) }];
    if (recorded === undefined || threads !== 2) return [];
    // In place of the work a pause, else a turn would have a million of them.
    const run = () => new Promise<number>((resolve) => setTimeout(resolve, 100, recorded));
    return [{ name: `${name} (recorded)`, library: "PyTorch", run }];
  };
  const config = trainedConfig();
  return [
    ...BATCHES.map(({ B, T, recorded }): Case => {
      // Backward is two products for each of forward's.
      const flops = 3 * encoderFlops(Array(B).fill(T), config);
      const title = `forward and backward of ${B} × ${T} tokens, dropout 0.1`;
      return simpleCase({ id: trainId(B, T), title, unit: "ms", flops }, [
        { name: OURS, library: OURS, run: async () => ours.step(B, T) },
        ...theirs("PyTorch", { step: [B, T] }, flops / recorded / 1e6),
      ]);
    }),
    ...OTHERS.map(({ id, trained, B, T, title }, n): Case => {
      const flops = 3 * encoderFlops(Array(B).fill(T), trainedConfig(trained));
      return simpleCase({ id, title, unit: "ms", flops }, [
        { name: OURS, library: OURS, run: async () => others[n].step(B, T) },
        ...theirs("PyTorch", { step: [B, T], model: trained }),
      ]);
    }),
    simpleCase({ id: "adamw", title: "AdamW's update of 108 million weights", unit: "ms" }, [
      { name: OURS, library: OURS, run: async () => ours.update() },
      ...theirs("PyTorch fused", { update: "fused" }, 56),
      ...theirs("PyTorch foreach", { update: "foreach" }, 310),
      ...theirs("PyTorch as it comes", { update: "default" }, 240),
    ]),
  ];
}
