import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { type Pipeline, type PipelineTask, pipeline } from "../../src/pipelines/index.ts";
import type { BackendName } from "../../src/tensor/chooseBackend.ts";
import { TOLERANCE } from "../tolerances.ts";

/** A line of reference/heads.jsonl, which reference/make_heads.py writes. */
interface Case {
  readonly task: PipelineTask;
  readonly model: string;
  readonly input: unknown;
  readonly options: Readonly<Record<string, unknown>>;
  readonly output: unknown;
}

const lines = (await readFile(new URL("./reference/heads.jsonl", import.meta.url), "utf8")).trimEnd().split("\n");
const [versions, ...cases]: [object, ...Case[]] = JSON.parse(`[${lines.join(",")}]`);

const pipelines = new Map<string, Promise<Pipeline<PipelineTask>>>();
function pipelineOf({ task, model }: Case, backend: BackendName): Promise<Pipeline<PipelineTask>> {
  const key = `${task} ${model} ${backend}`;
  const path = fileURLToPath(new URL(`./reference/heads/${model}`, import.meta.url));
  if (!pipelines.has(key)) pipelines.set(key, pipeline(task, path, { backend }));
  return pipelines.get(key)!;
}
afterAll(async () => {
  for (const loaded of pipelines.values()) await (await loaded).dispose();
});

/** Calls a pipeline as JavaScript does: arguments that Python names stand in order. */
async function answer(one: Case, backend: BackendName): Promise<unknown> {
  const ask = (await pipelineOf(one, backend)) as unknown as (...args: unknown[]) => Promise<unknown>;
  const { input, options } = one;
  if (one.task === "question-answering") {
    const { question, context } = input as Record<string, string>;
    return ask(question, context, options);
  }
  if (one.task === "multiple-choice") {
    const { text, choices } = input as Record<string, unknown>;
    return ask(text, choices, options);
  }
  const { candidate_labels, ...others } = options;
  return candidate_labels ? ask(input, candidate_labels, others) : ask(input, options);
}

/** Python counts code points. */
function inCodePoints(text: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => inCodePoints(text, item));
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = { ...value };
  for (const name of ["start", "end"])
    if (typeof copy[name] === "number") copy[name] = [...text.slice(0, copy[name])].length;
  return copy;
}

/** What the places of an answer are places in. */
function textOf({ input, options }: Case): string {
  if (Array.isArray(input) && options.is_split_into_words) return input.join((options.delimiter as string) ?? " ");
  return typeof input === "string" ? input : ((input as { context?: string }).context ?? "");
}

/** Equal but for numbers, which may be off by the tolerance. */
function expectClose(got: unknown, want: unknown, tolerance: number, path: string): void {
  if (typeof want === "number" && !Number.isInteger(want)) {
    expect(typeof got, path).toBe("number");
    const error = Math.abs((got as number) - want) / Math.max(1, Math.abs(want));
    expect(error, `${path}: ${got} instead of ${want}`).toBeLessThanOrEqual(tolerance);
  } else if (typeof want === "object" && want !== null) {
    expect(Object.keys(got as object).sort(), path).toEqual(Object.keys(want).sort());
    for (const [key, value] of Object.entries(want)) {
      expectClose((got as Record<string, unknown>)[key], value, tolerance, `${path}.${key}`);
    }
  } else expect(got, path).toBe(want);
}

test("all of them are here", () => {
  expect(Object.keys(versions)).toEqual(["task", "transformers", "torch"]);
  const counts: Record<string, number> = {};
  for (const { task } of cases) counts[task] = (counts[task] ?? 0) + 1;
  expect(counts).toEqual({
    "text-classification": 48,
    ner: 122,
    "question-answering": 118,
    "zero-shot-classification": 30,
    "pseudo-log-likelihood": 6,
    "multiple-choice": 6,
  });
});

describe.each(["plain", "simd"] as const)("answers of transformers' pipelines, %s", (backend) => {
  test.each(cases.map((one, i) => ({ ...one, i })))("$i: $task $model $options", async (one) => {
    const { output } = one;
    const isSplit = one.options.is_split_into_words === true; // Python then takes one text for a list of them
    const want = isSplit ? (output as unknown[])[0] : output;
    expectClose(inCodePoints(textOf(one), await answer(one, backend)), want, TOLERANCE[backend].heads, "output");
  });
});
