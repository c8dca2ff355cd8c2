import { shown as anyShown, BertError, listed, printable, quote } from "../../errors.ts";
import { expectKnownNames, nearest } from "../../options.ts";
import { type DataRow, textIn, valueIn } from "./dataRow.ts";
import { decimalOf } from "./labels.ts";
import { recordError, shown } from "./numberedLines.ts";
import { columnText, isColumn } from "./textExamples.ts";

/** An anchor, such as a query, and a text that belongs to it; beside them texts that do not. */
export interface PairExample {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly anchor: string;
  readonly positive: string;
  /** One text, or several. */
  readonly negative?: string | readonly string[];
  /** More of them: `negative_1`, `negative_2`, …. */
  readonly [negative: `negative_${number}`]: string;
}

/** Two texts, and how alike they are. */
export interface ScoredExample {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly sentence1: string;
  readonly sentence2: string;
  readonly score: number;
}

/** A text alone, of which a teacher has a vector. */
export interface SentenceText {
  /** Where the text stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly text: string;
}

/** An example for a model that makes vectors of texts, named as sentence-transformers' data sets name it. */
export type SentenceExample = PairExample | ScoredExample | SentenceText;

/** Which columns hold what. */
export interface SentenceColumns {
  readonly anchor: string;
  readonly positive: string;
  /** One column, or several. */
  readonly negative: string | readonly string[];
  readonly sentence1: string;
  readonly sentence2: string;
  readonly score: string;
}

/** An example as it is learned. */
export interface SentenceGroup {
  readonly where: string;
  /** The two that belong together, then the negatives. */
  readonly texts: readonly [string, string, ...string[]];
  /** How alike the two are; null: they belong together. */
  readonly score: number | null;
}

/** What columns are usually called, the first that there is. */
const USUAL: Readonly<Record<keyof SentenceColumns, readonly string[]>> = {
  anchor: ["anchor", "query", "question"],
  positive: ["positive", "answer"],
  negative: ["negative", "negatives"],
  sentence1: ["sentence1"],
  sentence2: ["sentence2"],
  score: ["score", "label"],
};
const NUMBERED = /^negative_\d+$/;

/** @throws BertError ERR_INPUT no object, columns of another name than these, or one that is no string */
export function expectSentenceColumns(where: string, columns: object): void {
  const names = Object.keys(USUAL);
  if (typeof columns !== "object" || columns === null || Array.isArray(columns))
    throw recordError(where, "columns", `an object with ${names.join(", ")}`, anyShown(columns));
  expectKnownNames(where, "column", columns, names);
  for (const [name, column] of Object.entries(columns)) {
    if (column === undefined || isColumn(name, column)) continue;
    throw recordError(where, `columns.${name}`, columnText(name), anyShown(column));
  }
}

/**
 * Examples from rows of CSV, TSV or JSON lines: scored pairs where there are columns of two sentences and a score, else
 * pairs of anchor and positive, with the negatives that there are; texts alone where there is neither, but `text`.
 *
 * @throws BertError ERR_INPUT, naming file and line: columns that are not there, or in another spelling; a text that is
 *   none; a score that is no number
 */
export function sentenceExamples(
  rows: readonly DataRow[],
  file: string,
  columns: Partial<SentenceColumns> = {},
): SentenceExample[] {
  expectSentenceColumns("readExamples", columns);
  if (rows.length === 0) return [];
  const names = [...new Set(rows.flatMap(({ values }) => [...values.keys()]))];
  const kind = namedKind(file, names, columns);
  const columnOf = (name: Exclude<keyof SentenceColumns, "negative">): string | undefined =>
    columns[name] ?? USUAL[name].find((one) => names.includes(one));
  const [anchor, positive, sentence1, sentence2, score] = (
    ["anchor", "positive", "sentence1", "sentence2", "score"] as const
  ).map(columnOf);
  const isThere = (column: string | undefined): column is string => column !== undefined && names.includes(column);
  if (kind !== "pairs" && isThere(sentence1) && isThere(sentence2) && isThere(score)) {
    return rows.map((row) => ({
      where: row.where,
      sentence1: textIn(row, sentence1),
      sentence2: textIn(row, sentence2),
      score: scoreIn(row, score),
    }));
  }
  if (kind === null && !isThere(anchor) && !isThere(positive) && names.includes("text"))
    return rows.map((row) => ({ where: row.where, text: textIn(row, "text") }));
  if (kind === "scored pairs" || !isThere(anchor) || !isThere(positive)) throw withoutColumns(rows, file, names);
  const numbered = names.filter((name) => NUMBERED.test(name)).sort((a, b) => Number(a.slice(9)) - Number(b.slice(9)));
  const usual = [...USUAL.negative.filter((name) => names.includes(name)), ...numbered];
  const negatives = columns.negative === undefined ? usual : [columns.negative].flat();
  expectSpelling(file, names, [anchor, positive, ...negatives], columns);
  return rows.map((row) => {
    const found = negatives.flatMap((column) => negativesIn(row, column));
    const pair = { where: row.where, anchor: textIn(row, anchor), positive: textIn(row, positive) };
    return { ...pair, ...(found.length > 0 && { negative: found.length === 1 ? found[0] : found }) };
  });
}

/**
 * The kind of examples that columns are named of, so that none is named without effect; null: none is named.
 *
 * @throws BertError ERR_INPUT a column that the file does not have; columns of both kinds
 */
function namedKind(
  file: string,
  names: readonly string[],
  columns: Partial<SentenceColumns>,
): "pairs" | "scored pairs" | null {
  const given = Object.entries(columns).filter(([, column]) => column !== undefined);
  const wrong = (what: string) => new BertError("ERR_INPUT", `${printable(file, 200)}: ${what}`);
  for (const [name, column] of given) {
    const missing = [column].flat().find((one) => !names.includes(one));
    if (missing === undefined) continue;
    const got = listed(names.map((one) => quote(one)));
    throw wrong(`there must be a column ${quote(missing)}, as columns.${name} says, got only ${got}`);
  }
  const scored = given.map(([name]) => ["sentence1", "sentence2", "score"].includes(name));
  const first = (isScored: boolean) => `columns.${given[scored.indexOf(isScored)][0]}`;
  if (scored.includes(true) && scored.includes(false))
    throw wrong(`${first(true)} is of scored pairs, ${first(false)} of others: name columns of one kind`);
  return scored.length === 0 ? null : scored[0] ? "scored pairs" : "pairs";
}

/** A column that is ours in another spelling would be left out unseen. */
function expectSpelling(
  file: string,
  names: readonly string[],
  taken: readonly string[],
  columns: Partial<SentenceColumns>,
): void {
  if (columns.negative !== undefined) return;
  const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, "");
  for (const name of names.filter((other) => !taken.includes(other))) {
    if (!/^(hard)?negatives?\d*$/.test(plain(name))) continue;
    throw new BertError(
      "ERR_INPUT",
      `${printable(file, 200)}: unknown column ${quote(name)}; did you mean "negative", "negative_1", …? columns.negative says which`,
    );
  }
}

