import { BertError, quote } from "../../errors.ts";
import { availableParallelism, environment } from "./platform.ts";

/** More threads than this would wait for memory: a short batch reads each weight once. */
const DEFAULT_LIMIT = 8;
/** The most threads that the option may name. */
const LIMIT = 64;

/**
 * How many threads compute: the option's number, else the environment's PLAINBERT_THREADS, else as many as the machine
 * can run at the same time, but at most 8.
 *
 * @param option what the option `threads` says
 * @throws BertError ERR_INPUT not a whole number from 1 to 64
 */
export function threadCount(option: number | undefined): number {
  if (option !== undefined) return expectCount("threads", option, String(option));
  const variable = environment("PLAINBERT_THREADS");
  if (variable) return expectCount("the environment variable PLAINBERT_THREADS", Number(variable), quote(variable));
  return Math.max(1, Math.min(DEFAULT_LIMIT, availableParallelism()));
}

function expectCount(name: string, count: number, got: string): number {
  if (Number.isInteger(count) && count >= 1 && count <= LIMIT) return count;
  throw new BertError("ERR_INPUT", `loadBert: ${name} must be a whole number from 1 to ${LIMIT}, got ${got}`);
}
