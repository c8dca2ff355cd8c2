import { shown as anyShown, BertError, listed, printable, quote } from "../../errors.ts";
import { expectKnownNames, nearest } from "../../options.ts";
import { type DataRow, textIn, valueIn } from "./dataRow.ts";
import { decimalOf } from "./labels.ts";
import { recordError, shown } from "./numberedLines.ts";
import { NUMBERED, type SentenceExample } from "./sentenceExamples.ts";
import { columnText, isColumn } from "./textExamples.ts";

/** Which columns hold what. */
export interface SentenceColumns {
  readonly anchor: string;
  readonly positive: string;
  /** One column, or several. */
  readonly negative: string | readonly string[];
  readonly sentence1: string;
  readonly sentence2: string;
  readonly score: string;
  /** Of texts alone, for a teacher. */
  readonly text: string;
}
type Column = Exclude<keyof SentenceColumns, "negative">;

/** What columns are usually called, the first that there is. */
const USUAL: Readonly<Record<keyof SentenceColumns, readonly string[]>> = {
  anchor: ["anchor", "query", "question"],
  positive: ["positive", "answer"],
  negative: ["negative", "negatives"],
  sentence1: ["sentence1"],
  sentence2: ["sentence2"],
  score: ["score", "label"],
  text: ["text"],
};

/** The columns that examples of each kind must have; a table that has those of several is of the first. */
const KINDS = {
  "scored pairs": ["sentence1", "sentence2", "score"],
  pairs: ["anchor", "positive"],
  "texts alone": ["text"],
} as const satisfies Record<string, readonly Column[]>;
type Kind = keyof typeof KINDS;
const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

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
 * @throws BertError ERR_INPUT, naming file and line: columns that are not there, or in another spelling; a row of
 *   another kind than the first; a text that is none; a score that is no number
 */
export function sentenceExamples(
  rows: readonly DataRow[],
  file: string,
  columns: Partial<SentenceColumns> = {},
): SentenceExample[] {
  expectSentenceColumns("readExamples", columns);
  if (rows.length === 0) return [];
  const names = [...new Set(rows.flatMap(({ values }) => [...values.keys()]))];
  const named = namedKind(file, names, columns);
  const columnOf = (name: Column) => columns[name] ?? USUAL[name].find((one) => names.includes(one)) ?? name;
  const kind = kindOfRows(rows, named, columnOf);
  if (kind === null) throw withoutColumns(rows, file, names);
  if (kind === "scored pairs") {
    const [sentence1, sentence2, score] = KINDS[kind].map(columnOf);
    return rows.map((row) => ({
      where: row.where,
      sentence1: textIn(row, sentence1),
      sentence2: textIn(row, sentence2),
      score: scoreIn(row, score),
    }));
  }
  if (kind === "texts alone") return rows.map((row) => ({ where: row.where, text: textIn(row, columnOf("text")) }));
  const [anchor, positive] = KINDS[kind].map(columnOf);
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
 * The kind of examples that columns are named of, so that none is named without effect; null: none is named. `text` may
 * be named beside columns of another kind, as a file of texts for a teacher may go with one of pairs to evaluate with:
 * a file is then of the kind whose columns it has.
 *
 * @throws BertError ERR_INPUT a column that the file does not have; columns of two kinds
 */
function namedKind(file: string, names: readonly string[], columns: Partial<SentenceColumns>): Kind | null {
  const wrong = (what: string) => new BertError("ERR_INPUT", `${printable(file, 200)}: ${what}`);
  const missingOf = (name: string) => [columns[name as Column]].flat().find((one) => !names.includes(one as string));
  const all = Object.keys(columns).filter((name) => columns[name as Column] !== undefined);
  const others = all.filter((name) => name !== "text");
  const areOfOthers = others.some((name) => missingOf(name) === undefined);
  const areOfTexts = columns.text !== undefined && names.includes(columns.text);
  const given = areOfTexts === areOfOthers ? all : areOfTexts ? ["text"] : others;
  for (const name of given) {
    const missing = missingOf(name);
    if (missing === undefined) continue;
    const got = listed(names.map((one) => quote(one)));
    throw wrong(`there must be a column ${quote(missing)}, as columns.${name} says, got only ${got}`);
  }
  if (given.length === 0) return null;
  // The column of negatives, which pairs need not have, is theirs too.
  const kindOf = (name: string) => KIND_NAMES.find((kind) => KINDS[kind].some((one) => one === name)) ?? "pairs";
  const [kind, ...kinds] = given.map(kindOf);
  const other = kinds.findIndex((one) => one !== kind) + 1;
  if (other === 0) return kind;
  throw wrong(`columns.${given[0]} is of ${kind}, columns.${given[other]} of ${kinds[other - 1]}: name columns of one kind`); // biome-ignore format: one line
}

/**
 * The kind of the first row, and so of all.
 *
 * @returns null: there are no columns of any kind
 * @throws BertError ERR_INPUT, naming file and line, a row of another kind
 */
function kindOfRows(rows: readonly DataRow[], named: Kind | null, columnOf: (name: Column) => string): Kind | null {
  const fits = (there: readonly string[], kind: Kind): boolean => {
    const isPart = kind === "texts alone" && named === null && KINDS.pairs.some((name) => there.includes(columnOf(name))); // biome-ignore format: one line
    return !isPart && KINDS[kind].every((name) => there.includes(columnOf(name)));
  };
  const kindOf = (there: readonly string[]) =>
    (named === null ? KIND_NAMES : [named]).find((kind) => fits(there, kind));
  const columns = rows.map(({ values }) => [...values.keys()]);
  const kind = kindOf(columns[0]);
  if (kind === undefined) return kindOf([...new Set(columns.flat())]) ?? null; // the first row lacks a column
  const odd = columns.findIndex((there) => !fits(there, kind) && kindOf(there) !== undefined);
  if (odd < 0) return kind;
  const expected = listed(KINDS[kind].map((name) => quote(columnOf(name))));
  const got = listed(columns[odd].map((name) => quote(name)));
  throw new BertError("ERR_INPUT", `${rows[odd].where}: there must be columns ${expected}, as ${rows[0].where} has, got only ${got}`); // biome-ignore format: one line
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
  const expected = `"anchor" and "positive", or "sentence1", "sentence2" and "score", or with a teacher "text", unless columns.anchor and the like say which`;
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
