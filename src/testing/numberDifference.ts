/** How the numbers a and b of two tensors differ. NaN equals NaN, and is as far from every number as can be: NaN. */
export interface NumberDifference {
  /** How many of them differ by more than the tolerance, and how many there are. */
  readonly count: number;
  readonly of: number;
  /** max |a − b|; 0: they differ in the sign of 0 alone, in bits and in no number. */
  readonly largest: number;
  /** The index where that is, one number for each axis, and what stands there. */
  readonly at: readonly number[];
  readonly values: readonly [a: number, b: number];
  /** √(mean (a − b)²) */
  readonly rms: number;
  /** The most float32 numbers that lie from a to b, one of the two not counted: 1 for neighbours. */
  readonly ulp: number;
}

/** Compares numbers that come in parts, in their order. */
export class NumberComparison {
  private readonly tolerance: number;
  private of = 0;
  private count = 0;
  private largest = -1;
  private place = 0;
  private values: readonly [a: number, b: number] = [0, 0];
  private squares = 0;
  private ulp = 0;

  constructor(tolerance: number) {
    this.tolerance = tolerance;
  }

  /** The next numbers of both, as many of the one as of the other. */
  add(a: Float32Array, b: Float32Array): void {
    const [bitsA, bitsB] = [a, b].map(({ buffer, byteOffset, length }) => new Int32Array(buffer, byteOffset, length));
    for (let i = 0; i < a.length; i++) {
      if (bitsA[i] === bitsB[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]))) continue;
      const difference = Math.abs(a[i] - b[i]);
      if (this.tolerance === 0 || !(difference <= this.tolerance)) this.count++; // so that NaN is not within it
      // NaN is the largest
      if (!(difference <= this.largest) && !Number.isNaN(this.largest)) {
        [this.largest, this.place, this.values] = [difference, this.of + i, [a[i], b[i]]];
      }
      this.squares += difference * difference;
      const ulp = Number.isNaN(difference) ? Number.NaN : Math.abs(rank(bitsA[i]) - rank(bitsB[i]));
      this.ulp = Math.max(this.ulp, ulp);
    }
    this.of += a.length;
  }

  /**
   * How all of them differ; null: none does by more than the tolerance.
   *
   * @param shape the tensors'
   */
  difference(shape: readonly number[]): NumberDifference | null {
    const { count, of, largest, place, values, squares, ulp } = this;
    if (count === 0) return null;
    return { count, of, largest, at: indexOf(place, shape), values, rms: Math.sqrt(squares / of), ulp };
  }
}

/** The place of a float32 among all of them in their order, 0 that of both zeros, from its bits as an integer. */
function rank(bits: number): number {
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

/** One number for each axis, from the place in row-major order. */
function indexOf(place: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = place;
  for (const n of shape.toReversed()) {
    index.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return index;
}
