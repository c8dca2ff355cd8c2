import { BertError } from "../../errors.ts";
import type { Gradients, TrainedModel } from "../gradients.ts";
import { batchName, type LabelledBatch } from "../trainStep.ts";

/** A loss so many times that of the first update has exploded. */
const EXPLODED = 1000;

/** One update of a run, with its loss. */
export interface UpdateLoss {
  readonly step: number;
  readonly batches: readonly LabelledBatch[];
  readonly loss: number;
  /** The loss of the run's first update; below 1 it counts as 1. */
  readonly firstLoss: number;
}

/**
 * Checks a loss that is still finite.
 *
 * @throws BertError ERR_TRAINING it has exploded: naming the step, its batches, and the tensor with the largest
 *   gradient
 */
export function expectNotExploded(
  where: string,
  { kernels }: TrainedModel,
  gradients: Gradients,
  { step, batches, loss, firstLoss }: UpdateLoss,
): void {
  if (loss <= EXPLODED * Math.max(1, firstLoss)) return;
  const norms = Array.from(gradients.byName, ([name, { data }]) => [name, kernels.sumOfSquares(data)] as const);
  const [largest] = norms.reduce((most, norm) => (norm[1] > most[1] ? norm : most));
  const names = batches.map((_, i) => batchName(batches, i)).join(", ");
  throw new BertError(
    "ERR_TRAINING",
    `${where}: step ${step}, ${names}: the loss must stay below ${EXPLODED} times that of the first step, ${firstLoss}, ` +
      `it is ${loss}; the largest gradient is that of ${largest}. A smaller learningRate may help`,
  );
}
