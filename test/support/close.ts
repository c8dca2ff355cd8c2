import { expect } from "vitest";

/** The error of `got` against `want`, over the elements that `select` picks. NaN counts as an infinite error. */
export interface Deviation {
  readonly max: number;
  /** Root mean square. */
  readonly rms: number;
  /** Where the maximum is. */
  readonly index: number;
  /** How many elements were compared. */
  readonly count: number;
}

export function deviation(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  select: (index: number) => boolean = () => true,
): Deviation {
  expect(got.length, "length").toBe(want.length);
  let max = 0;
  let index = -1;
  let squares = 0;
  let count = 0;
  for (let i = 0; i < want.length; i++) {
    if (!select(i)) continue;
    count++;
    const difference = Math.abs(got[i] - want[i]);
    const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    squares += error * error;
    if (error > max) {
      max = error;
      index = i;
    }
  }
  return { max, rms: Math.sqrt(squares / count), index, count };
}

/** Fails unless |got − want| ≤ atol for each selected element. */
export function expectClose(
  label: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  atol: number,
  select?: (index: number) => boolean,
): Deviation {
  const d = deviation(got, want, select);
  expect(d.count, `${label}: elements compared`).toBeGreaterThan(0);
  const at = d.index < 0 ? "" : ` at [${d.index}]: got ${got[d.index]}, want ${want[d.index]}`;
  expect(d.max, `${label}${at}`).toBeLessThanOrEqual(atol);
  return d;
}

/** Distance of two float32 numbers in units in the last place: how many float32 numbers lie between them, plus one. */
export function ulpDistance(a: number, b: number): number {
  return Math.abs(orderedBits(a) - orderedBits(b));
}

/** The bits of a float32 as an integer that grows with the number; NaN is far from everything. */
function orderedBits(value: number): number {
  if (Number.isNaN(value)) return Number.POSITIVE_INFINITY;
  const bits = new Int32Array(new Float32Array([value]).buffer)[0];
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}
