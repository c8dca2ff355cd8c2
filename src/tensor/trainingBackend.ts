import type { Backend, BackendScope } from "./backend.ts";
import type { geluBackward, geluNewBackward, reluBackward, siluBackward, tanhBackward } from "./kernels/activations.ts";
import type { adamw, sumOfSquares } from "./kernels/adamw.ts";
import type { attentionBackward, attentionWithDropout } from "./kernels/attention.ts";
import type { crossEntropy } from "./kernels/crossEntropy.ts";
import type { dropout } from "./kernels/dropout.ts";
import type { layerNormBackward } from "./kernels/layerNorm.ts";
import type { linearBackwardInput, linearBackwardWeight } from "./kernels/matmul.ts";
import type { activateBackward } from "./kernels/otherActivations.ts";
import type { gatherRowsBackward } from "./kernels/rows.ts";

/**
 * A backend that can train: the kernels of `Backend`, their backward twins, and the loops of loss and optimiser. It is
 * apart from `Backend` so that a program which does inference alone carries none of this.
 *
 * The gradient of x is called dx. Gradients of parameters, of looked-up rows and of `linear`'s input are added to what
 * is there, as several batches, layers or uses of the same numbers contribute; the others are written, and may be
 * computed in place where the doc comment says so. `packWeight` returns the tensor itself: backward reads weights row
 * by row.
 */
export interface TrainingBackend extends Backend {
  scope(): TrainingScope;

  readonly linearBackwardInput: typeof linearBackwardInput;
  readonly linearBackwardWeight: typeof linearBackwardWeight;
  readonly attentionWithDropout: typeof attentionWithDropout;
  readonly attentionBackward: typeof attentionBackward;
  readonly layerNormBackward: typeof layerNormBackward;
  readonly geluBackward: typeof geluBackward;
  readonly geluNewBackward: typeof geluNewBackward;
  readonly reluBackward: typeof reluBackward;
  readonly siluBackward: typeof siluBackward;
  readonly tanhBackward: typeof tanhBackward;
  readonly activateBackward: typeof activateBackward;
  readonly gatherRowsBackward: typeof gatherRowsBackward;
  readonly dropout: typeof dropout;
  readonly crossEntropy: typeof crossEntropy;
  readonly sumOfSquares: typeof sumOfSquares;
  readonly adamw: typeof adamw;
}

/** A training backend whose tensors are freed together. */
export interface TrainingScope extends TrainingBackend, BackendScope {
  scope(): TrainingScope;
}
