import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type PipelineTask, pipeline } from "../../src/pipelines/index.ts";
import { type DistilbertFolder, distilbertPath } from "../support/distilbert.ts";
import { reference } from "../support/reference.ts";
import { DISTILBERT_TOLERANCE } from "../tolerances.ts";

/** A line of pipelines.jsonl. */
interface Case {
  readonly task: PipelineTask;
  readonly model: DistilbertFolder;
  readonly input: unknown;
  readonly options: Readonly<Record<string, unknown>>;
  readonly output: unknown;
}

const lines = readFileSync(reference("distilbert/pipelines.jsonl"), "utf8").trimEnd().split("\n");
const cases = lines.slice(1).map((line) => JSON.parse(line) as Case);

/** Asks a pipeline as JavaScript does, where Python's arguments have names. */
async function answer({ task, model, input, options }: Case, backend: "plain" | "simd"): Promise<unknown> {
  const made = await pipeline(task, distilbertPath(model), { backend });
  const ask = made as unknown as (...args: unknown[]) => Promise<unknown>;
  try {
    const { question, context, text, choices } = input as Record<string, unknown>;
    if (task === "question-answering") return await ask(question, context, options);
    if (task === "multiple-choice") return await ask(text, choices);
    if (task === "zero-shot-classification") return await ask(input, options.candidate_labels);
    if (task === "text-ranking") return await ask(input, options.documents);
    const got = await ask(input, options);
    if (task === "pseudo-log-likelihood") return (got as { score: number }).score;
    return task === "embeddings" || task === "feature-extraction" ? inLists(got) : got;
  } finally {
    await made.dispose();
  }
}

/** A tensor as Python's lists. */
function inLists(value: unknown): unknown {
  const { data, dims } = value as { data: Float32Array; dims: readonly number[] };
  const lists = (at: number, [first, ...others]: readonly number[]): unknown => {
    const size = others.reduce((product, n) => product * n, 1);
    return first === undefined ? data[at] : Array.from({ length: first }, (_, i) => lists(at + i * size, others));
  };
  return lists(0, dims);
}

/** The largest difference of two numbers in the same places; everything else must be equal. */
function difference(got: unknown, want: unknown, place: string): number {
  if (typeof want === "number") {
    expect(typeof got, place).toBe("number");
    const d = Math.abs((got as number) - want);
    return Number.isNaN(d) ? Number.POSITIVE_INFINITY : d / Math.max(1, Math.abs(want));
  }
  if (typeof want !== "object" || want === null) {
    expect(got, place).toEqual(want);
    return 0;
  }
  expect(Object.keys(got as object), place).toEqual(expect.arrayContaining(Object.keys(want)));
  if (Array.isArray(want)) expect((got as unknown[]).length, place).toBe(want.length);
  const parts = Object.entries(want).map(([name, value]) =>
    difference((got as Record<string, unknown>)[name], value, `${place}.${name}`),
  );
  return Math.max(0, ...parts);
}

describe.each(["plain", "simd"] as const)("%s", (backend) => {
  test.each(cases.map((one, i) => [`${i} ${one.task}`, one] as const))("%s is what Python answers", async (_, one) => {
    const got = await answer(one, backend);
    expect(difference(got, one.output, one.task)).toBeLessThanOrEqual(DISTILBERT_TOLERANCE[backend].pipeline);
  });
});