function withoutColumns(rows: readonly DataRow[], file: string, names: readonly string[]): BertError {
  const place = /\.jsonl?$/.test(file) ? rows[0].where : `${printable(file, 200)}: the header`;
  const expected = `"anchor" and "positive", or "sentence1", "sentence2" and "score", unless columns says which`;
  const known = Object.values(USUAL).flat();
  const others = names.filter((name) => !known.includes(name));
  const meant = others.map((name) => nearest(name, known)).find((one) => one !== null);
  const help = meant === undefined ? "" : `; did you mean ${quote(meant)}?`;
  return new BertError(
    "ERR_INPUT",
    `${place}: there must be columns ${expected}, got only ${listed(names.map((name) => quote(name)))}${help}`,
  );
}

function scoreIn(row: DataRow, column: string): number {
  const value = valueIn(row, column);
  const score = typeof value === "string" ? decimalOf(value.trim()) : value;
  if (typeof score === "number" && Number.isFinite(score)) return score;
  throw recordError(row.where, shown(column), "a number", shown(value));
}

/** A text, or an array of them; none where the field is empty or null, as data sets have fewer of some rows. */
function negativesIn(row: DataRow, column: string): readonly string[] {
  const value = row.values.get(column);
  if (value === undefined || value === null || value === "") return [];
  if (typeof value === "string") return [value];
  if (Array.isArray(value) && value.every((text) => typeof text === "string")) return value;
  throw recordError(row.where, shown(column), "a string or an array of strings", shown(value));
}

/** The fields of an example, and whether each may be left out. */
const PAIR = { where: true, anchor: false, positive: false, negative: true };
const SCORED = { where: true, sentence1: false, sentence2: false, score: false };

