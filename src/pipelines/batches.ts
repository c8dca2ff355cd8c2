import { BATCH_TOKENS } from "../model/batch.ts";
import type { ForwardOptions } from "../model/forward.ts";
import type { Bert } from "./load.ts";

/**
 * Encodes items, in order, into batches. That happens when a batch is asked for, so that the texts of the last are not
 * turned into tokens before the first has been answered.
 *
 * @param tokensOf what an encoded item counts against the limit, in tokens
 */
export function* batchesOf<Item, Encoded>(
  items: readonly Item[],
  encode: (item: Item) => Encoded,
  tokensOf: (encoded: Encoded) => number,
): Generator<Encoded[]> {
  let batch: Encoded[] = [];
  let tokens = 0;
  for (const item of items) {
    const encoded = encode(item);
    const more = tokensOf(encoded);
    if (batch.length > 0 && tokens + more > BATCH_TOKENS) {
      yield batch;
      batch = [];
      tokens = 0;
    }
    batch.push(encoded);
    tokens += more;
  }
  if (batch.length > 0) yield batch;
}

/** The most tokens that model and tokenizer agree to take. */
export function tokenLimit(bert: Bert): number {
  return Math.min(bert.config.maxPositionEmbeddings, bert.tokenizer.modelMaxLength);
}

/** Whether the model predicts masked tokens. */
export function hasMlmHead(bert: Bert): boolean {
  return bert.config.architecture === "BertForMaskedLM" || bert.config.architecture === "BertForPreTraining";
}

/** For callers who read no masked-language-model logits: a model that has that head need not run it. */
export function withoutDecoder(bert: Bert, B: number): Pick<ForwardOptions, "maskedLmPositions"> {
  return hasMlmHead(bert) ? { maskedLmPositions: Array(B).fill([]) } : {};
}
