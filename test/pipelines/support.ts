import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { BertError, type BertErrorCode } from "../../src/errors.ts";
import type { FillMaskPrediction } from "../../src/pipelines/index.ts";

export const WEIGHTS: string = fileURLToPath(new URL("../../weights", import.meta.url));

/** Most tokens of a text for the small model. */
export const POSITIONS: number = JSON.parse(readFileSync(`${WEIGHTS}/config.json`, "utf8")).max_position_embeddings;

/** A line of reference/expected.jsonl. */
export type Case =
  | { kind: "versions" }
  | { kind: "fill-mask"; input: string | string[]; options: object; output: FillMaskPrediction[] }
  | { kind: "next-sentence"; pair: [string, string]; truncation: boolean; is_next: number }
  | ({ kind: "features"; text: string; tokens: number; none?: number[][] } & Record<Vectors, number[]>);
type Vectors = "mean" | "cls" | "max" | "mean_normalized";

export async function casesOf<Kind extends Case["kind"]>(kind: Kind): Promise<Extract<Case, { kind: Kind }>[]> {
  const text = await readFile(new URL("./reference/expected.jsonl", import.meta.url), "utf8");
  const cases: Case[] = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return cases.filter((c): c is Extract<Case, { kind: Kind }> => c.kind === kind);
}

/** Fails unless the promise is rejected with a BertError of this code whose message has these parts. */
export async function expectBertError(
  promise: Promise<unknown>,
  code: BertErrorCode,
  ...parts: string[]
): Promise<void> {
  const error = await promise.then(
    () => expect.fail(`no error, where one was expected with ${parts.join(" … ")}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BertError);
  expect((error as BertError).code).toBe(code);
  for (const part of parts) expect((error as BertError).message).toContain(part);
}

/** A copy of the small model's folder, to be damaged; removed when disposed of. */
export async function modelCopy(): Promise<{ path: string; file(name: string): string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "plainbert-"));
  await cp(WEIGHTS, path, { recursive: true });
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
