import { BertError, quote } from "../../errors.ts";
import type { OptionNames } from "../../options.ts";

/**
 * The text of a file, or its lines one by one, each without its "\n". A "\r" before it may stay, and so may a byte
 * order mark at the beginning: the readers take both off.
 */
export type TextLines = string | Iterable<string> | AsyncIterable<string>;

/** Options that all readers of data files have. */
export interface ReadOptions {
  /** What errors call the input: the name of its file. */
  readonly file: string;
  /**
   * Called with each record that is not as it must be, which is then left out. Without it the first such record is an
   * error. A header that is wrong, or quotes that never close, are always errors.
   */
  readonly onBadRecord?: (error: BertError) => void;
}

export const READ_OPTIONS: OptionNames<ReadOptions> = { file: true, onBadRecord: true };

/** A line and its number, from 1. */
export interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

/**
 * The lines of a text that comes in pieces of any size, such as those of `createReadStream(path, "utf8")` or of a
 * `TextDecoderStream`. Only "\n" ends a line. Node's readline also ends one at U+2028, which may stand in the middle of
 * a JSON string.
 */
export async function* linesOf(
  pieces: Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<string, void, undefined> {
  const rest: string[] = [];
  for await (const piece of pieces) {
    const lines = piece.split("\n");
    for (const line of lines.slice(0, -1)) {
      yield rest.length === 0 ? line : rest.join("") + line;
      rest.length = 0;
    }
    rest.push(lines.at(-1)!);
  }
  const last = rest.join("");
  if (last !== "") yield last;
}

/**
 * Lines with their numbers, the byte order mark taken off.
 *
 * @throws BertError ERR_INPUT what is no text, or a line with "\n" inside, which would make every further number wrong
 */
export async function* numberedLines(input: TextLines, file: string): AsyncGenerator<NumberedLine, void, undefined> {
  let number = 0;
  for await (const line of typeof input === "string" ? linesOf([input]) : input) {
    number++;
    if (typeof line !== "string" || line.includes("\n")) {
      const got = shown(line);
      throw recordError(at(file, number), "a line", "a string without its end of line", got);
    }
    yield { number, text: number === 1 && line.startsWith("\ufeff") ? line.slice(1) : line };
  }
}

/** The line without the "\r" of a file whose lines end with "\r\n". */
export function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** Where a record stands, as errors say it: `train.tsv: line 12`. */
export function at(file: string, line: number): string {
  return `${file}: line ${line}`;
}

/** ERR_INPUT: `train.tsv: line 12: label must be "0" or "1", got "2"`. */
export function recordError(
  where: string,
  what: string,
  expected: string,
  got: string,
  options?: ErrorOptions,
): BertError {
  return new BertError("ERR_INPUT", `${where}: ${what} must be ${expected}, got ${got}`, options);
}

/**
 * Runs a step that makes something of one record; a bad record goes to `onBadRecord`, if there is one, and gives
 * undefined.
 */
export function attempt<T>(step: () => T, { onBadRecord }: ReadOptions): T | undefined {
  try {
    return step();
  } catch (error) {
    if (onBadRecord === undefined || !(error instanceof BertError)) throw error;
    onBadRecord(error);
    return undefined;
  }
}

/** A value of a file as messages show it. */
export function shown(value: unknown): string {
  if (value === undefined) return "none";
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** All that a reader gives, as an array: training visits examples in any order. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
