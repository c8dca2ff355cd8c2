import type { ForwardOptions, HeadOutput } from "../../model/forward.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import { batchesInOrder } from "../data/batches.ts";
import type { Sequence } from "../data/features.ts";
import type { EvaluationOptions } from "./task.ts";

/** What one forward pass says, and of which items. */
interface Pass {
  readonly indices: readonly number[];
  readonly output: HeadOutput;
}

/** A model, and how it is run. */
export interface Passes {
  readonly model: BertModel;
  readonly how: EvaluationOptions;
  /** Options of `forward` beside those for the logits. */
  readonly options?: (indices: readonly number[]) => ForwardOptions;
}

/**
 * Runs the model on items of one or more sequences, in order.
 *
 * @param items [N] lists of sequences
 */
export async function* passes(
  items: readonly (readonly Sequence[])[],
  { model, how: { batchSize, signal, onProgress }, options = () => ({}) }: Passes,
): AsyncGenerator<Pass, void, undefined> {
  const lengths = items.map((sequences) => sequences.reduce((sum, { inputIds }) => sum + inputIds.length, 0));
  for (const indices of batchesInOrder(lengths, { batchSize })) {
    const sequences = indices.flatMap((i) => items[i]);
    const output = await model.forward(sequences, {
      lastHiddenState: false,
      ...(signal && { signal }),
      ...options(indices),
    });
    yield { indices, output };
    onProgress?.(indices[indices.length - 1] + 1, items.length);
  }
}
