import { BertError, listed, printable, quote } from "../../errors.ts";
import type { DataRow } from "./dataRow.ts";
import { typedLabels } from "./labelColumn.ts";
import type { Located } from "./located.ts";
import { recordError, shown } from "./numberedLines.ts";
import type { RankingColumns } from "./textExamples.ts";

/** A query and a text, and how relevant the text is. */
export interface RankingPair {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly query: string;
  readonly text: string;
  /** 1 or true: the text is relevant, 0 or false: it is not; or a number between. */
  readonly label?: number | boolean;
  /** The same as `label`, under the other name that data sets have for it: one of the two. */
  readonly score?: number | boolean;
}

/** A query with texts that are relevant and others, as CrossEncoderRerankingEvaluator takes it. */
export interface RankingLists {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly query: string;
  /** The texts that are relevant. */
  readonly positive?: string | readonly string[];
  /** Those that are not. */
  readonly negative?: string | readonly string[];
}

/** What a reranker learns from. */
export type RankingExample = RankingPair | RankingLists;

/** What a label of a pair must be, as errors say it. */
export const RELEVANCE = "a number from 0 to 1, true or false";

export function isRelevance(value: unknown): value is number | boolean {
  return typeof value === "boolean" || (typeof value === "number" && value >= 0 && value <= 1);
}

/** A query and one text of it. */
export interface LabelledPair {
  readonly where: string;
  readonly query: string;
  readonly text: string;
  /** From 0 to 1. */
  readonly target: number;
  /** What it is ranked with: the number of its list, or of all pairs with the same query. */
  readonly group: number;
}

/**
 * The pairs of examples, those of lists with 1 for what is relevant and 0 for the rest, in the order of the examples.
 *
 * @throws BertError ERR_INPUT, naming the example: neither form, or both; a query or a text that is blank; a text that
 *   is positive and negative
 */
export function pairsOf(examples: readonly Located<RankingExample>[]): LabelledPair[] {
  const groups = new Map<string | number, number>();
  const groupOf = (key: string | number) => groups.get(key) ?? groups.set(key, groups.size).get(key)!;
  return examples.flatMap((example, i) => {
    const { where, query, text, label, score, positive, negative } = example as AnyForm;
    expectFilled(where, "query", query);
    const isPair = text !== undefined;
    const isList = positive !== undefined || negative !== undefined;
    if (isPair === isList) throw recordError(where, "an example", FORMS, isPair ? "both" : "neither");
    if (isPair) {
      if ((label === undefined) === (score === undefined))
        throw recordError(where, "label", "there, or score in its place", label === undefined ? "neither" : "both");
      expectFilled(where, "text", text);
      return [{ where, query, text, target: Number(label ?? score), group: groupOf(query) }];
    }
    if (label !== undefined || score !== undefined)
      throw recordError(where, "label and score", "left out beside positive and negative", shown(label ?? score));
    const group = groupOf(i);
    const all = (name: "positive" | "negative", texts: string | readonly string[] = [], target: number) =>
      [texts].flat().map((one, t) => {
        const field = typeof texts === "string" ? name : `${name}[${t}]`;
        expectFilled(where, field, one);
        if (target === 0 && [positive ?? []].flat().includes(one))
          throw recordError(where, field, "another text than those of positive", shown(one));
        return { where, query, text: one, target, group };
      });
    const pairs = [...all("positive", positive, 1), ...all("negative", negative, 0)];
    if (pairs.length > 0) return pairs;
    throw recordError(where, "positive and negative", "at least one text together", "none");
  });
}

function expectFilled(where: string, field: string, text: string): void {
  if (text.trim() === "") throw recordError(where, field, "a string that is not blank", shown(text));
}

/** Pairs that are relevant in one place and not in another, in a sentence for the log; none where there are none. */
export function contradictions(pairs: readonly LabelledPair[]): string[] {
  const known = new Map<string, LabelledPair>();
  const found = pairs.flatMap((pair) => {
    const key = JSON.stringify([pair.query, pair.text]);
    const first = known.get(key) ?? pair;
    known.set(key, first);
    return Math.abs(first.target - pair.target) === 1 ? [[first.where, pair.where]] : [];
  });
  if (found.length === 0) return [];
  const many = found.length === 1 ? "1 text is" : `${found.length} texts are`;
  return [`${many} relevant to a query in one example and not in another, such as ${found[0].join(" and ")}`];
}

type AnyForm = Located<Omit<Partial<RankingPair & RankingLists>, "query">> & { readonly query: string };

const FORMS = "a query with text and label, or a query with positive and negative";

