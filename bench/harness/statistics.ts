/** What is kept of one side's measurements of a case. */
export interface Summary {
  readonly samples: number;
  readonly median: number;
  readonly min: number;
  /** The middle half's width over the median: (third quartile − first quartile) / median. */
  readonly spread: number;
}

/** @throws RangeError nothing was measured, or a measurement is not a number */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0 || !samples.every(Number.isFinite)) {
    throw new RangeError(`summarize: samples must be finite numbers, got [${samples.join(", ")}]`);
  }
  const sorted = samples.toSorted((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  const spread = median === 0 ? 0 : (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / Math.abs(median);
  return { samples: sorted.length, median, min: sorted[0], spread };
}

/** Of ascending numbers, between the two neighbours in proportion (Hyndman & Fan 1996, definition 7, as in numpy). */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/** Root of the mean square of the differences. */
export function rms(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0) {
    throw new RangeError(`rms: both must have the same length above 0, got ${a.length} and ${b.length}`);
  }
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum / a.length);
}
