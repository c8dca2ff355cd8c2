import { BertError } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import { BATCH_TOKENS } from "../model/batch.ts";
import type { ForwardOptions } from "../model/forward.ts";
import { wrongArgument } from "./arguments.ts";

/**
 * Encodes items, in order, into batches. A batch is made when the loop comes to it, so that the texts of the last are
 * not turned into tokens before the first has been answered.
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

/** How a pipeline answers items. */
export interface Steps<Item, Encoded, Answer> {
  encode(item: Item): Encoded;
  compute(batch: readonly Encoded[], signal?: AbortSignal): Promise<readonly Answer[]>;
}

/**
 * Answers a list of items, in order, a batch at a time; an encoded item counts as many tokens as it is long. While a
 * batch is computed the next is encoded.
 */
export async function answerAll<Item, Encoded extends { readonly length: number }, Answer>(
  items: readonly Item[],
  { encode, compute }: Steps<Item, Encoded, Answer>,
  signal: AbortSignal | undefined,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  let computing: Promise<readonly Answer[]> | undefined;
  try {
    for (const batch of batchesOf(items, encode, ({ length }) => length)) {
      if (computing) answers.push(...(await computing));
      computing = compute(batch, signal);
      computing.catch(() => {}); // is awaited below: until then its rejection is no unhandled one
    }
  } catch (error) {
    // An item that cannot be encoded is the caller's error, not what becomes of those before
    await computing?.catch(() => {});
    throw error;
  }
  if (computing) answers.push(...(await computing));
  return answers;
}

/** The most tokens that model and tokenizer agree to take. */
export function tokenLimit(bert: Bert): number {
  return Math.min(bert.config.maxPositionEmbeddings, bert.tokenizer.modelMaxLength);
}

/** Whether the model predicts masked tokens. */
function hasMlmHead(bert: Bert): boolean {
  return bert.config.architecture === "BertForMaskedLM" || bert.config.architecture === "BertForPreTraining";
}

/**
 * Checks that the model predicts masked tokens, and gives the id of the mask.
 *
 * @throws BertError ERR_INPUT the model has no masked-language-model head; ERR_VOCABULARY the tokenizer has no mask
 */
export function expectMaskedLm(where: string, bert: Bert): number {
  if (!hasMlmHead(bert)) {
    throw wrongArgument(where, "model", "a BertForMaskedLM or BertForPreTraining", bert.config.architecture);
  }
  const { maskTokenId } = bert.tokenizer;
  if (maskTokenId !== undefined) return maskTokenId;
  throw new BertError("ERR_VOCABULARY", `${where}: the vocabulary must have a mask token such as "[MASK]", has none`);
}

/** The option of `forward` by which a masked-language-model head is not run, for callers who do not read its logits. */
export function withoutDecoder(bert: Bert, B: number): Pick<ForwardOptions, "maskedLmPositions"> {
  return hasMlmHead(bert) ? { maskedLmPositions: Array(B).fill([]) } : {};
}
