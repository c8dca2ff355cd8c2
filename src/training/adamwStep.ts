import { depthOf, LAYER_NORM } from "../model/family.ts";
import type { AdamWUpdate } from "../tensor/kernels/adamw.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Gradients, TrainedModel } from "./gradients.ts";

/** How weights follow gradients. The defaults are those of PyTorch's AdamW and of Hugging Face's Trainer. */
export interface AdamWOptions {
  /** β₁, of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** β₂, of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε. Default 1e-8; Google's BERT has 1e-6. */
  readonly epsilon?: number;
  /** The decay of all weights but biases and LayerNorm. Default 0.01, as in the paper (§A.2). */
  readonly weightDecay?: number;
  /**
   * Whether the means are corrected for their start at 0, as by PyTorch. `false` is the optimiser that BERT was trained
   * with (Google's optimization.py), whose first steps are up to 1/√0.001 = 32 times as long. Default true.
   */
  readonly biasCorrection?: boolean;
  /** The global norm that gradients are clipped to. Default 1, as in Google's code; Infinity for no clipping. */
  readonly maxGradNorm?: number;
  /** ξ: each layer's learning rate is ξ times that of the layer above, see `layerwiseRate`. Default 1. */
  readonly layerwiseDecay?: number;
}

/** AdamW's memory of one parameter. */
export interface Moments {
  /** The running mean of its gradients, PyTorch's `exp_avg`. */
  readonly first: Tensor;
  /** The running mean of their squares, `exp_avg_sq`. */
  readonly second: Tensor;
}

/** The moments of a run that begins: zeros for each parameter that is not frozen, twice the memory of its weights. */
export function createMoments({ kernels }: TrainedModel, { byName }: Gradients): ReadonlyMap<string, Moments> {
  return new Map(
    Array.from(byName, ([name, { shape }]) => [name, { first: kernels.zeros(shape), second: kernels.zeros(shape) }]),
  );
}

/** √(Σ g²) over all parameters. */
export function gradientNorm({ kernels }: TrainedModel, { byName }: Gradients): number {
  let sum = 0;
  for (const { data } of byName.values()) sum += kernels.sumOfSquares(data);
  return Math.sqrt(sum);
}

/** Where a run stands at one update. */
export interface AdamWStep {
  /** t: 1 for the first update. */
  readonly step: number;
  /** The learning rate of the heads and the pooler, before the decay from layer to layer. */
  readonly learningRate: number;
  /**
   * The gradients' norm; they are multiplied by maxGradNorm / (norm + 1e-6) if that is less than 1, as PyTorch's
   * clip_grad_norm_ does.
   */
  readonly norm: number;
}

/** Updates every parameter that has a gradient (kernels/adamw.ts). */
export function adamwStep(
  { params, config, kernels }: TrainedModel,
  { byName }: Gradients,
  moments: ReadonlyMap<string, Moments>,
  { step, learningRate, norm }: AdamWStep,
  options: AdamWOptions,
): void {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, biasCorrection = true } = options;
  const { maxGradNorm = 1, layerwiseDecay = 1 } = options;
  for (const [name, gradient] of byName) {
    const rate = learningRate * layerwiseRate(name, config.numHiddenLayers, layerwiseDecay);
    const update: AdamWUpdate = {
      gradientScale: Math.min(1, maxGradNorm / (norm + 1e-6)),
      beta1,
      beta2,
      epsilon,
      stepSize: biasCorrection ? rate / (1 - power(beta1, step)) : rate,
      correction: biasCorrection ? Math.sqrt(1 - power(beta2, step)) : 1,
      decay: hasDecay(name) ? rate * weightDecay : 0,
    };
    const { first, second } = moments.get(name) as Moments;
    const weight = params.byName.get(name) as Tensor;
    kernels.adamw(weight.data, first.data, second.data, gradient.data, update);
  }
}

/** Weight decay is for matrices: biases and LayerNorm are left out, as in Google's code and Hugging Face's. */
function hasDecay(name: string): boolean {
  return !name.endsWith("bias") && !LAYER_NORM.test(name);
}

/**
 * What a parameter's learning rate is multiplied by (Sun et al. 2019, "How to fine-tune BERT for text classification?",
 * §5.3.2): 1 for heads and pooler, ξ for the last layer, ξ² for the one below it, …, ξ^(L+1) for the embeddings.
 */
export function layerwiseRate(name: string, L: number, decay: number): number {
  return power(decay, L - (depthOf(name) ?? L));
}

/** baseⁿ by squaring: Math.pow's last bits differ between engines. */
function power(base: number, n: number): number {
  let result = 1;
  for (let square = base, rest = n; rest > 0; rest = Math.floor(rest / 2), square *= square) {
    if (rest % 2 === 1) result *= square;
  }
  return result;
}
