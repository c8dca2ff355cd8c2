import { shown as anyShown } from "../../errors.ts";
import { expectKnownNames, expectKnownOptions, type OptionNames } from "../../options.ts";
import { type DataRow, textIn, valueIn } from "./dataRow.ts";
import { attempt, READ_OPTIONS, type ReadOptions, recordError, shown } from "./numberedLines.ts";
import type { FinetuneTask } from "./taskModels.ts";

/**
 * What a text is labelled with: a class by its name, its index or as one of two; a number to regress to; or any number
 * of classes.
 */
export type Label = string | number | boolean | readonly (string | number)[];

/** A text or a pair, with its label if the file has one. */
export interface TextExample {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly text: string;
  readonly text_pair?: string;
  readonly label?: Label;
}

/** Which columns hold what. */
export interface TextColumns {
  readonly text: string;
  readonly text_pair?: string;
  readonly label?: string;
}

/** Which columns hold what of a reranker's examples, beside `text` and `label`. */
export interface RankingColumns {
  readonly query: string;
  readonly positive: string;
  /** One column, or several. */
  readonly negative: string | readonly string[];
}

/**
 * Texts or pairs from rows of CSV, TSV or JSON lines.
 *
 * @throws BertError ERR_INPUT, naming file and line: a column that is not there, a text that is no string, a label that
 *   is none (`Label`)
 * @example
 * const rows = readDelimited(text, { file: "train.csv" });
 * const examples = await collect(readTexts(rows, { text: "review", label: "stars" }, { file: "train.csv" }));
 */
export async function* readTexts(
  rows: AsyncIterable<DataRow>,
  columns: TextColumns,
  options: ReadOptions,
): AsyncGenerator<TextExample, void, undefined> {
  expectColumns("readTexts", columns, "text-classification");
  expectKnownOptions("readTexts", options, READ_OPTIONS);
  for await (const row of rows) {
    const example = attempt(() => textExample(row, columns), options);
    if (example) yield example;
  }
}

/**
 * Checks the columns of a task's tables.
 *
 * @throws BertError ERR_INPUT no object, columns of another name than the task's, or one that is no string
 */
export function expectColumns(where: string, columns: object, task: FinetuneTask): void {
  const texts: OptionNames<TextColumns> = { text: true, text_pair: true, label: true };
  const ranked: OptionNames<RankingColumns> = { query: true, positive: true, negative: true };
  const of: { readonly [Task in FinetuneTask]?: readonly string[] } = {
    "text-ranking": [...Object.keys(ranked), "text", "label"],
    "fill-mask": ["text"],
  };
  const names = of[task] ?? Object.keys(texts);
  if (typeof columns !== "object" || columns === null || Array.isArray(columns)) {
    throw recordError(where, "columns", `an object with ${names.join(", ")}`, anyShown(columns));
  }
  expectKnownNames(where, "column", columns, names);
  for (const [name, column] of Object.entries(columns)) {
    if (column === undefined || isColumn(name, column)) continue;
    throw recordError(where, `columns.${name}`, columnText(name), anyShown(column));
  }
}

/** Whether it names the column of a field, or of negatives several. */
export function isColumn(name: string, column: unknown): boolean {
  const isList = name === "negative" && Array.isArray(column) && column.every((one) => typeof one === "string");
  return typeof column === "string" || isList;
}

/** What names the column of a field, as errors say it. */
export function columnText(name: string): string {
  return name === "negative" ? "a column's name, or several" : "a column's name";
}

/** One row as an example. @throws BertError ERR_INPUT a column is missing or empty */
export function textExample(row: DataRow, { text, text_pair, label }: TextColumns): TextExample {
  return {
    where: row.where,
    text: textIn(row, text),
    ...(text_pair !== undefined && { text_pair: textIn(row, text_pair) }),
    ...(label !== undefined && { label: labelIn(row, label) }),
  };
}

function labelIn(row: DataRow, column: string): Label {
  const value = valueIn(row, column);
  if (isLabel(value)) return value;
  throw recordError(row.where, shown(column), LABEL, shown(value));
}

/** What a label must be, as errors say it. */
export const LABEL = "a string, a finite number, true or false, or an array of strings or of whole numbers";

export function isLabel(value: unknown): value is Label {
  if (!Array.isArray(value)) return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
  return value.every((item) => typeof item === "string") || value.every((item) => Number.isSafeInteger(item));
}
