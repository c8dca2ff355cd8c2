import { fstatSync, statSync } from "node:fs";
import { BertError, shown } from "../errors.ts";
import { parseJson } from "../json.ts";
import { expectKnownNames } from "../options.ts";
import { linesOf } from "./lines.ts";
import { flag, type Option, text, UsageError } from "./option.ts";
import { streams } from "./streams.ts";

/** Whether there is nothing to answer: separators, controls and format characters, which the tokenizer removes. */
export function isBlank(text: string): boolean {
  return /^[\p{Z}\p{C}]*$/u.test(text);
}

/** A line of the input, or an argument of the command line. */
export interface Line<Input> {
  /** The line's number in its file, from 1. */
  readonly number: number;
  readonly text: string;
  /** null: the line is blank. */
  readonly input: Input | null;
}

/** How texts become what a pipeline is called with. */
export interface InputForm<Input> {
  /** Whether a blank line is a text like others; else, and between lines of JSON, it has no answer. */
  readonly takesBlanks?: boolean;
  /**
   * From those of the command line.
   *
   * @throws UsageError another number of them
   */
  fromArguments(texts: readonly string[]): readonly Input[];
  /** The input that a line of text is; left out where an input has several fields, whose lines are always JSON. */
  fromLine?(line: string): Input;
  /**
   * The input that a line of JSON is; the pipeline throws if it is of another kind.
   *
   * @param where the line's place, for messages
   * @throws BertError ERR_INPUT an unknown field, or no text, where the pipeline does not see what the line is
   */
  fromJson(value: unknown, where: string): Input;
}

/** Each is a text. */
export const TEXTS: InputForm<string> = {
  fromArguments: (texts) => texts,
  fromLine: (line) => line,
  fromJson: textOf,
};

/** As TEXTS, for tasks that have an answer for a blank one too. */
export const TEXTS_OR_BLANKS: InputForm<string> = { ...TEXTS, takesBlanks: true };

/** Options of every command that reads texts. */
export const INPUT_OPTIONS: { readonly input: Option<string>; readonly jsonl: Option<boolean> } = {
  input: text("FILE", "Read the texts from a file, UTF-8, one in each line; - is standard input, the default.", "file"),
  jsonl: flag("Each line of the input is JSON: a string, or an object with a field text. So is a FILE.jsonl."),
};

/** The options for input of commands whose lines are always JSON. */
export const JSON_INPUT_OPTIONS: { readonly input: Option<string> } = {
  input: text(
    "FILE",
    "Read the inputs from a file, one JSON object in each line; - is standard input, the default.",
    "file",
  ),
};

/** Where inputs come from. */
export interface Source<Input> {
  readonly lines: AsyncIterable<Line<Input>>;
  /** Whether they stand on the command line. */
  readonly given: boolean;
  /** Whether each line is JSON; else it is a text. */
  readonly isJson?: boolean;
  /** How many there are, if they stand on the command line. */
  readonly count: number | null;
  /** Before the message about a wrong input: `lines.txt, line 3: `. */
  place(number: number): string;
  /** The file that they are read from, "-" for standard input; none if they stand on the command line. */
  readonly path?: string;
  /** The size in bytes; null where it is not known. */
  readonly size: number | null;
}

/**
 * The texts of the command line; without any the lines of `--input`, or of standard input.
 *
 * @throws UsageError both, or neither, with a terminal as standard input
 */
export function sourceOf<Input>(
  form: InputForm<Input>,
  positionals: readonly string[],
  { input, jsonl }: { readonly input?: string | undefined; readonly jsonl?: boolean },
): Source<Input> {
  const texts = positionals.length === 1 && positionals[0] === "-" ? [] : positionals;
  if (texts.length > 0) {
    if (input !== undefined) throw new UsageError("expected texts or --input, got both");
    return argumentSource(form.fromArguments(texts), texts);
  }
  if (input === undefined && positionals.length === 0 && streams.stdin.isTTY) {
    throw new UsageError("expected a text, --input FILE, or - to type lines here");
  }
  return lineSource(form, input ?? "-", jsonl === true);
}

function argumentSource<Input>(inputs: readonly Input[], texts: readonly string[]): Source<Input> {
  async function* lines(): AsyncGenerator<Line<Input>> {
    for (const [i, input] of inputs.entries()) yield { number: i + 1, text: texts[i], input };
  }
  const place = (number: number) => (inputs.length === 1 ? "" : `text ${number}: `);
  return { lines: lines(), given: true, count: inputs.length, place, size: null };
}

/** What messages call a file that is read. */
export function nameOf(path: string): string {
  return path === "-" ? "standard input" : path;
}

/** The lines of a file, or of standard input for "-". */
export function lineSource<Input>(form: InputForm<Input>, path: string, jsonl: boolean): Source<Input> {
  const name = nameOf(path);
  const place = (number: number) => `${name}, line ${number}: `;
  const { fromLine } = form;
  const isJson = jsonl || fromLine === undefined || path.endsWith(".jsonl");
  async function* lines(): AsyncGenerator<Line<Input>> {
    let number = 0;
    for await (const group of linesOf(path)) {
      for (const text of group) {
        number++;
        if ((isJson || !form.takesBlanks) && isBlank(text)) yield { number, text, input: null };
        else yield { number, text, input: isJson ? jsonInput(form, text, place(number).slice(0, -2)) : fromLine(text) };
      }
    }
  }
  return { lines: lines(), given: false, isJson, count: null, place, path, size: sizeOf(path) };
}

function jsonInput<Input>(form: InputForm<Input>, line: string, where: string): Input {
  return form.fromJson(parseJson(line, where, "ERR_FILE").value, where);
}

/**
 * The fields of a line of JSON, for a pipeline that takes them as arguments and says which is missing or wrong.
 *
 * @throws BertError ERR_INPUT an unknown field
 */
export function fieldsOf<Input extends object>(
  value: unknown,
  where: string,
  names: readonly (keyof Input & string)[],
): Input {
  if (isObject(value)) expectKnownNames(where, "field", value, names);
  return Object(value) as Input; // what is no object has no fields
}

/** The text that a line of JSON is, or has in its field `text`. */
function textOf(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  if (isObject(value)) expectKnownNames(where, "field", value, ["text"]);
  if (isObject(value) && "text" in value && typeof value.text === "string") return value.text;
  const expected = "a string, or an object with a string in its field text";
  throw new BertError("ERR_INPUT", `${where}: must be ${expected}, got ${shown(value)}`);
}

function sizeOf(path: string): number | null {
  try {
    const { fd } = streams.stdin;
    const stats = path !== "-" ? statSync(path) : fd === undefined ? null : fstatSync(fd);
    return stats?.isFile() ? stats.size : null;
  } catch {
    return null; // reading it says why
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
