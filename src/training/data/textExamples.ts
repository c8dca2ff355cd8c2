import { type DataRow, textIn, valueIn } from "./dataRow.ts";
import { attempt, type ReadOptions, recordError, shown } from "./numberedLines.ts";

/** What a text is labelled with: a class, a number, or any number of classes. */
export type Label = string | number | readonly string[];

/** A text or a pair, with its label if the file has one. */
export interface TextExample {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly text: string;
  readonly textPair?: string;
  readonly label?: Label;
}

/** Which columns hold what. */
export interface TextColumns {
  readonly text: string;
  readonly textPair?: string;
  readonly label?: string;
}

/**
 * Texts or pairs from rows of CSV, TSV or JSON lines.
 *
 * @throws BertError ERR_INPUT, naming file and line: a column that is not there, a text that is no string, a label that
 *   is neither a string, a finite number, nor an array of strings
 * @example
 * const rows = readDelimited(text, { file: "train.csv" });
 * const examples = await collect(readTexts(rows, { text: "review", label: "stars" }, { file: "train.csv" }));
 */
export async function* readTexts(
  rows: AsyncIterable<DataRow>,
  columns: TextColumns,
  options: ReadOptions,
): AsyncGenerator<TextExample, void, undefined> {
  for await (const row of rows) {
    const example = attempt(() => textExample(row, columns), options);
    if (example) yield example;
  }
}

/** One row as an example. @throws BertError ERR_INPUT a column is missing or empty */
export function textExample(row: DataRow, { text, textPair, label }: TextColumns): TextExample {
  return {
    where: row.where,
    text: textIn(row, text),
    ...(textPair !== undefined && { textPair: textIn(row, textPair) }),
    ...(label !== undefined && { label: labelIn(row, label) }),
  };
}

function labelIn(row: DataRow, column: string): Label {
  const value = valueIn(row, column);
  if (typeof value === "string" || (typeof value === "number" && Number.isFinite(value))) return value;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw recordError(row.where, shown(column), "a string, a number, or an array of strings", shown(value));
}
