import { BertError } from "../../errors.ts";
import { Random } from "../random.ts";
import { expectUint32 } from "./shuffle.ts";

/** How much goes into one batch: at least one of the two. */
export interface BatchLimits {
  /** The most examples. */
  readonly batchSize?: number;
  /** The most tokens of all examples together; there is no padding that would count. */
  readonly maxTokens?: number;
}

export interface BatchOptions extends BatchLimits {
  /** Whole number from 0 to 2³² − 1. */
  readonly seed: number;
  /** Whole number from 0 to 2³² − 1; each epoch has another order. */
  readonly epoch: number;
  /** Whether examples of like length share a batch. Default true. */
  readonly groupByLength?: boolean;
}

/** How many batches a pool of examples is cut into after it was sorted by length, as in Hugging Face's trainer. */
const BATCHES_IN_POOL = 50;

/**
 * One epoch's batches in random order: every example once. They depend on nothing but the arguments, so that a run that
 * goes on after a stop needs to remember no more than the epoch and the number of batches done.
 *
 * With `groupByLength` the examples, in random order, are cut into pools of 50 batches; each pool is sorted by length,
 * cut into batches, and the batches of all pools are shuffled. Batches are packed, so that this saves no padding; but
 * with `batchSize` alone it makes a long example meet others as long, and so the memory of most batches small, and with
 * `maxTokens` fills them better.
 *
 * @param lengths the number of tokens of each example, from 1
 * @returns       for each batch the indices of its examples
 * @throws BertError ERR_INPUT a limit that is missing or no whole number from 1, a length that is none or more than
 *   `maxTokens`, or a seed or epoch out of range
 * @example
 * const lengths = features.map(({ inputIds }) => inputIds.length);
 * const batches = shuffledBatches(lengths, { maxTokens: 2048, seed: 42, epoch });
 * for (const batch of batches) step(batch.map((i) => features[i]));
 */
export function shuffledBatches(lengths: ArrayLike<number>, options: BatchOptions): number[][] {
  const { seed, epoch, groupByLength = true } = options;
  const limits = checkedLimits("shuffledBatches", options, lengths);
  expectUint32("shuffledBatches", "seed", seed);
  expectUint32("shuffledBatches", "epoch", epoch);
  const random = new Random(seed, epoch);
  const order = random.shuffle(Array.from(lengths, (_, i) => i));
  if (!groupByLength) return cut(order, lengths, limits);
  const pool = { batchSize: limits.batchSize * BATCHES_IN_POOL, maxTokens: limits.maxTokens * BATCHES_IN_POOL };
  const batches = cut(order, lengths, pool).flatMap((indices) =>
    cut(
      indices.sort((a, b) => lengths[a] - lengths[b]), // keeps the random order of equal lengths
      lengths,
      limits,
    ),
  );
  return random.shuffle(batches);
}

/**
 * All examples in their own order, for evaluation: as many to a batch as the limits let in.
 *
 * @param lengths the number of tokens of each example, from 1
 * @returns       for each batch the indices of its examples
 * @throws BertError ERR_INPUT as `shuffledBatches`
 */
export function batchesInOrder(lengths: ArrayLike<number>, limits: BatchLimits): number[][] {
  const checked = checkedLimits("batchesInOrder", limits, lengths);
  return cut(
    Array.from(lengths, (_, i) => i),
    lengths,
    checked,
  );
}

/** Cuts an order into batches, each as long as the limits let it be. */
function cut(order: readonly number[], lengths: ArrayLike<number>, limits: Required<BatchLimits>): number[][] {
  const batches: number[][] = [];
  let batch: number[] = [];
  let tokens = 0;
  for (const index of order) {
    tokens += lengths[index];
    if (batch.length > 0 && (tokens > limits.maxTokens || batch.length === limits.batchSize)) {
      batches.push(batch);
      batch = [];
      tokens = lengths[index];
    }
    batch.push(index);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** The limits, Infinity where there is none. */
function checkedLimits(where: string, limits: BatchLimits, lengths: ArrayLike<number>): Required<BatchLimits> {
  const { batchSize, maxTokens } = limits;
  const wrong = (what: string) => new BertError("ERR_INPUT", `${where}: ${what}`);
  if (batchSize === undefined && maxTokens === undefined)
    throw wrong("batchSize or maxTokens must be given, got neither");
  for (const [name, value] of Object.entries({ batchSize, maxTokens })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw wrong(`${name} must be a whole number from 1, got ${value}`);
  }
  const most = maxTokens ?? Number.POSITIVE_INFINITY;
  for (let i = 0; i < lengths.length; i++) {
    if (Number.isSafeInteger(lengths[i]) && lengths[i] >= 1 && lengths[i] <= most) continue;
    throw wrong(
      `lengths[${i}] must be a whole number from 1${maxTokens ? ` to maxTokens, ${most}` : ""}, got ${lengths[i]}`,
    );
  }
  return { batchSize: batchSize ?? Number.POSITIVE_INFINITY, maxTokens: most };
}
