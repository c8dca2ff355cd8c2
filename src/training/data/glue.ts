import { listed } from "../../errors.ts";
import { expectChoice, expectKnownOptions } from "../../options.ts";
import type { DataRow } from "./dataRow.ts";
import { namesOf, rowOf } from "./delimited.ts";
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
import { type TextColumns, type TextExample, textExample } from "./textExamples.ts";

/** The nine tasks of GLUE (Wang et al. 2018), named as Hugging Face's `glue` data set names them. */
export type GlueTask = "cola" | "sst2" | "mrpc" | "qqp" | "stsb" | "mnli" | "qnli" | "rte" | "wnli";

/** How a task's files look. */
interface GlueFiles {
  readonly columns: Required<Pick<TextColumns, "text" | "label">> & TextColumns;
  /**
   * The label as the file writes it → its name in Hugging Face's data set, in the order of their numbers; null for a
   * score.
   */
  readonly labels: ReadonlyMap<string, string> | null;
}

const pair = (first: string, second: string, label: string) => ({ text: first, text_pair: second, label });
const asWritten = (...names: string[]) => new Map(names.map((name) => [name, name]));
const numbered = (...names: string[]) => new Map(names.map((name, i) => [String(i), name]));

/** The files' columns and names of labels from Hugging Face's glue.py, and which text is first from run_glue.py. */
const FILES: Readonly<Record<GlueTask, GlueFiles>> = {
  cola: { columns: { text: "sentence", label: "label" }, labels: numbered("unacceptable", "acceptable") },
  sst2: { columns: { text: "sentence", label: "label" }, labels: numbered("negative", "positive") },
  mrpc: { columns: pair("#1 String", "#2 String", "Quality"), labels: numbered("not_equivalent", "equivalent") },
  qqp: { columns: pair("question1", "question2", "is_duplicate"), labels: numbered("not_duplicate", "duplicate") },
  stsb: { columns: pair("sentence1", "sentence2", "score"), labels: null },
  mnli: {
    columns: pair("sentence1", "sentence2", "gold_label"),
    labels: asWritten("entailment", "neutral", "contradiction"),
  },
  qnli: { columns: pair("question", "sentence", "label"), labels: asWritten("entailment", "not_entailment") },
  rte: { columns: pair("sentence1", "sentence2", "label"), labels: asWritten("entailment", "not_entailment") },
  wnli: { columns: pair("sentence1", "sentence2", "label"), labels: numbered("not_entailment", "entailment") },
};

/**
 * The columns of CoLA's train.tsv and dev.tsv, the only files of GLUE without a header: source, label, the author's
 * mark, sentence.
 */
const COLA_COLUMNS = ["source", "label", "mark", "sentence"];

/**
 * The labels of a task as the config of a model names them, the one with index 0 first; null for stsb, a score from 0
 * to 5.
 */
export function glueLabels(task: GlueTask): string[] | null {
  const { labels } = filesOf(task);
  return labels && [...labels.values()];
}

/**
 * Examples of one of GLUE's own files: train.tsv, dev.tsv or test.tsv, of MNLI dev_matched.tsv, dev_mismatched.tsv and
 * so on. They have tabs and no quoting. Columns are found by the header; a file without the column of labels, as all
 * test files are, gives examples without labels. Labels get the names that Hugging Face's data set gives them:
 * "acceptable" where CoLA has 1.
 *
 * QQP's train.tsv has a few records that are cut in the middle. Hugging Face's loader drops them without a word; here
 * they are errors unless `onBadRecord` takes them.
 *
 * @throws BertError ERR_INPUT an unknown task; naming file and line: a header without the columns of the texts, a
 *   record with another number of fields than the header, a label that the task does not have, a score that is no
 *   number from 0 to 5
 */
export async function* readGlue(
  input: TextLines,
  task: GlueTask,
  options: ReadOptions,
): AsyncGenerator<TextExample, void, undefined> {
  expectKnownOptions("readGlue", options, READ_OPTIONS);
  const files = filesOf(task);
  const { file } = options;
  let columns: readonly string[] | undefined;
  for await (const { number, text } of numberedLines(input, file)) {
    if (withoutReturn(text) === "") continue; // as glue.py's csv reader
    const where = at(file, number);
    const fields = withoutReturn(text).split("\t");
    const isFirst = columns === undefined;
    columns ??= task === "cola" && fields.length === COLA_COLUMNS.length ? COLA_COLUMNS : headerOf(where, task, fields);
    if (isFirst && columns !== COLA_COLUMNS) continue;
    const names = columns;
    const example = attempt(() => glueExample(rowOf(where, names, fields), files), options);
    if (example) yield example;
  }
  if (columns === undefined) throw recordError(file, "the first line", `that of a file of ${task}`, "none");
}

function headerOf(where: string, task: GlueTask, header: readonly string[]): readonly string[] {
  const { text, text_pair } = FILES[task].columns;
  const wanted = text_pair === undefined ? [text] : [text, text_pair];
  if (wanted.every((name) => header.includes(name))) return namesOf(where, header);
  const expected = `that of a file of ${task}, with ${wanted.map(shown).join(" and ")}`;
  throw recordError(where, "the header", expected, listed(header.map(shown)));
}

function glueExample(row: DataRow, { columns, labels }: GlueFiles): TextExample {
  const { where } = row;
  if (!row.values.has(columns.label)) {
    const { label: _, ...texts } = columns;
    return textExample(row, texts);
  }
  const example = textExample(row, columns);
  const label = example.label as string;
  if (labels === null) {
    const score = label.trim() === "" ? Number.NaN : Number(label);
    if (!(score >= 0 && score <= 5)) throw recordError(where, columns.label, "a number from 0 to 5", shown(label));
    return { ...example, label: score };
  }
  const name = labels.get(label);
  if (name === undefined) {
    throw recordError(where, columns.label, [...labels.keys()].map(shown).join(" or "), shown(label));
  }
  return { ...example, label: name };
}

function filesOf(task: GlueTask): GlueFiles {
  return FILES[expectChoice("readGlue", "task", task, Object.keys(FILES) as GlueTask[])];
}
