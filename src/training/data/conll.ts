import { expectKnownOptions, type OptionNames } from "../../options.ts";
import type { Located } from "./located.ts";
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

export interface ConllOptions extends ReadOptions {
  /**
   * Which column has the tags, from 0; negative numbers count from the end. Default −1, the last: in CoNLL-2003 the
   * entities.
   */
  readonly tagColumn?: number;
  /** Which column has the words. Default 0. */
  readonly wordColumn?: number;
}

/** A sentence of tagged words. */
export interface TaggedSentence {
  /** Where the sentence begins, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly words: readonly string[];
  /**
   * One tag for each word, as the file has them: IOB1 ("I-PER" begins an entity) and IOB2 ("B-PER" does) alike. A whole
   * number is the index of a tag among `labels`.
   */
  readonly tags: readonly (string | number)[];
}

/** Whether a value is a tag. */
export function isTag(value: unknown): value is string | number {
  return typeof value === "string" || (Number.isSafeInteger(value) && (value as number) >= 0);
}

/**
 * Sentences of a file in the form of CoNLL-2003 (Tjong Kim Sang & De Meulder 2003): a word on each line with its tags
 * in columns between single spaces or tabs, an empty line after each sentence. Lines that begin with "-DOCSTART-" stand
 * between documents and are left out. Every line has as many columns as the first.
 *
 * @throws BertError ERR_INPUT, naming file and line: a column that is not there, another number of columns, an empty
 *   field. With `onBadRecord` the rest of the sentence is still read, but the sentence is left out.
 * @example
 * const text = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n";
 * for await (const { words, tags } of readConll(text, { file: "train.txt" })) tags; // ["B-ORG", "O"]
 */
export async function* readConll(
  input: TextLines,
  options: ConllOptions,
): AsyncGenerator<TaggedSentence, void, undefined> {
  const names: OptionNames<ConllOptions> = { ...READ_OPTIONS, tagColumn: true, wordColumn: true };
  expectKnownOptions("readConll", options, names);
  const { file, wordColumn = 0, tagColumn = -1 } = options;
  let sentence: { where: string; words: string[]; tags: string[]; bad: boolean } | undefined;
  let width: number | undefined;
  for await (const { number, text } of numberedLines(input, file)) {
    const line = withoutReturn(text);
    if (/^[ \t]*$/.test(line) || /^-DOCSTART-(?![^ \t])/.test(line)) {
      if (sentence && !sentence.bad) yield finished(sentence);
      sentence = undefined;
      continue;
    }
    const where = at(file, number);
    sentence ??= { where, words: [], tags: [], bad: false };
    const current = sentence;
    const good = attempt(() => {
      const columns = columnsOf(where, line);
      width ??= columns.length;
      if (columns.length !== width)
        throw recordError(where, "the number of columns", `${width} as before`, `${columns.length}`);
      current.words.push(columnAt(where, "wordColumn", columns, wordColumn));
      current.tags.push(columnAt(where, "tagColumn", columns, tagColumn));
      return true;
    }, options);
    if (!good) current.bad = true;
  }
  if (sentence && !sentence.bad) yield finished(sentence);
}

function finished({ where, words, tags }: Located<TaggedSentence>): TaggedSentence {
  return { where, words, tags };
}

/** Between tabs if there is one, so that a word may hold a space, else between spaces. */
function columnsOf(where: string, line: string): string[] {
  const columns = line.split(line.includes("\t") ? "\t" : " ");
  if (columns.includes("")) throw recordError(where, "a column", "something between single spaces or tabs", "nothing");
  return columns;
}

function columnAt(where: string, option: string, columns: readonly string[], index: number): string {
  const value = Number.isInteger(index) ? columns.at(index) : undefined;
  if (value !== undefined) return value;
  const { length } = columns;
  throw recordError(where, option, `a column, from ${-length} to ${length - 1}`, shown(index));
}
