import { BertError } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import { BATCH_TOKENS } from "../model/batch.ts";
import type { ForwardOptions } from "../model/forward.ts";
import { type EncodedText, expectClass, isOfClass, type NamedText } from "./arguments.ts";
import { Faults } from "./faults.ts";
import type { Truncated } from "./featureTensor.ts";
import { atOnce, inTurns, type Parts } from "./turns.ts";

/** Groups of what has been encoded, in order, each as large as a pass may be, `most` tokens. */
export function* batchesOf<Encoded>(
  items: Iterable<Encoded>,
  tokensOf: (encoded: Encoded) => number,
  most: number = BATCH_TOKENS,
): Generator<Encoded[]> {
  let batch: Encoded[] = [];
  let tokens = 0;
  for (const encoded of items) {
    const more = tokensOf(encoded);
    if (batch.length > 0 && tokens + more > most) {
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
  encode(item: Item): Parts<Encoded>;
  /** What an encoded item counts, in tokens; its length if left out. */
  tokensOf?(encoded: Encoded): number;
  compute(batch: readonly Encoded[], signal?: AbortSignal): Promise<readonly Answer[]>;
}

/**
 * The most tokens of encodings that are kept while all items are checked: 10 MB. Those beyond are encoded once more
 * when their turn comes, which takes a hundredth of the time of the smallest model, so that no number of texts fills
 * the memory.
 */
const KEPT_TOKENS = 1 << 18;

/**
 * Encodes every item.
 *
 * @throws BertError ERR_INPUT about all items that are wrong in the same way as the first wrong one
 */
export async function encodeAll<Item, Encoded>(
  items: readonly Item[],
  encode: (item: Item) => Parts<Encoded>,
  signal: AbortSignal | undefined,
): Promise<Encoded[]> {
  return (await checkAll(items, encode, () => 0, signal)) as Encoded[];
}

/** As `encodeAll`; undefined stands for the items beyond KEPT_TOKENS. */
async function checkAll<Item, Encoded>(
  items: readonly Item[],
  encode: (item: Item) => Parts<Encoded>,
  tokensOf: (encoded: Encoded) => number,
  signal: AbortSignal | undefined,
): Promise<(Encoded | undefined)[]> {
  const faults = new Faults();
  const all: (Encoded | undefined)[] = [];
  let tokens = 0;
  for (const item of items) {
    try {
      const parts = encode(item);
      const part = atOnce(parts);
      const encoded = part.done ? part.value : await inTurns(parts, signal, part);
      tokens += tokensOf(encoded);
      all.push(tokens <= KEPT_TOKENS ? encoded : undefined);
    } catch (error) {
      faults.take(error);
    }
  }
  faults.throwIfAny();
  return all;
}

/**
 * Answers a list of items, in order, a batch at a time; nothing is computed before all of them have been checked. While
 * a batch is computed the next is put together.
 */
export async function answerAll<Item, Encoded extends { readonly length: number }, Answer>(
  items: readonly Item[],
  { encode, tokensOf = ({ length }) => length, compute }: Steps<Item, Encoded, Answer>,
  signal: AbortSignal | undefined,
): Promise<Answer[]> {
  const checked = await checkAll(items, encode, tokensOf, signal);
  const answers: Answer[] = [];
  let computing: Promise<readonly Answer[]> = Promise.resolve([]);
  let batch: Encoded[] = [];
  let tokens = 0;
  const computeBatch = async () => {
    for (const answer of await computing) answers.push(answer);
    computing = compute(batch, signal);
    computing.catch(() => {}); // it is awaited later
    batch = [];
    tokens = 0;
  };
  try {
    for (const [i, item] of items.entries()) {
      const encoded = checked[i] ?? (await inTurns(encode(item), signal));
      const more = tokensOf(encoded);
      if (batch.length > 0 && tokens + more > BATCH_TOKENS) await computeBatch();
      batch.push(encoded);
      tokens += more;
    }
    if (batch.length > 0) await computeBatch();
    for (const answer of await computing) answers.push(answer);
    return answers;
  } catch (error) {
    await computing.catch(() => {}); // nothing is left computing
    throw error;
  }
}

/** As `answerAll`, for texts; and what is told of them. */
export async function answerTexts<Answer>(
  texts: readonly NamedText[],
  { encode, compute }: Steps<NamedText, EncodedText, Answer>,
  signal: AbortSignal | undefined,
): Promise<{ readonly answers: Answer[]; readonly counts: Truncated }> {
  let [truncated, unknown] = [0, 0];
  const counting = (batch: readonly EncodedText[], signal?: AbortSignal) => {
    for (const { isCut, isUnknown } of batch) {
      if (isCut) truncated++;
      if (isUnknown) unknown++;
    }
    return compute(batch, signal);
  };
  const answers = await answerAll(texts, { encode, compute: counting }, signal);
  return { answers, counts: { truncated, unknown } };
}

/** The most tokens that model and tokenizer agree to take. */
export function tokenLimit(bert: Bert): number {
  return Math.min(bert.config.maxPositionEmbeddings, bert.tokenizer.modelMaxLength);
}

/** The classes that predict masked tokens. */
export const MASKED_LM = ["BertForMaskedLM", "BertForPreTraining"] as const;

/**
 * Checks that the model predicts masked tokens, and gives the id of the mask.
 *
 * @throws BertError ERR_INPUT the model has no masked-language-model head; ERR_VOCABULARY the tokenizer has no mask
 */
export function expectMaskedLm(where: string, bert: Bert): number {
  expectClass(where, bert.config, ...MASKED_LM);
  const { maskTokenId } = bert.tokenizer;
  if (maskTokenId !== undefined) return maskTokenId;
  throw new BertError("ERR_VOCABULARY", `${where}: the vocabulary must have a mask token such as "[MASK]", has none`);
}

/** The option of `forward` by which a masked-language-model head is not run, for callers who do not read its logits. */
export function withoutDecoder(bert: Bert, B: number): Pick<ForwardOptions, "maskedLmPositions"> {
  return isOfClass(bert.config, ...MASKED_LM) ? { maskedLmPositions: Array(B).fill([]) } : {};
}
