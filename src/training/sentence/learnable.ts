import { BertError } from "../../errors.ts";
import type { SentenceGroup } from "../data/sentenceExamples.ts";
import type { VectorLossName } from "./vectorLosses.ts";

/** Whether the loss of a batch is 0 whatever the vectors are, as there is nothing in it to compare. */
function teachesNothing(batch: readonly SentenceGroup[], loss: VectorLossName): boolean {
  if (loss === "MultipleNegativesRankingLoss") return batch.length === 1 && batch[0].texts.length === 2;
  return loss === "CoSENTLoss" && batch.every(({ score }) => score === batch[0].score);
}

/**
 * Checks that something can be learned at all.
 *
 * @param where   the function that errors name
 * @param batches those of an epoch, none left out
 * @throws BertError ERR_INPUT the loss of every batch is 0, or batches of one have pairs without a negative
 */
export function expectLearnable(
  where: string,
  examples: readonly SentenceGroup[],
  loss: VectorLossName,
  batchSize: number,
  batches: readonly (readonly SentenceGroup[])[],
): void {
  const wrong = (what: string) => new BertError("ERR_INPUT", `${where}: ${what}`);
  const needsTwo = (must: string, got: string) => {
    if (loss === "CoSENTLoss") return wrong(`${must} with CoSENTLoss, which compares the examples of a batch; ${got}`); // biome-ignore format: one line
    const lonely = examples.find(({ texts }) => texts.length === 2)!.where;
    return wrong(`${must} where examples are pairs without a negative, such as ${lonely}, as other examples of the batch have the negatives; ${got}`); // biome-ignore format: one line
  };
  const isLonely = examples.some((example) => teachesNothing([example], loss));
  if (isLonely && batchSize === 1) throw needsTwo("batchSize must be 2 or more", "got 1");
  if (isLonely && examples.length === 1) throw needsTwo("trainDataset must have 2 examples or more", "has 1");
  if (loss === "CoSENTLoss" && teachesNothing(examples, loss))
    throw wrong(`trainDataset must have different scores with CoSENTLoss, which learns their order; got ${examples[0].score} of all ${examples.length} examples`); // biome-ignore format: one line
  if (loss !== "MultipleNegativesRankingLoss" || !batches.every((batch) => teachesNothing(batch, loss))) return;
  throw wrong(`trainDataset must have two pairs that share no text, or negatives, as other pairs of a batch have the negatives; got ${examples.length} pairs of which each two share a text, such as ${examples[0].where} and ${examples[1].where}`); // biome-ignore format: one line
}

/** How many batches of the first epoch teach nothing, in a sentence for the log; none where all of them teach. */
export function emptyBatches(batches: readonly (readonly SentenceGroup[])[], loss: VectorLossName): string[] {
  const count = batches.filter((batch) => teachesNothing(batch, loss)).length;
  if (count === 0) return [];
  const reason =
    loss === "CoSENTLoss"
      ? "scores that are all the same have no order"
      : "a pair that is alone in its batch has nothing to be told from";
  return [`${count} of ${batches.length} batches of the first epoch ${count === 1 ? "teaches" : "teach"} nothing: ${reason}`]; // biome-ignore format: one line
}
