import { readText } from "../../disk/files.ts";
import { BertError, listed, printable, quote } from "../../errors.ts";
import { expectKnownOptions, type OptionNames } from "../../options.ts";
import { isTag, readConll, type TaggedSentence } from "./conll.ts";
import { type DataRow, textIn } from "./dataRow.ts";
import { readDelimited } from "./delimited.ts";
import { type GlueTask, readGlue } from "./glue.ts";
import { readJsonRows, writesFloats } from "./jsonLines.ts";
import { typedLabels } from "./labelColumn.ts";
import { collect, recordError, shown } from "./numberedLines.ts";
import { type RankingExample, rankingExamples } from "./rankingExamples.ts";
import { type ChoiceExample, readMultipleChoice } from "./readMultipleChoice.ts";
import { type SentenceColumns, sentenceExamples } from "./sentenceColumns.ts";
import type { SentenceExample } from "./sentenceExamples.ts";
import { readSquad, type SquadExample } from "./squad.ts";
import { expectTask, type FinetuneTask } from "./taskModels.ts";
import { expectColumns, type RankingColumns, readTexts, type TextColumns, type TextExample } from "./textExamples.ts";
import { isOfLines, textLines } from "./textLines.ts";

/** What an example of each task is. */
export interface TaskExamples {
  "text-classification": TextExample;
  "token-classification": TaggedSentence;
  "question-answering": SquadExample;
  "multiple-choice": ChoiceExample;
  "next-sentence-prediction": TextExample;
  "text-ranking": RankingExample;
  "fill-mask": string;
  "sentence-embedding": SentenceExample;
}

export type { FinetuneTask } from "./taskModels.ts";

export interface ReadExamplesOptions {
  /** The files are GLUE's own, of this task. */
  readonly glueTask?: GlueTask | undefined;
  /**
   * Which columns of a table hold what. Default: `text` or `sentence1`, `text_pair` or `sentence2`, `label`; of
   * fill-mask `text` alone; of text-ranking `query`, `text` and `label` or `score`, or `query`, `positive` and
   * `negative`; of sentence-embedding `anchor`, `positive`, `negative` or `sentence1`, `sentence2`, `score`, with a
   * teacher `text` too.
   */
  readonly columns?: Partial<TextColumns & RankingColumns & SentenceColumns> | undefined;
}

/** Examples of a file, and what its labels are. */
export interface FileExamples<T extends FinetuneTask> {
  readonly examples: TaskExamples[T][];
  /** Whether the file writes the labels as floats: 1.0, which in JavaScript is no other number than 1. */
  readonly areFloats: boolean;
}

/**
 * The examples of a task in a file, by the ending of its name:
 *
 * | task | files |
 * |---|---|
 * | text-classification | `.jsonl`, `.json`, `.csv`, `.tsv` with columns; GLUE's own by `glueTask` |
 * | text-ranking | `.jsonl`, `.json`, `.csv`, `.tsv` with columns |
 * | next-sentence-prediction | `.jsonl`, `.json`, `.csv`, `.tsv` with columns |
 * | token-classification | any, in the form of CoNLL-2003; `.jsonl`, `.json` with `tokens` and `ner_tags` or `tags` |
 * | question-answering | `.json` of SQuAD; `.jsonl`, `.json` with its columns in Hugging Face's data set |
 * | multiple-choice | `.jsonl`, `.json`, `.csv`, `.tsv` with the columns of SWAG |
 * | fill-mask | `.jsonl`, `.json`, `.csv`, `.tsv` with a column of texts; any other with a text in each line |
 * | sentence-embedding | `.jsonl`, `.json`, `.csv`, `.tsv` with columns; `.txt` with texts alone, line by line |
 *
 * A `.json` or `.jsonl` has an object on each line, an array of objects, or an object with such an array as `data`.
 *
 * @throws BertError ERR_FILE it cannot be read; ERR_INPUT, naming file and line, a record that is not as it must be, or
 *   no examples
 */
export async function readExamples<T extends FinetuneTask>(
  task: T,
  file: string,
  options: ReadExamplesOptions = {},
): Promise<TaskExamples[T][]> {
  const names: OptionNames<ReadExamplesOptions> = { glueTask: true, columns: true };
  expectKnownOptions("readExamples", options, names);
  if (options.columns !== undefined && isOfLines(task, file))
    throw recordError("readExamples", "columns", "left out for a file with a text in each line", quote(file));
  return (await readFileExamples("readExamples", task, file, options)).examples;
}

