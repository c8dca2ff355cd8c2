import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type FillMaskPrediction, pipeline } from "../src/pipelines/index.ts";

/** The figures of the model card are those that the recipe's commands wrote, and its links lead somewhere. */
const folder = join(import.meta.dirname, "..", "weights");
const card = readFileSync(join(folder, "README.md"), "utf8");
const results = (name: string) => JSON.parse(readFileSync(join(folder, "recipe", "results", name), "utf8"));
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

interface Score {
  readonly count: number;
  readonly top1: number;
  readonly top5: number;
  readonly perplexity: number;
  readonly nextSentence: number;
}

describe("figures", () => {
  const ROWS = {
    small: "**this model**",
    "model-256": "before rounding",
    old: "the model before it",
    "small, 256 tokens": "this model, 256 tokens",
    neighbours: "two neighbours",
    unigram: "frequencies",
  };
  const guesses = ({ count, top1, top5, perplexity }: Score) =>
    `${count.toLocaleString("en")} | ${percent(top1)} | ${percent(top5)} | ${perplexity.toFixed(1)}`;
  const evaluation = results("evaluation.json");

  test("of all rows", () => expect(Object.keys(evaluation.results)).toEqual(Object.keys(ROWS)));

  test.each(Object.entries(ROWS))("%s on the held-out books", (key, name) => {
    const score: Score = evaluation.results[key];
    expect(card).toContain(`| ${name} | ${guesses(score)} | ${percent(score.nextSentence)} |`);
  });

  test("on the same words", () => {
    expect(card).toContain(`| ${ROWS.small} | ${guesses(evaluation.same[0])} |`);
    expect(card).toContain(`| ${ROWS.old} | ${guesses(evaluation.same.at(-1))} |`);
  });

  test("of the comparison", () => {
    const runs = results("comparison.json");
    expect(runs.length).toBe(8);
    for (const { name, step, ...of } of runs) {
      const right = `${percent(of.eval_masked_lm_accuracy)} | ${percent(of.eval_next_sentence_accuracy)}`;
      expect(card).toContain(`| ${name} | ${step} | ${of.eval_masked_lm_loss.toFixed(3)} | ${right} |`);
    }
  });

  test("of fine-tuning", () => {
    const rows = results("finetuning.json");
    expect(rows.length).toBe(4);
    for (const { task, start, learningRate, accuracies } of rows) {
      expect(accuracies.length).toBe(5);
      const mean = accuracies.reduce((sum: number, x: number) => sum + x) / 5;
      const deviation = Math.sqrt(accuracies.reduce((sum: number, x: number) => sum + (x - mean) ** 2, 0) / 4);
      const each = accuracies.map((x: number) => (100 * x).toFixed(1)).join(", ");
      const mid = `${(100 * mean).toFixed(1)} ± ${(100 * deviation).toFixed(1)} %`;
      expect(card).toContain(`| ${task} | ${start} | ${learningRate} | ${mid} | ${each} |`);
    }
  });
});

test("every sentence is answered so", async () => {
  await using unmask = await pipeline("fill-mask", undefined, { backend: "plain" });
  // One mask in each: one list.
  const words = (found: unknown) =>
    (found as FillMaskPrediction[]).map(({ token_str, score }) => `${token_str} ${score.toPrecision(2)}`).join(", ");
  const rows = [...card.matchAll(/^\| ([^|]*\[MASK\][^|]*) \| ([^|]+) \|(?: ([^|]+) \|)?$/gm)];
  expect(rows.length).toBe(26);
  for (const [, text, best, ofThese] of rows) {
    expect(words(await unmask(text)), text).toBe(best);
    if (ofThese === undefined) continue;
    const targets = ofThese.split(", ").map((word) => word.split(" ")[0]);
    expect(words(await unmask(text, { targets: targets.toSorted(), top_k: targets.length })), text).toBe(ofThese);
  }
});

test.each(["README.md", "recipe/README.md"])("%s: links to files that exist", (name) => {
  const links = [...readFileSync(join(folder, name), "utf8").matchAll(/\]\((?!https?:)([^)#]+)\)/g)];
  expect(links.length).toBeGreaterThan(2);
  for (const [, link] of links) expect(existsSync(join(folder, dirname(name), link)), link).toBe(true);
});

test("the recipe's README names each of its commands", () => {
  const readme = readFileSync(join(folder, "recipe", "README.md"), "utf8");
  const commands = readdirSync(join(folder, "recipe")).filter((name) => /^\d/.test(name));
  expect(commands.length).toBeGreaterThan(5);
  for (const command of commands) expect(readme).toContain(`node weights/recipe/${command}`);
});
