import type { TrainingScope } from "../trainingBackend.ts";
import { geluBackward, geluNewBackward, reluBackward, siluBackward, tanhBackward } from "./activations.ts";
import { adamw, sumOfSquares } from "./adamw.ts";
import { attentionBackward, attentionWithDropout } from "./attention.ts";
import { crossEntropy } from "./crossEntropy.ts";
import { dropout } from "./dropout.ts";
import { plain } from "./index.ts";
import { layerNormBackward } from "./layerNorm.ts";
import { linearBackwardInput, linearBackwardWeight } from "./matmul.ts";
import { activateBackward } from "./otherActivations.ts";
import { gatherRowsBackward } from "./rows.ts";

/** `plain` with what training needs: the definition of every backward kernel, the same bits on every machine. */
export const plainTraining: TrainingScope = {
  ...plain,
  scope: () => plainTraining,
  linearBackwardInput,
  linearBackwardWeight,
  attentionWithDropout,
  attentionBackward,
  layerNormBackward,
  geluBackward,
  geluNewBackward,
  reluBackward,
  siluBackward,
  tanhBackward,
  activateBackward,
  gatherRowsBackward,
  dropout,
  crossEntropy,
  sumOfSquares,
  adamw,
};