/** As `readExamples`. @param where the function that errors name */
export async function readFileExamples<T extends FinetuneTask>(
  where: string,
  task: T,
  file: string,
  options: ReadExamplesOptions,
): Promise<FileExamples<T>> {
  expectTask(where, task);
  const read = await readFileText(task, file, await readText(file), options);
  if (read.examples.length > 0) return read as FileExamples<T>;
  throw new BertError("ERR_INPUT", `${printable(file, 200)}: must have at least one example, has none`);
}

/** The examples in the text of a file. */
export async function readFileText(
  task: FinetuneTask,
  file: string,
  text: string,
  { glueTask, columns }: ReadExamplesOptions,
): Promise<FileExamples<FinetuneTask>> {
  const classes = (examples: TaskExamples[FinetuneTask][]) => ({ examples, areFloats: false });
  switch (task) {
    case "text-classification":
      if (glueTask !== undefined) return classes(await collect(readGlue(text, glueTask, { file })));
      return readTable(text, file, columns);
    case "next-sentence-prediction":
      return readTable(text, file, columns);
    case "text-ranking": {
      expectColumns("readExamples", columns ?? {}, task);
      const { rows, depth } = await rowsOf(text, file);
      return classes(rows.length === 0 ? [] : rankingExamples(rows, file, depth !== undefined, columns ?? {}));
    }
    case "token-classification":
      return classes(JSON_FILE.test(file) ? readTagged(text, file) : await collect(readConll(text, { file })));
    case "question-answering":
      return classes(readSquad(text, { file }));
    case "multiple-choice":
      return classes(await collect(readMultipleChoice(each((await rowsOf(text, file)).rows), { file })));
    case "fill-mask":
      if (isOfLines(task, file)) return classes(textLines(text, file).map((line) => line.text));
      return classes(await readTextColumn(text, file, columns));
    case "sentence-embedding":
      if (isOfLines(task, file)) return classes(textLines(text, file));
      return classes(sentenceExamples((await rowsOf(text, file)).rows, file, columns));
  }
}

const JSON_FILE = /\.jsonl?$/;

/** The rows of a table; of JSON, how many brackets are open around the members of each. */
async function rowsOf(text: string, file: string): Promise<{ rows: readonly DataRow[]; depth?: number }> {
  if (JSON_FILE.test(file)) return readJsonRows(text, file);
  if (file.endsWith(".csv")) return { rows: await collect(readDelimited(text, { file })) };
  if (file.endsWith(".tsv")) return { rows: await collect(readDelimited(text, { file, delimiter: "\t" })) };
  throw new BertError("ERR_INPUT", `readExamples: file must end in .jsonl, .json, .csv or .tsv, got ${quote(file)}`);
}

/** The texts of one column that are not blank. */
async function readTextColumn(text: string, file: string, columns: Partial<TextColumns> = {}): Promise<string[]> {
  expectColumns("readExamples", columns, "fill-mask");
  const { rows } = await rowsOf(text, file);
  if (rows.length === 0) return [];
  const isThere = (name: string) => rows.some(({ values }) => values.has(name));
  const column = columns.text ?? COLUMNS.text.find(isThere) ?? "text";
  expectFound(rows, file, { text: column }, columns);
  return rows.map((row) => textIn(row, column)).filter((one) => one.trim() !== "");
}

/** Which columns of a table hold what, where nobody says so: the first of these that there is. */
const COLUMNS = {
  text: ["text", "sentence1", "sentence"],
  text_pair: ["text_pair", "sentence2"],
  label: ["label", "labels"],
} as const;

/** Reads a table by the columns that `columns` names, or by the usual ones that it has. */
async function readTable(
  text: string,
  file: string,
  columns: Partial<TextColumns> = {},
): Promise<FileExamples<"text-classification">> {
  expectColumns("readExamples", columns, "text-classification");
  const { rows, depth } = await rowsOf(text, file);
  if (rows.length === 0) return { examples: [], areFloats: false };
  const found = columnsOf(rows, file, columns);
  expectFound(rows, file, found, columns);
  expectPairs(rows, found);
  const { label } = found;
  const typed =
    depth === undefined
      ? typedLabels(rows, label)
      : { rows, areFloats: areAllNumbers(rows, label) && writesFloats(text, label, depth) };
  return { examples: await collect(readTexts(each(typed.rows), found, { file })), areFloats: typed.areFloats };
}

