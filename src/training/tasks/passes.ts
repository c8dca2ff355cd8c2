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

/**
 * Runs the model on items of one or more sequences, in order.
 *
 * @param items   [N] lists of sequences
 * @param options options of `forward` beside those for the logits
 */
export async function* passes(
  model: BertModel,
  items: readonly (readonly Sequence[])[],
  { batchSize, signal }: EvaluationOptions,
  options: (indices: readonly number[]) => ForwardOptions = () => ({}),
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
  }
}
