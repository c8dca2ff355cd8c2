import { BertError } from "../../errors.ts";

/** Answers and what they should have been, named as in Hugging Face's evaluate: one reference for each prediction. */
export interface Pairs<T> {
  readonly predictions: ArrayLike<T>;
  readonly references: ArrayLike<T>;
}

/**
 * Checks that there are as many predictions as references, and returns how many.
 *
 * @throws BertError ERR_INPUT their numbers differ, or are below `least`
 */
export function countOf(where: string, { predictions, references }: Pairs<unknown>, least = 1): number {
  const count = references.length;
  if (predictions.length === count && count >= least) return count;
  const expected = `as many predictions as references, at least ${least}`;
  throw new BertError("ERR_INPUT", `${where}: there must be ${expected}, got ${predictions.length} and ${count}`);
}

/** a / b, and 0 for 0 / 0: what scikit-learn and seqeval do with `zero_division=0`. */
export function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}
