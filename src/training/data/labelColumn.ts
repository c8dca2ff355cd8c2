import type { DataRow } from "./dataRow.ts";
import { decimalOf } from "./labels.ts";
import { recordError, shown } from "./numberedLines.ts";

/** Rows whose labels have a type. */
export interface TypedRows {
  readonly rows: readonly DataRow[];
  /** Whether the labels are floats, which are to be regressed to. */
  readonly areFloats: boolean;
}

/** What pandas reads as missing, and where all others are numbers or booleans is no label of its own. */
const MISSING = new Set(
  [
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
  ].concat(["NULL", "NaN", "None", "n/a", "nan", "null"]),
);

/** The types of a column, in the order in which pandas tries them. */
const TYPES: readonly { readonly name: string; readonly matches: RegExp; value(text: string): unknown }[] = [
  { name: "a whole number", matches: /^[ \t]*[+-]?\d{1,15}[ \t]*$/, value: (text) => Number(text) + 0 },
  {
    name: "a finite number",
    matches: /^(?![ \t]*[+-]?\d{16})[ \t]*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity)[ \t]*$/i,
    value: (text) => decimalOf(text.trim()),
  },
  { name: "true or false", matches: /^(?:true|false)$/i, value: (text) => /^t/i.test(text) },
];

/**
 * The labels of a CSV or TSV file with the type that the whole column has, as pandas infers it, and with it Hugging
 * Face's datasets: whole numbers, floats if one has a point or an exponent (and then 1.0 is one too), booleans, else
 * strings. Two differences, for what would go wrong in silence: a missing label is an error here, and in a column of
 * strings "None" and "NA" are labels.
 *
 * @throws BertError ERR_INPUT, naming file and line: a label that is missing, or not finite
 */
export function typedLabels(rows: readonly DataRow[], column: string): TypedRows {
  const texts = rows.map(({ values }) => values.get(column)); // undefined where there is no such column
  const present = texts.filter((text): text is string => typeof text === "string" && !MISSING.has(text));
  const type =
    present.length === 0 ? undefined : TYPES.find(({ matches }) => present.every((text) => matches.test(text)));
  const typed = rows.map((row, i) => {
    const text = texts[i];
    if (typeof text !== "string") return row;
    const value = type === undefined ? text : MISSING.has(text) ? Number.NaN : type.value(text);
    if (value !== "" && (typeof value !== "number" || Number.isFinite(value))) {
      return { where: row.where, values: new Map([...row.values, [column, value]]) };
    }
    throw recordError(row.where, shown(column), type?.name ?? "a label", shown(text));
  });
  return { rows: typed, areFloats: type === TYPES[1] };
}
