import { listed } from "../../errors.ts";
import { recordError, shown } from "./numberedLines.ts";

/** A record of a data file: its values by name. */
export interface DataRow {
  /** Where the row stands, as errors say it: `train.csv: line 12`. */
  readonly where: string;
  /** Strings in CSV and TSV files, any JSON in JSON lines. */
  readonly values: ReadonlyMap<string, unknown>;
}

/**
 * A value that must be a text.
 *
 * @throws BertError ERR_INPUT there is no such column, or no string in it
 */
export function textIn({ where, values }: DataRow, column: string): string {
  const value = valueIn({ where, values }, column);
  if (typeof value !== "string") throw recordError(where, shown(column), "a string", shown(value));
  return value;
}

/**
 * A value that must be there.
 *
 * @throws BertError ERR_INPUT there is no such column
 */
export function valueIn({ where, values }: DataRow, column: string): unknown {
  if (values.has(column)) return values.get(column);
  const names = [...values.keys()];
  throw recordError(where, shown(column), "a column", `only ${listed(names.map(shown))}`);
}
