import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll } from "vitest";
import { pipeline } from "../../../src/pipelines/index.ts";
import { finished } from "../../cli/run.ts";

const root = join(import.meta.dirname, "../../..");

/** Texts for vectors: one of several tokens, a long one, one that is not ASCII. */
export const TEXTS: readonly string[] = [
  "The door was open.",
  "He read a letter in London, and it was very long.",
  "é",
];

/** A question with documents. */
export const QUERY = "Who was rich?";
export const DOCUMENTS: readonly string[] = ["The door was open.", "Emma was rich.", "é"];

/** What ends each service that was started. A hook that a test itself registers would never run. */
const ends: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(ends.map((end) => end())));

/**
 * Starts `npx plainbert serve` at a port that is free, as a process that ends after the tests of the file.
 *
 * @returns its address, without a slash at the end
 */
export async function serve(...args: readonly string[]): Promise<string> {
  const child = spawn("npx", ["plainbert", "serve", "--port", "0", ...args], { cwd: root, detached: true });
  const result = finished(child);
  ends.push(() => {
    process.kill(-child.pid!, "SIGTERM"); // npx and what it has started
    return result;
  });
  const printed = new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text).trim())));
  const early = result.then(({ stderr }) => Promise.reject(new Error(stderr)));
  early.catch(() => {});
  return (await Promise.race([printed, early])).replace(/\/$/, "");
}

/** The vectors that the library itself gives the same texts, as a service gives them: of length 1. */
export async function ownVectors(texts: readonly string[], dimensions?: number): Promise<Float32Array[]> {
  await using embed = await pipeline("embeddings");
  const { data, dims } = await embed(texts, { normalize: true, ...(dimensions && { truncate_dim: dimensions }) });
  const D = dims[1];
  return texts.map((_, i) => data.slice(i * D, (i + 1) * D));
}

/** The float32 that a client's numbers are. */
export function floats(rows: readonly (readonly number[])[]): Float32Array[] {
  return rows.map((row) => Float32Array.from(row));
}
