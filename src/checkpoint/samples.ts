/** How many numbers of each tensor are kept: training changes all of them. */
const SAMPLES = 16;

/**
 * A few numbers of a tensor, spread evenly over it, as its file has them: whatever type it is then held in, and in
 * whatever order. They tell a checkpoint from others.
 */
export class TensorSample {
  /** Sixteen, or all where there are fewer. */
  readonly values: Float32Array;
  private readonly size: number;

  /** @param size of the tensor, in numbers */
  constructor(size: number) {
    this.size = size;
    this.values = new Float32Array(Math.min(SAMPLES, size));
  }

  /**
   * Takes those that are among some numbers of the tensor.
   *
   * @param numbers the tensor's from number `from` on, or integers that stand for them
   * @param scaleAt what the integer at a place of `numbers` is to be multiplied by; left out where they are none
   */
  take(numbers: Float32Array, from: number, scaleAt: ((i: number) => number) | null = null): void {
    const { values, size } = this;
    for (let s = 0; s < values.length; s++) {
      const at = Math.floor((s * size) / values.length) - from;
      if (at < 0 || at >= numbers.length) continue;
      values[s] = scaleAt ? numbers[at] * scaleAt(at) : numbers[at];
    }
  }
}