/**
 * Examples that a program gives or a file has, checked: no field has another name or another type, all are of the kind
 * of the first, and no text is blank.
 *
 * @param name what the examples are called together
 * @throws BertError ERR_INPUT naming example and field, and for an unknown field the nearest known one
 */
export function checkedSentences(name: string, examples: readonly unknown[]): SentenceGroup[] {
  const isScored = isScoredExample(examples[0]);
  return Array.from(examples, (example, i) => {
    const place = `${name}[${i}]`;
    if (isText(example)) throw recordError(placeOf(example, place), "an example", "anchor and positive, or sentence1, sentence2 and score", "a text alone, which is learned from with teacher"); // biome-ignore format: one line
    if (typeof example !== "object" || example === null || Array.isArray(example)) {
      throw recordError(place, "an example", "an object with anchor, positive, negative or with sentence1, sentence2, score", shown(example)); // biome-ignore format: one line
    }
    const fields = example as Readonly<Record<string, unknown>>;
    const where = typeof fields.where === "string" ? fields.where : place;
    if (isScoredExample(example) !== isScored) {
      const kinds = ["anchor and positive", "sentence1, sentence2 and score"];
      const [expected, got] = isScored ? kinds.toReversed() : kinds;
      throw recordError(where, "an example", `${expected}, as the first has`, got);
    }
    return isScored ? scoredGroup(where, fields) : pairGroup(where, fields);
  });
}

/** Whether an example is a text alone: a string, or an object with `text`. */
export function isText(example: unknown): example is string | { readonly text: unknown } {
  if (typeof example !== "object" || example === null) return typeof example === "string";
  return "text" in example && !("anchor" in example) && !isScoredExample(example);
}

/** Where an example says that it stands; else its place in the data set. */
function placeOf(example: unknown, place: string): string {
  const where = (example as { readonly where?: unknown }).where;
  return typeof where === "string" ? where : place;
}

/**
 * Texts alone, checked: strings, or objects with `text`.
 *
 * @throws BertError ERR_INPUT as `checkedSentences`
 */
export function checkedTextsAlone(
  name: string,
  examples: readonly unknown[],
): { readonly where: string; readonly text: string }[] {
  return Array.from(examples, (example, i) => {
    const where = placeOf(example ?? {}, `${name}[${i}]`);
    if (!isText(example)) throw recordError(where, "an example", "a text, as the first is", shown(example));
    if (typeof example === "string") {
      if (!isFilled(example)) throw recordError(where, "a text", TEXT, shown(example));
      return { where, text: example };
    }
    expectKnownNames(where, "field", example, ["where", "text"]);
    return { where, text: textOf(where, example as Readonly<Record<string, unknown>>, "text") };
  });
}

function isScoredExample(example: unknown): boolean {
  return typeof example === "object" && example !== null && ("sentence1" in example || "score" in example);
}

function scoredGroup(where: string, fields: Readonly<Record<string, unknown>>): SentenceGroup {
  expectKnownNames(where, "field", fields, Object.keys(SCORED));
  const { score } = fields;
  if (typeof score !== "number" || !Number.isFinite(score)) throw recordError(where, "score", "a finite number", shown(score)); // biome-ignore format: one line
  return { where, texts: [textOf(where, fields, "sentence1"), textOf(where, fields, "sentence2")], score };
}

function pairGroup(where: string, fields: Readonly<Record<string, unknown>>): SentenceGroup {
  const numbered = Object.keys(fields).filter((field) => NUMBERED.test(field));
  expectKnownNames(where, "field", fields, [...Object.keys(PAIR), ...numbered]);
  const { negative = [] } = fields;
  const several = Array.isArray(negative) ? negative : [negative];
  const wrong = several.findIndex((text) => !isFilled(text));
  if (wrong >= 0) {
    const field = Array.isArray(negative) ? `negative[${wrong}]` : "negative";
    throw recordError(where, field, Array.isArray(negative) ? TEXT : `${TEXT}, or an array of them`, shown(several[wrong])); // biome-ignore format: one line
  }
  const more = numbered.map((field) => textOf(where, fields, field));
  const pair = [textOf(where, fields, "anchor"), textOf(where, fields, "positive")] as const;
  return { where, texts: [...pair, ...(several as string[]), ...more], score: null };
}

const TEXT = "a string that is not blank";
const isFilled = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";

function textOf(where: string, fields: Readonly<Record<string, unknown>>, field: string): string {
  const value = fields[field];
  if (isFilled(value)) return value;
  throw recordError(where, field, TEXT, shown(value));
}
