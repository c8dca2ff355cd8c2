import { BertError } from "../../errors.ts";
import { Random } from "../random.ts";

/**
 * The numbers 0 … count − 1 in an order that is random, but a function of seed and epoch alone: a run that goes on
 * after a stop needs to remember no more than the epoch and how far it was. Every order is equally likely; the same
 * order on every machine.
 *
 * @param count whole number from 0 to 2³² − 1
 * @param seed  whole number from 0 to 2³² − 1
 * @param epoch whole number from 0 to 2³² − 1
 * @returns     [count]
 * @throws BertError ERR_INPUT one is no such number
 */
export function permutation(count: number, seed: number, epoch: number): Uint32Array {
  for (const [name, value] of Object.entries({ count, seed, epoch })) expectUint32("permutation", name, value);
  return new Random(seed, epoch).shuffle(Uint32Array.from({ length: count }, (_, i) => i));
}

/** @throws BertError ERR_INPUT the value is no whole number from 0 to 2³² − 1 */
export function expectUint32(where: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return;
  throw new BertError("ERR_INPUT", `${where}: ${name} must be a whole number from 0 to 4294967295, got ${value}`);
}
