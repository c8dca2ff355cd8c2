import { listed } from "../../errors.ts";
import { expectKnownOptions, type OptionNames } from "../../options.ts";
import type { DataRow } from "./dataRow.ts";
import {
  at,
  attempt,
  numberedLines,
  READ_OPTIONS,
  type ReadOptions,
  recordError,
  shown,
  type TextLines,
  withoutReturn,
} from "./numberedLines.ts";

export interface DelimitedOptions extends ReadOptions {
  /** What stands between two fields. Default ",". */
  readonly delimiter?: "," | "\t";
  /**
   * Whether a field may stand in quotes, as RFC 4180 says: then it may hold delimiters and ends of line, and "" is one
   * quote. Without quoting, as in the files of GLUE, a quote is a character like any other. Default true.
   */
  readonly quoting?: boolean;
  /** The names of the columns of a file without a header. Default: the first record has them. */
  readonly columns?: readonly string[];
}

/** The fields of one record, and the line on which it begins. */
interface Fields {
  readonly line: number;
  readonly fields: string[];
}

/**
 * Rows of a CSV or TSV file: comma-separated values as in RFC 4180, or with tabs, with quoting or without. As in the
 * RFC, every record has as many fields as the first, and spaces are part of a field. Lines end with "\n" or "\r\n";
 * what stands in quotes keeps its ends of line as they are. Blank lines between records are left out, as pandas leaves
 * them out; the blank line that is a record of one empty field is written `""`.
 *
 * @yields each record's fields under the names of their columns
 * @throws BertError ERR_INPUT, naming file and line: no header, a column's name twice, another number of fields, a
 *   quote inside a field without quotes, text between a closing quote and the next delimiter, quotes that never close
 * @example
 * const text = 'text,label\n"Well, well.",1\n';
 * for await (const { values } of readDelimited(text, { file: "a.csv" })) values.get("text"); // Well, well.
 */
export async function* readDelimited(
  input: TextLines,
  options: DelimitedOptions,
): AsyncGenerator<DataRow, void, undefined> {
  const names: OptionNames<DelimitedOptions> = { ...READ_OPTIONS, delimiter: true, quoting: true, columns: true };
  expectKnownOptions("readDelimited", options, names);
  const { file } = options;
  let columns = options.columns && namesOf(file, options.columns);
  for await (const { line, fields } of options.quoting === false
    ? splitLines(input, options)
    : quotedRecords(input, options)) {
    if (columns === undefined) {
      columns = namesOf(at(file, line), fields);
      continue;
    }
    const header = columns;
    const row = attempt(() => rowOf(at(file, line), header, fields), options);
    if (row) yield row;
  }
  if (columns === undefined)
    throw recordError(file, "the first line", "a header with the names of the columns", "none");
}

/** The names of columns, of which none may stand twice. @throws BertError ERR_INPUT */
export function namesOf(where: string, names: readonly string[]): readonly string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw recordError(where, "the columns' names", "different from one another", `${shown(twice)} twice`);
  return names;
}

/** A record as a row. @throws BertError ERR_INPUT it has not one field for each column */
export function rowOf(where: string, columns: readonly string[], fields: readonly string[]): DataRow {
  if (fields.length !== columns.length) {
    const names = ` (${listed(columns.map(shown))})`;
    throw recordError(
      where,
      "the number of fields",
      `${columns.length}, one for each column${names}`,
      String(fields.length),
    );
  }
  return { where, values: new Map(columns.map((name, i) => [name, fields[i]])) };
}

async function* splitLines(input: TextLines, { file, delimiter = "," }: DelimitedOptions): AsyncGenerator<Fields> {
  for await (const { number, text } of numberedLines(input, file)) {
    if (!isBlank(text, delimiter)) yield { line: number, fields: withoutReturn(text).split(delimiter) };
  }
}

async function* quotedRecords(input: TextLines, options: DelimitedOptions): AsyncGenerator<Fields> {
  const { file, delimiter = "," } = options;
  let record: OpenRecord | undefined;
  for await (const { number, text } of numberedLines(input, file)) {
    if (record === undefined && isBlank(text, delimiter)) continue;
    record ??= { line: number, fields: [], open: null };
    const current = record;
    const done = attempt(() => readLine(current, text, delimiter, at(file, number)), options);
    if (done) yield current;
    if (done !== false) record = undefined; // a bad record ends with its line
  }
  if (record) throw recordError(at(file, record.line), "a quote", "closed before the file ends", "none that closes");
}

/** Whether a line has nothing, spaces aside: what is a delimiter is no space. */
function isBlank(line: string, delimiter: string): boolean {
  return (delimiter === "\t" ? /^ *\r?$/ : /^[ \t]*\r?$/).test(line);
}

/** A record that is being read. */
interface OpenRecord extends Fields {
  /** The field in quotes that is being read, as pieces, or null outside of quotes. */
  open: string[] | null;
}

/**
 * Reads one more line of a record.
 *
 * @returns whether the record ends with this line; if not, its last field goes on in the next
 */
function readLine(record: OpenRecord, text: string, delimiter: string, where: string): boolean {
  const { fields } = record;
  for (let from = 0; ; ) {
    if (record.open === null) {
      if (text[from] !== '"') {
        const next = text.indexOf(delimiter, from);
        const field = next < 0 ? withoutReturn(text.slice(from)) : text.slice(from, next);
        if (field.includes('"')) {
          throw recordError(
            where,
            "a field with quotes",
            'itself in quotes, with each of its quotes as ""',
            shown(field),
          );
        }
        fields.push(field);
        if (next < 0) return true;
        from = next + 1;
        continue;
      }
      record.open = [];
      from++;
    }
    const end = text.indexOf('"', from);
    if (end < 0) {
      record.open.push(text.slice(from), "\n");
      return false;
    }
    record.open.push(text.slice(from, end));
    from = end + 1;
    if (text[from] === '"') {
      record.open.push('"');
      from++;
      continue;
    }
    fields.push(record.open.join(""));
    record.open = null;
    const rest = withoutReturn(text.slice(from));
    if (rest === "") return true;
    if (rest[0] !== delimiter) {
      throw recordError(
        where,
        "a closing quote",
        `followed by ${shown(delimiter)} or the end of the line`,
        shown(rest),
      );
    }
    from++;
  }
}