function columnsOf(
  rows: readonly DataRow[],
  file: string,
  columns: Partial<TextColumns>,
): TextColumns & { readonly label: string } {
  const all = new Set<string>();
  for (const { values } of rows) for (const name of values.keys()) all.add(name);
  const names = [...all];
  const first = (column: keyof typeof COLUMNS) => COLUMNS[column].find((name) => names.includes(name));
  const pair = columns.text_pair ?? (columns.text === undefined ? first("text_pair") : undefined);
  const found = {
    text: columns.text ?? first("text") ?? "text",
    ...(pair !== undefined && { text_pair: pair }),
    label: columns.label ?? first("label") ?? "label",
  };
  if (columns.text === undefined) {
    // A file may have any other columns; but one that is ours in another spelling would be left out unseen.
    const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, "");
    const known = Object.values(COLUMNS).flat();
    for (const name of names.filter((other) => !Object.values(found).includes(other))) {
      const meant = known.find((other) => name !== other && plain(name) === plain(other));
      if (meant === undefined || names.includes(meant)) continue;
      throw new BertError(
        "ERR_INPUT",
        `${printable(file, 200)}: unknown column ${quote(name)}; did you mean ${quote(meant)}?`,
      );
    }
  }
  return found;
}

/** @throws BertError ERR_INPUT a file without a column of texts, or of labels where there must be one */
function expectFound(rows: readonly DataRow[], file: string, found: TextColumns, named: Partial<TextColumns>): void {
  for (const column of ["text", "label"] as const) {
    const name = found[column];
    if (name === undefined) continue;
    if (rows.some(({ values }) => values.has(name))) continue;
    const usual = COLUMNS[column].map((one) => quote(one));
    const expected =
      named[column] !== undefined
        ? quote(name)
        : `${usual.slice(0, -1).join(", ")} or ${usual.at(-1)}, unless columns.${column} says which`;
    const names = [...rows[0].values.keys()];
    const place = JSON_FILE.test(file) ? rows[0].where : `${printable(file, 200)}: the header`;
    throw new BertError(
      "ERR_INPUT",
      `${place}: there must be a column ${expected}, got only ${listed(names.map(quote))}${separatorHint(file, names)}`,
    );
  }
}

/** @throws BertError ERR_INPUT, naming file and line, the first pair where the first row has one text */
function expectPairs(rows: readonly DataRow[], { text_pair: name }: TextColumns): void {
  if (name === undefined || rows[0].values.has(name)) return;
  const odd = rows.find(({ values }) => values.has(name));
  if (odd) throw recordError(odd.where, shown(name), `left out, as ${rows[0].where} has none`, shown(odd.values.get(name))); // biome-ignore format: one line
}

/** What is said where all fields of a header seem to be one. */
function separatorHint(file: string, names: readonly string[]): string {
  const separator = JSON_FILE.test(file) || names.length > 1 ? undefined : /[;\t,|]/.exec(names[0])?.[0];
  if (separator === undefined) return "";
  const [own, ending] = file.endsWith(".tsv") ? ["a tab", ".tsv"] : ["a comma", ".csv"];
  return `; in a ${ending} file ${own} stands between fields, not ${separator === "\t" ? "a tab" : quote(separator)}`;
}

function areAllNumbers(rows: readonly DataRow[], column: string): boolean {
  return rows.every(({ values }) => typeof values.get(column) === "number");
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function readTagged(text: string, file: string): TaggedSentence[] {
  return readJsonRows(text, file).rows.map((row): TaggedSentence => {
    const words = listIn(row, ["tokens", "words"], (word) => typeof word === "string");
    const tags = listIn(row, ["ner_tags", "tags"], isTag) as (string | number)[];
    if (words.length !== tags.length) {
      throw recordError(row.where, "the number of tags", `that of the words, ${words.length}`, String(tags.length));
    }
    return { where: row.where, words: words as string[], tags };
  });
}

function listIn({ where, values }: DataRow, names: readonly string[], fits: (item: unknown) => boolean): unknown[] {
  const name = names.find((known) => values.has(known)) ?? names[0];
  const list = values.get(name);
  if (Array.isArray(list) && list.length > 0 && list.every(fits)) return list;
  const items = fits(0) ? "strings or whole numbers" : "strings";
  const wrong = Array.isArray(list) ? list.find((item) => !fits(item)) : undefined;
  throw recordError(where, quote(name), `an array of ${items}, at least one`, shown(wrong ?? list));
}
