import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { buildIndex, type Pipeline, type PipelineTask, pipeline } from "../../src/pipelines/index.ts";
import { TOLERANCE } from "../tolerances.ts";
import { expectBertError, WEIGHTS } from "./support.ts";

/** A line of reference/blank.jsonl or blank_qa.jsonl, which reference/make_blank.py writes. */
interface Case {
  readonly task: PipelineTask | "sentence-transformers" | "versions";
  readonly model: string;
  readonly input: unknown;
  readonly options: Readonly<Record<string, unknown>>;
  readonly output?: unknown;
  readonly error?: string;
}
const read = (name: string) => readFile(new URL(`./reference/${name}`, import.meta.url), "utf8");
const lines = `${await read("blank.jsonl")}${await read("blank_qa.jsonl")}`.trimEnd().split("\n");
const cases: Case[] = lines.map((line) => JSON.parse(line)).filter(({ task }) => task !== "versions");

const pipelines = new Map<string, Promise<Pipeline<PipelineTask>>>();
function open(task: PipelineTask, model: string): Promise<Pipeline<PipelineTask>> {
  const path = model === "weights" ? WEIGHTS : fileURLToPath(new URL(`./reference/heads/${model}`, import.meta.url));
  const key = `${task} ${model}`;
  if (!pipelines.has(key)) pipelines.set(key, pipeline(task, path, { backend: "plain" }));
  return pipelines.get(key)!;
}
afterAll(async () => {
  for (const loaded of pipelines.values()) await (await loaded).dispose();
});

/** Calls a pipeline, and gives the answer in the form in which Python gave it. */
async function answer({ task, model, input, options }: Case): Promise<unknown> {
  const isVectors = task === "sentence-transformers";
  const ask = (await open(isVectors ? "feature-extraction" : (task as PipelineTask), model)) as unknown as (
    ...args: unknown[]
  ) => Promise<unknown>;
  const { candidate_labels, tokenizer_kwargs, ...rest } = options;
  const given = { ...rest, ...(tokenizer_kwargs as object) };
  if (isVectors) {
    const vectors = (await ask(input, { pooling: "mean", normalize: true })) as { tolist(): number[][] };
    return vectors.tolist().map((vector) => vector.slice(0, 8));
  }
  if (task === "feature-extraction") return ((await ask(input)) as { tolist(): unknown }).tolist();
  if (task === "zero-shot-classification") return ask(input, candidate_labels, given);
  if (task === "multiple-choice") {
    const { text, choices } = input as { text: string; choices: string[] };
    const scores = (await ask(text, choices)) as { index: number; score: number }[];
    return scores.sort((a, b) => a.index - b.index).map(({ score }) => score);
  }
  if (task === "next-sentence-prediction") {
    const both = (await ask([input], { top_k: null })) as { label: string; score: number }[][];
    return both[0].sort((a, b) => (a.label < b.label ? -1 : 1)).map(({ score }) => score);
  }
  if (task === "token-classification" && given.is_split_into_words) {
    const got = await ask(input, given);
    return Array.isArray((input as unknown[])[0]) ? got : [got]; // Python takes one text for a list of them
  }
  return ask(input, given);
}

function expectClose(got: unknown, want: unknown, path: string): void {
  if (typeof want === "number" && !Number.isInteger(want)) {
    expect(Math.abs((got as number) - want) / Math.max(1, Math.abs(want)), path).toBeLessThanOrEqual(
      TOLERANCE.plain.heads,
    );
  } else if (typeof want === "object" && want !== null) {
    expect(Object.keys(got as object).sort(), path).toEqual(Object.keys(want).sort());
    for (const [key, value] of Object.entries(want)) {
      expectClose((got as Record<string, unknown>)[key], value, `${path}.${key}`);
    }
  } else expect(got, path).toEqual(want);
}

describe("a blank text gives what Python gives", () => {
  test("all cases are here", () => expect(cases.length).toBe(106));

  test.each(cases.map((one, i) => ({ ...one, i })))("$i: $task $model $input $options", async (one) => {
    if (one.error !== undefined) await expectBertError(answer(one), "ERR_INPUT", `${one.task}: `, " must be ");
    else expectClose(await answer(one), one.output, "output");
  });
});

describe("a blank text among others, and in a stream", () => {
  const texts = ["The door was open.", "", "Emma.", " \t"];
  const stream = async (answers: unknown) => {
    const all: unknown[] = [];
    for await (const one of answers as AsyncIterable<unknown>) all.push(one);
    return all;
  };

  test.each<[PipelineTask, string]>([
    ["text-classification", "nli"],
    ["token-classification", "ner"],
  ])("%s", async (task, model) => {
    const ask = (await open(task, model)) as unknown as (input: unknown, options?: object) => Promise<unknown[]>;
    const alone = [];
    for (const text of texts) alone.push(await ask(text, { ...(task === "text-classification" && { top_k: null }) }));
    const options = task === "text-classification" ? { top_k: null } : {};
    expect(await ask(texts, options)).toEqual(alone);
    expect(await stream(ask(texts.values(), options))).toEqual(alone);
  });

  test("an index keeps it, but it means nothing: it is not found, and finds nothing", async () => {
    const extract = (await open("feature-extraction", "weights")) as Pipeline<"feature-extraction">;
    const index = await buildIndex(extract, texts);
    expect([...index].map(({ text }) => text)).toEqual(texts);
    expect((await index.search("Emma.", 4)).map(({ index }) => index)).toEqual([2, 0]);
    expect(await index.search(["", " \t"], 4)).toEqual([[], []]);
    expect(await index.search("", 4, { hybrid: true })).toEqual([]);
    expect([index.unknown, index.unknownQueries]).toEqual([0, 0]);
  });

  test("a sentence is as like an empty one as their vectors are", async () => {
    const similarity = (await open("sentence-similarity", "weights")) as Pipeline<"sentence-similarity">;
    const [same, other] = await similarity({ source_sentence: "", sentences: [" ", "The door."] });
    expect(same).toBeCloseTo(1, 6);
    expect(other).toBeLessThan(0.999);
  });

  test("where there is no token to predict, it is refused", async () => {
    const likelihood = (await open("pseudo-log-likelihood", "mlm")) as Pipeline<"pseudo-log-likelihood">;
    for (const blank of ["", " ", "\u200b"]) {
      await expectBertError(likelihood(blank), "ERR_INPUT", "text must be a text with at least one word");
    }
  });
});
