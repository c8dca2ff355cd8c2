/** A generator: xoshiro128** 1.1 (Blackman and Vigna 2018, https://prng.di.unimi.it). Whole numbers alone, so the same everywhere. */
export class Random {
  readonly #state: Uint32Array;

  /** @param state [4], not all 0 */
  constructor(state: ArrayLike<number>) {
    this.#state = Uint32Array.from(state);
  }

  /** With a state from four steps of a 32-bit SplitMix. @param seed its lower 32 bits count */
  static fromSeed(seed: number): Random {
    let a = seed | 0;
    const step = () => {
      a = (a + 0x9e3779b9) | 0;
      let t = Math.imul(a ^ (a >>> 16), 0x21f0aaad);
      t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
      return t ^ (t >>> 15);
    };
    return new Random([step(), step(), step(), step()]);
  }

  /** A whole number from 0 to 2^32 − 1. */
  uint32(): number {
    const s = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result >>> 0;
  }

  /** A whole number from 0 to n − 1, each equally likely: numbers in the last, incomplete round of n are drawn again. n ≤ 2^32. */
  below(n: number): number {
    const limit = TWO_32 - (TWO_32 % n);
    let x = this.uint32();
    while (x >= limit) x = this.uint32();
    return x % n;
  }

  /** True with probability p, to 2^-32. */
  chance(p: number): boolean {
    return this.uint32() < p * TWO_32;
  }

  /** Puts the elements in a random order, in place (Fisher and Yates). */
  shuffle<T extends { [i: number]: unknown; readonly length: number }>(array: T): T {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [array[i], array[j]] = [array[j], array[i]];
    }
    return array;
  }
}

const TWO_32 = 2 ** 32;

function rotateLeft(x: number, n: number): number {
  return (x << n) | (x >>> (32 - n));
}
