import { afterAll } from "vitest";
import { type Bert, loadBert } from "../../src/pipelines/index.ts";

export const TEXTS: readonly string[] = [
  "The door was open.",
  "He read a letter in London, and it was very long.",
  "é",
];
/** The most tokens that the tests' models take. */
export const LIMIT = 64;
/** More than these. */
export const LONG: string = "door ".repeat(100);

const loaded: Bert[] = [];
afterAll(() => Promise.all(loaded.map((bert) => bert.dispose())));

/** A model that lives as long as the tests of a file. */
export async function load(path: string): Promise<Bert> {
  const bert = await loadBert(path, { backend: "plain" });
  loaded.push(bert);
  return bert;
}

/** The float32 that JSON's numbers are. */
export function floats(rows: number[][]): Float32Array[] {
  return rows.map((row) => Float32Array.from(row));
}

/** The rows of what a pipeline gives. */
export function rowsOf({ data, dims }: { data: Float32Array; dims: readonly number[] }): Float32Array[] {
  const D = dims[dims.length - 1];
  return Array.from({ length: data.length / D }, (_, i) => data.slice(i * D, (i + 1) * D));
}
