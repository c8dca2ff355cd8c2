import { BertError } from "../../errors.ts";

/**
 * The numbers 0 … count − 1 in an order that is random, but a function of seed and epoch alone: a run that goes on after a stop
 * needs to remember no more than the epoch and how far it was. Every order is equally likely (Fisher & Yates 1938, as Durstenfeld
 * 1964 has it); the same order on every machine.
 *
 * @param count whole number from 0 to 2³² − 1
 * @param seed  whole number from 0 to 2³² − 1
 * @param epoch whole number from 0 to 2³² − 1
 * @returns     [count]
 * @throws BertError ERR_INPUT one is no such number
 */
export function permutation(count: number, seed: number, epoch: number): Uint32Array {
  for (const [name, value] of Object.entries({ count, seed, epoch })) expectUint32("permutation", name, value);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let drawn = 0;
  for (let i = count - 1; i > 0; i--) {
    const j = below(i + 1, () => philox(seed, drawn++, epoch));
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

/**
 * A number from 0 to choices − 1, each as likely as the others. Of the 2³² numbers that can be drawn the last 2³² mod choices are
 * drawn again: else the first remainders were a little likelier.
 *
 * @param draw gives 32 random bits
 */
export function below(choices: number, draw: () => number): number {
  const fair = 2 ** 32 - (2 ** 32 % choices);
  let bits = draw();
  while (bits >= fair) bits = draw();
  return bits % choices;
}

/** @throws BertError ERR_INPUT the value is no whole number from 0 to 2³² − 1 */
export function expectUint32(where: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return;
  throw new BertError("ERR_INPUT", `${where}: ${name} must be a whole number from 0 to 4294967295, got ${value}`);
}

/** The multiplier, and what the key grows by each round, of Philox2x32. */
const MULTIPLIER = 0xd256d193;
const WEYL = 0x9e3779b9;

/**
 * 32 random bits as a function of a key and a counter of two words: the first word of Philox2x32-10 (Salmon et al. 2011, "Parallel
 * random numbers: as easy as 1, 2, 3"). Ten times:
 *
 *   (l, r) ← (high(M · l) ⊕ key ⊕ r, low(M · l)),   then key ← key + W
 *
 * There is no state: any number can be had without those before it, with the same bits on every machine.
 *
 * @param key  whole number below 2³², as are both words of the counter
 * @returns    whole number below 2³²
 */
export function philox(key: number, counter: number, stream: number): number {
  let k = key;
  let left = counter;
  let right = stream;
  for (let round = 0; round < 10; round++) {
    const low = Math.imul(MULTIPLIER, left);
    left = multiplyHigh(MULTIPLIER, left) ^ k ^ right;
    right = low;
    k += WEYL; // at most 2³² + 10 · 2³², which ⊕ reads modulo 2³²
  }
  return left >>> 0;
}

/** The high 32 bits of the product of two numbers of 32 bits without sign. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2³²
  return aHigh * bHigh + (middle >>> 16) + ((aLow * bHigh + (middle & 0xffff)) >>> 16);
}
