import { BertError, quote } from "../../errors.ts";
import { availableParallelism, environment } from "./platform.ts";

/** More helpers than this would wait for memory: a short batch reads each weight once. */
const DEFAULT_LIMIT = 8;
const LIMIT = 64;

/**
 * How many threads compute: what was asked for, else the environment's PLAINBERT_THREADS, else as many as the machine can
 * run at the same time, but at most 8.
 *
 * @throws BertError ERR_INPUT not a whole number from 1 to 64
 */
export function threadCount(asked: number | undefined): number {
  if (asked !== undefined) return expectCount("threads", asked, String(asked));
  const variable = environment("PLAINBERT_THREADS");
  if (variable) return expectCount("the environment variable PLAINBERT_THREADS", Number(variable), quote(variable));
  return Math.max(1, Math.min(DEFAULT_LIMIT, availableParallelism()));
}

function expectCount(name: string, count: number, got: string): number {
  if (Number.isInteger(count) && count >= 1 && count <= LIMIT) return count;
  throw new BertError("ERR_INPUT", `loadBert: ${name} must be a whole number from 1 to ${LIMIT}, got ${got}`);
}
