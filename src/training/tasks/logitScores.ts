import { sumOfExponentials } from "../../tensor/kernels/softmax.ts";
import { log } from "../../tensor/kernels/transcendental.ts";

/** The index of the largest number from `from` on; of equal ones the first. */
export function argmax(values: ArrayLike<number>, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[from + i] > values[from + best]) best = i;
  return best;
}

/** −ln softmax(z)_y of the `count` logits from `from` on, in float64. */
export function crossEntropyOf(logits: ArrayLike<number>, from: number, count: number, label: number): number {
  const { max, sum } = sumOfExponentials(logits, from, count);
  return log(sum) + max - logits[from + label];
}

/** Sums that become a mean. */
export class Mean {
  private total = 0;
  private terms = 0;

  add(value: number): void {
    this.total += value;
    this.terms++;
  }

  /** NaN of nothing. */
  get value(): number {
    return this.total / this.terms;
  }

  get sum(): number {
    return this.total;
  }

  get count(): number {
    return this.terms;
  }
}
