import { readText } from "../../disk/files.ts";
import { BertError } from "../../errors.ts";
import { readConll, type TaggedSentence } from "./conll.ts";
import type { DataRow } from "./dataRow.ts";
import { readDelimited } from "./delimited.ts";
import { type GlueTask, readGlue } from "./glue.ts";
import { readJsonLines } from "./jsonLines.ts";
import { collect } from "./numberedLines.ts";
import { type ChoiceExample, readMultipleChoice } from "./readMultipleChoice.ts";
import { readSquad, type SquadExample } from "./squad.ts";
import { readTexts, type TextColumns, type TextExample } from "./textExamples.ts";

/** What an example of each task is. */
export interface TaskExamples {
  "text-classification": TextExample;
  "token-classification": TaggedSentence;
  "question-answering": SquadExample;
  "multiple-choice": ChoiceExample;
  "next-sentence-prediction": TextExample;
  "fill-mask": string;
}

export type FinetuneTask = keyof TaskExamples;

export interface ReadExamplesOptions {
  /** The files are GLUE's own, of this task. */
  readonly glueTask?: GlueTask | undefined;
  /** Which columns of a table hold what. Default: `text` or `sentence1`, `text_pair` or `sentence2`, `label`. */
  readonly columns?: Partial<TextColumns> | undefined;
}

/**
 * The examples of a task in a file, by the ending of its name:
 *
 * | task | files |
 * |---|---|
 * | text-classification, next-sentence-prediction | `.jsonl`, `.csv`, `.tsv` with columns; GLUE's own by `glueTask` |
 * | token-classification | any, in the form of CoNLL-2003; `.jsonl` with `tokens` and `ner_tags` or `tags` |
 * | question-answering | `.json` of SQuAD |
 * | multiple-choice | `.jsonl`, `.csv`, `.tsv` with the columns of SWAG |
 * | fill-mask | any: a text in each line that is not blank |
 *
 * @throws BertError ERR_FILE it cannot be read; ERR_INPUT, naming file and line, a record that is not as it must be, or
 *   no examples
 */
export async function readExamples<T extends FinetuneTask>(
  task: T,
  file: string,
  options: ReadExamplesOptions = {},
): Promise<TaskExamples[T][]> {
  const examples = await read(task, file, await readText(file), options);
  if (examples.length > 0) return examples as TaskExamples[T][];
  throw new BertError("ERR_INPUT", `${file}: must have at least one example, has none`);
}

async function read(
  task: FinetuneTask,
  file: string,
  text: string,
  { glueTask, columns }: ReadExamplesOptions,
): Promise<TaskExamples[FinetuneTask][]> {
  switch (task) {
    case "text-classification":
      if (glueTask !== undefined) return collect(readGlue(text, glueTask, { file }));
      return readTable(text, file, columns);
    case "next-sentence-prediction":
      return readTable(text, file, columns);
    case "token-classification":
      return /\.jsonl?$/.test(file) ? readTagged(text, file) : collect(readConll(text, { file }));
    case "question-answering":
      return readSquad(text, { file });
    case "multiple-choice":
      return collect(readMultipleChoice(rowsOf(text, file), { file }));
    case "fill-mask":
      return text.split(/\r?\n/).filter((line) => line.trim() !== "");
  }
}

function rowsOf(text: string, file: string): AsyncIterable<DataRow> {
  if (/\.jsonl?$/.test(file)) return readJsonLines(text, { file });
  if (file.endsWith(".csv")) return readDelimited(text, { file });
  if (file.endsWith(".tsv")) return readDelimited(text, { file, delimiter: "\t" });
  throw new BertError(
    "ERR_INPUT",
    `readExamples: file must end in .jsonl, .json, .csv or .tsv, got ${JSON.stringify(file)}`,
  );
}

/** Reads a table by the columns that `columns` names, or by those of the usual ones that the first row has. */
async function readTable(text: string, file: string, columns: Partial<TextColumns> = {}): Promise<TextExample[]> {
  const rows = await collect(rowsOf(text, file));
  if (rows.length === 0) return [];
  const first = (...names: string[]) => names.find((name) => rows[0].values.has(name));
  const textPair = columns.textPair ?? (columns.text === undefined ? first("text_pair", "sentence2") : undefined);
  const found: TextColumns = {
    text: columns.text ?? first("text", "sentence1", "sentence") ?? "text",
    ...(textPair !== undefined && { textPair }),
    label: columns.label ?? first("label", "labels") ?? "label",
  };
  return collect(readTexts(each(rows), found, { file }));
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function readTagged(text: string, file: string): Promise<TaggedSentence[]> {
  const sentences: TaggedSentence[] = [];
  for await (const { where, values } of readJsonLines(text, { file })) {
    const [words, tags] = [values.get("tokens") ?? values.get("words"), values.get("ner_tags") ?? values.get("tags")];
    const isList = (list: unknown): list is unknown[] => Array.isArray(list) && list.length > 0;
    if (
      !isList(words) ||
      !isList(tags) ||
      words.length !== tags.length ||
      !words.every((word) => typeof word === "string")
    ) {
      throw new BertError("ERR_INPUT", `${where}: "tokens" and "ner_tags" must be arrays of one length, of strings`);
    }
    sentences.push({ where, words, tags: tags.map(String) });
  }
  return sentences;
}
