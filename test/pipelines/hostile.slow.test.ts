import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { type PipelineTask, pipeline } from "../../src/pipelines/index.ts";
import { alteredJson, RUNS } from "../support/altered.ts";

interface Case {
  readonly task: PipelineTask;
  readonly model: string;
  readonly input: unknown;
  readonly options: Readonly<Record<string, unknown>>;
}

const text = await readFile(new URL("./reference/heads.jsonl", import.meta.url), "utf8");
const [, ...cases]: [object, ...Case[]] = JSON.parse(`[${text.trimEnd().replaceAll("\n", ",")}]`);

/** The arguments of a call: what JavaScript programs hand over when their own data is not what they think. */
function argumentsOf({ task, input, options }: Case): unknown[] {
  const { question, context, text, text_pair, choices } = (input ?? {}) as Record<string, unknown>;
  if (task === "question-answering") return [question, context, options];
  if (task === "multiple-choice") return [text, choices, options];
  if (task === "next-sentence-prediction") return [text, text_pair, options];
  const { candidate_labels, ...others } = options;
  return candidate_labels ? [input, candidate_labels, others] : [input, options];
}

const byTask = Map.groupBy(cases, ({ task }) => task);
const small: Case[] = [
  { task: "fill-mask", model: "", input: ["The [MASK] is open."], options: { top_k: 2, targets: ["door", "window"] } },
  { task: "next-sentence-prediction", model: "", input: { text: "A door.", text_pair: "It is open." }, options: {} },
  {
    task: "feature-extraction",
    model: "",
    input: ["A door.", "A window."],
    options: { pooling: "mean", normalize: true },
  },
  {
    task: "sentence-similarity",
    model: "",
    input: { source_sentence: "A door.", sentences: ["A window."] },
    options: {},
  },
  { task: "pseudo-log-likelihood", model: "", input: "A door.", options: {} },
];
for (const one of small) byTask.set(one.task, [one]);

describe("whatever a pipeline is called with, it answers or refuses with a BertError", () => {
  test.each([...byTask])("%s", { timeout: 300_000 }, async (task, ofTask) => {
    const { model } = ofTask[0];
    const path = model === "" ? undefined : fileURLToPath(new URL(`./reference/heads/${model}`, import.meta.url));
    await using loaded = await pipeline(task, path, { backend: "plain" });
    const ask = loaded as unknown as (...args: unknown[]) => Promise<unknown>;
    const counts = { answered: 0, refused: 0 };
    const calls = ofTask.filter((one) => one.model === model).slice(0, 5);
    const altered = fc.oneof(...calls.map((one) => alteredJson(JSON.stringify(argumentsOf(one)))));
    await fc.assert(
      fc.asyncProperty(altered, async (json) => {
        let given: unknown;
        try {
          given = JSON.parse(json);
        } catch {
          given = json;
        }
        try {
          await ask(...(Array.isArray(given) ? given : [given]));
          counts.answered++;
        } catch (error) {
          if (!(error instanceof BertError)) throw error;
          expect(error.message.length).toBeLessThan(2000);
          counts.refused++;
        }
      }),
      { numRuns: RUNS / 50 },
    );
    expect(counts.answered).toBeGreaterThan(0);
    expect(counts.refused).toBeGreaterThan(0);
  });
});