/** The first of these that a table has holds what the name says: names of data sets of sentence-transformers. */
const COLUMNS = {
  query: ["query", "question", "anchor"],
  text: ["text", "document", "passage", "answer", "response"],
  label: ["label", "labels", "score", "scores"],
} as const;
type Column = keyof typeof COLUMNS;

/**
 * A reranker's examples from rows of a table: pairs where it has a column of texts, else lists. In CSV and TSV a column
 * `positive` or `negative` holds one text, and negatives may go on in `negative_1`, `negative_2`, …
 * or in all columns that are named.
 *
 * @param typed whether values have the types that they have in JSON; else labels are read as pandas reads them
 * @param named the columns that somebody has named
 * @throws BertError ERR_INPUT, naming file and line: a column that is not there, a text that is no string, a label that
 *   is no number from 0 to 1
 */
export function rankingExamples(
  rows: readonly DataRow[],
  file: string,
  typed: boolean,
  named: Partial<Record<Column, string> & RankingColumns>,
): RankingExample[] {
  const names = new Set(rows.flatMap(({ values }) => [...values.keys()]));
  const find = (column: Column) => named[column] ?? COLUMNS[column].find((name) => names.has(name));
  const expectOne = (expected: readonly string[], instead = "") => {
    if (expected.some((name) => names.has(name))) return;
    const got = listed([...names].map(quote));
    const must = `there must be a column ${expected.map(quote).join(" or ")}${instead}`;
    throw new BertError("ERR_INPUT", `${printable(file, 200)}: ${must}, got only ${got}`);
  };
  const need = (column: Column, instead = "") => {
    if (named[column] !== undefined) expectOne([named[column]]);
    else expectOne(COLUMNS[column], `${instead}, unless columns.${column} says which`);
    return find(column) as string;
  };
  const query = need("query");
  const namedTexts = [named.positive ?? [], named.negative ?? []].flat();
  const other = (["text", "label"] as const).find((column) => named[column] !== undefined);
  if (namedTexts.length > 0 && other)
    throw recordError("readExamples", `columns.${other}`, "left out beside those of positive and negative", shown(named[other])); // biome-ignore format: one line
  for (const column of namedTexts) expectOne([column]);
  const positive = named.positive ?? "positive";
  const negatives = [named.negative ?? [...names].filter((name) => /^negative(_\d+)?$/.test(name))].flat();
  if (namedTexts.length > 0 || areLists(rows, find("text"), [positive, ...negatives])) {
    return rows.map((row) => ({
      where: row.where,
      query: textAt(row, query),
      positive: textsAt(row, [positive]),
      negative: textsAt(row, negatives),
    }));
  }
  const text = need("text", ", or positive and negative");
  const label = need("label");
  return (typed ? rows : typedLabels(rows, label).rows).map((row) => {
    const value = row.values.get(label);
    if (!isRelevance(value)) throw recordError(row.where, shown(label), RELEVANCE, shown(value));
    return { where: row.where, query: textAt(row, query), text: textAt(row, text), label: value };
  });
}

/**
 * Whether the rows have texts as lists, as the first row has.
 *
 * @param text  the column of texts of pairs; undefined: there is none
 * @param lists the columns of positive and negative texts
 * @throws BertError ERR_INPUT, naming file and line, a row of the other form
 */
function areLists(rows: readonly DataRow[], text: string | undefined, lists: readonly string[]): boolean {
  const formOf = ({ values }: DataRow) =>
    text !== undefined && values.has(text) ? "pair" : lists.some((name) => values.has(name)) ? "lists" : null;
  const forms = rows.map(formOf);
  const form = forms[0] ?? (text === undefined && forms.includes("lists") ? "lists" : "pair");
  const odd = forms[0] === null ? -1 : forms.findIndex((one) => one !== null && one !== form);
  if (odd < 0) return form === "lists";
  const expected = form === "lists" ? "positive or negative" : shown(text);
  const got = listed([...rows[odd].values.keys()].map((name) => quote(name)));
  throw new BertError("ERR_INPUT", `${rows[odd].where}: there must be a column ${expected}, as ${rows[0].where} has, got only ${got}`); // biome-ignore format: one line
}

function textAt({ where, values }: DataRow, column: string): string {
  const value = values.get(column);
  if (typeof value === "string") return value;
  throw recordError(where, shown(column), "a string", shown(value));
}

/** The texts of some columns, each of which has one, an array of them, or none: it is empty, null or left out. */
function textsAt({ where, values }: DataRow, columns: readonly string[]): string[] {
  return columns.flatMap((column) => {
    const value = values.get(column) ?? "";
    const texts = value === "" ? [] : [value].flat();
    const wrong = texts.find((text) => typeof text !== "string");
    if (wrong === undefined) return texts as string[];
    throw recordError(where, shown(column), "a string or an array of strings", shown(wrong));
  });
}
