import { BertError, shown } from "../../errors.ts";
import { availableParallelism, environment } from "./platform.ts";

/** More threads than this would wait for memory: a short batch reads each weight once. */
const DEFAULT_LIMIT = 8;
/** The most threads that the option may name. */
export const MAX_THREADS = 64;

/**
 * How many threads compute: the option's number, else the environment's PLAINBERT_THREADS, else as many as the machine
 * can run at the same time, but at most 8.
 *
 * @param where  the function that errors name
 * @param option what the option `threads` says
 * @throws BertError ERR_INPUT not a whole number from 1 to 64
 */
export function threadCount(where: string, option: number | undefined): number {
  if (option !== undefined) return expectCount(where, "threads", option, option);
  const variable = environment("PLAINBERT_THREADS");
  if (!variable) return Math.max(1, Math.min(DEFAULT_LIMIT, availableParallelism()));
  return expectCount(where, "the environment variable PLAINBERT_THREADS", Number(variable), variable);
}

function expectCount(where: string, name: string, count: number, got: unknown): number {
  if (Number.isInteger(count) && count >= 1 && count <= MAX_THREADS) return count;
  throw new BertError(
    "ERR_INPUT",
    `${where}: ${name} must be a whole number from 1 to ${MAX_THREADS}, got ${shown(got)}`,
  );
}
