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
 * @throws BertError ERR_INPUT, naming the example: neither form, or both
 */
export function pairsOf(examples: readonly Located<RankingExample>[]): LabelledPair[] {
  const groups = new Map<string | number, number>();
  const groupOf = (key: string | number) => groups.get(key) ?? groups.set(key, groups.size).get(key)!;
  return examples.flatMap((example, i) => {
    const { where, query, text, label, score, positive, negative } = example as AnyForm;
    const isPair = text !== undefined;
    const isList = positive !== undefined || negative !== undefined;
    if (isPair === isList) throw recordError(where, "an example", FORMS, isPair ? "both" : "neither");
    if (isPair) {
      if ((label === undefined) === (score === undefined))
        throw recordError(where, "label", "there, or score in its place", label === undefined ? "neither" : "both");
      return [{ where, query, text, target: Number(label ?? score), group: groupOf(query) }];
    }
    if (label !== undefined || score !== undefined)
      throw recordError(where, "label and score", "left out beside positive and negative", shown(label ?? score));
    const group = groupOf(i);
    const all = (texts: string | readonly string[] | undefined, target: number) =>
      [texts ?? []].flat().map((one) => ({ where, query, text: one, target, group }));
    const pairs = [...all(positive, 1), ...all(negative, 0)];
    if (pairs.length > 0) return pairs;
    throw recordError(where, "positive and negative", "at least one text together", "none");
  });
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
    expectOne(named[column] === undefined ? COLUMNS[column] : [named[column]], instead);
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
  if (
    namedTexts.length > 0 ||
    (find("text") === undefined && [positive, ...negatives].some((name) => names.has(name)))
  ) {
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
