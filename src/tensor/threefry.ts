/**
 * Random numbers by position instead of by order: a word is a function of a key and a counter, so any part of a
 * sequence can be computed by any thread, and again later, without the rest.
 *
 * The generator is Threefry-2x32 of Salmon, Moraes, Dror & Shaw 2011 ("Parallel random numbers: as easy as 1, 2, 3",
 * §3.3): additions, rotations and exclusive ors of 32-bit words, which scalar and vector code do alike. It has 13
 * rounds, the fewest that pass the BigCrush tests (their table 2).
 */

/** By how many bits each round rotates; after eight rounds the first is next. */
export const ROTATIONS: Uint8Array = Uint8Array.of(13, 15, 26, 6, 17, 29, 16, 24);
/** How many rounds the generator has. */
export const ROUNDS = 13;
/** The constant of Threefish's key schedule, in 32 bits. */
export const PARITY = 0x1bd11bda;

/**
 * Two words of 32 random bits.
 *
 * @param words out [2]
 * @param counter0, counter1 which block, as unsigned 32-bit numbers
 * @param key0, key1         which sequence, as unsigned 32-bit numbers
 */
export function threefry2x32(words: Uint32Array, counter0: number, counter1: number, key0: number, key1: number): void {
  // The three words of the key schedule take turns: every four rounds the next two are added, and the turn's number.
  let [next, after, last] = [key1 | 0, PARITY ^ key0 ^ key1, key0 | 0];
  let a = (counter0 + key0) | 0;
  let b = (counter1 + key1) | 0;
  for (let round = 0; round < ROUNDS; round++) {
    const rotation = ROTATIONS[round % 8];
    a = (a + b) | 0;
    b = ((b << rotation) | (b >>> (32 - rotation))) ^ a;
    if (round % 4 === 3) {
      a = (a + next) | 0;
      b = (b + after + (round + 1) / 4) | 0;
      [next, after, last] = [after, last, next];
    }
  }
  words[0] = a;
  words[1] = b;
}
