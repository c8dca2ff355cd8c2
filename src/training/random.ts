import { threefry2x32 } from "../tensor/threefry.ts";

/**
 * Random numbers in order: the words of Threefry-2x32 (tensor/threefry.ts) at the counters 0, 1, 2, …. Whole numbers
 * alone, so the same on every machine; each stream of a seed has numbers of its own.
 */
export class Random {
  private readonly seed: number;
  private readonly stream: number;
  private readonly words: Uint32Array = new Uint32Array(2);
  private drawn = 0;

  /** @param seed whole number below 2³² @param stream the same: an epoch, say */
  constructor(seed: number, stream = 0) {
    this.seed = seed;
    this.stream = stream;
  }

  /** A whole number from 0 to 2³² − 1. */
  uint32(): number {
    const block = Math.floor(this.drawn / 2);
    if (this.drawn % 2 === 0) {
      threefry2x32(this.words, block, Math.floor(block / TWO_32), this.seed, this.stream);
    }
    return this.words[this.drawn++ % 2];
  }

  /**
   * A whole number from 0 to n − 1, each equally likely: numbers in the last, incomplete round of n are drawn again. n
   * ≤ 2³².
   */
  below(n: number): number {
    const limit = TWO_32 - (TWO_32 % n);
    let x = this.uint32();
    while (x >= limit) x = this.uint32();
    return x % n;
  }

  /** True with probability p, to 2⁻³². */
  chance(p: number): boolean {
    return this.uint32() < p * TWO_32;
  }

  /**
   * Puts the elements in a random order, in place (Fisher & Yates 1938, as Durstenfeld 1964 has it): every order is
   * equally likely.
   */
  shuffle<T extends { [i: number]: unknown; readonly length: number }>(array: T): T {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [array[i], array[j]] = [array[j], array[i]];
    }
    return array;
  }
}

const TWO_32 = 2 ** 32;
