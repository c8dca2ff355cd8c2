import { printable } from "../errors.ts";
import type { EvaluationResult } from "../training/index.ts";
import { mistakesTitle } from "../training/report/mistakesTitle.ts";
import { mostConfused } from "../training/report/mostConfused.ts";
import { columns, shown, styled } from "./output.ts";
import { clock, grouped } from "./progressBar.ts";
import { figure } from "./trainingRun.ts";

/** A label is cut after so many characters where it stands above a column; after twice as many beside a line. */
const MOST_LABEL = 20;
/** A table of more classes is too wide for a terminal; of more classes the scores are a long list. */
const MOST_COLUMNS = 8;
const MOST_CLASSES = 20;
/** So many mistakes are printed where `--worst` does not say how many. */
const MOST_MISTAKES = 5;

/** What `evaluate` prints for a reader. @param worst most mistakes that are printed */
export function evaluationText(result: EvaluationResult, worst: number = MOST_MISTAKES): string {
  const { examples, file, task, model, seconds, metrics } = result;
  const rows = Object.entries(metrics).map(([name, value]) => [name, figure(value)]);
  const of = `${grouped(examples)} ${examples === 1 ? "example" : "examples"} of ${shown(file ?? "the program")}`;
  return [
    `${of}, ${task}, in ${clock(seconds)}${model === null ? "" : `: ${shown(model)}`}\n${columns(rows, [false, true])}`,
    ...classTable(result),
    ...matrixTable(result),
    mistakes(result, worst),
  ].join("\n");
}

function classTable({ classes }: EvaluationResult): string[] {
  if (classes === null || classes.length === 0) return [];
  const some = classes.slice(0, MOST_CLASSES);
  const rows = some.map(({ label, precision, recall, f1, support }) => [
    ...[printable(label, 2 * MOST_LABEL), figure(precision), figure(recall), figure(f1), grouped(support)],
  ]);
  const table = columns([["", "precision", "recall", "f1", "support"], ...rows], [false, true, true, true, true]);
  const rest = classes.length - some.length;
  return [rest === 0 ? table : `${table}and ${grouped(rest)} more; --json and --report have them\n`];
}

function matrixTable({ confusionMatrix }: EvaluationResult): string[] {
  if (confusionMatrix === null) return [];
  const { labels, counts, left } = mostConfused(confusionMatrix, MOST_COLUMNS);
  const names = labels.map((label) => printable(label, MOST_LABEL));
  const rows = counts.map((row, r) => [names[r], ...row.map((count) => grouped(count))]);
  const table = columns([["", ...names], ...rows], [false, ...names.map(() => true)]);
  const note = left === 0 ? "" : `; the ${labels.length - 1} most confused of ${labels.length - 1 + left} classes`;
  return [`Rows: expected; columns: predicted${note}\n${table}`];
}

function mistakes(
  { mistakes: all, mistakeCount, settings, errorName = "loss" }: EvaluationResult,
  worst: number,
): string {
  const some = all.slice(0, worst);
  const lines = some.map(({ where, input, expected, predicted, loss }) =>
    [
      `  ${shown(where)}: ${errorName} ${loss.toFixed(4)}`,
      `    ${shown(input)}`,
      `    expected   ${styled("green", shown(expected))}`,
      `    predicted  ${styled("red", shown(predicted))}`,
    ].join("\n"),
  );
  const title = mistakesTitle(some.length, mistakeCount, settings.problemType === "regression");
  return `${[title, ...lines].join("\n")}\n`;
}
