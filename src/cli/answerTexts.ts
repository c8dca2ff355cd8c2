import { throughLinks } from "../disk/files.ts";
import { withOutput } from "../disk/outputLock.ts";
import { BertError } from "../errors.ts";
import { answerLines, bytesOf } from "./answerLines.ts";
import { expectUnread, weightsOf } from "./expectUnread.ts";
import { csv, type Ending, endingOf, type Flat, type Format, jsonLines } from "./format.ts";
import type { Line, Source } from "./input.ts";
import { beforeInterrupt } from "./interrupt.ts";
import { flag, type Option, text } from "./option.ts";
import { jsonLine, print, styled } from "./output.ts";
import { PartialFile, partialNames } from "./partialFile.ts";
import { Progress } from "./progressBar.ts";

/** Options of every command that answers texts. */
export const OUTPUT_OPTIONS: {
  readonly json: Option<boolean>;
  readonly output: Option<string>;
  readonly restart: Option<boolean>;
} = {
  json: flag(
    "Print a line of JSON for each text, as the library's pipeline gives it; what lines are answered with always is.",
  ),
  output: text(
    "FILE",
    "Write to a file instead, by its name's ending .jsonl or .csv. It appears when it is whole. If the work is cut short, what is done stays in FILE.partial, and the same command goes on there.",
    "file",
  ),
  restart: flag("Begin anew where FILE.partial has part of the work."),
};

export interface OutputValues {
  readonly json: boolean;
  readonly output: string | undefined;
  readonly restart: boolean;
  readonly model?: string | undefined;
}

/** What a user can do about the lock of a process on another machine. */
export const RESTART: string = "begin anew with --restart";

export interface OutputRules {
  /** Of `--output`. Default jsonl and csv. */
  readonly endings?: readonly Ending[];
  /** Files that are read, beside the input and the model. */
  readonly others?: readonly (string | undefined)[];
}

/** What answers, once it is loaded. */
export interface Answerer<Input, Result> {
  answer(inputs: AsyncGenerator<Input>): AsyncIterable<Result>;
  /** An answer as a text for a reader; left out where there is only JSON. */
  table?(result: Result, input: Input): string;
  /** A line above the table, where there are several texts. */
  heading?(input: Input): string | null;
  /** A result as JSON. */
  json(result: Result): unknown;
  /** The formats of a file. */
  format(ending: Ending): Format<Result>;
  /** Everything that the numbers in a file depend on, beside the input. */
  work(): unknown;
  /**
   * Says on standard error what was done to the input, at the end, also where that is an error or Ctrl-C.
   *
   * @param isCutShort whether a file is written and is not whole
   */
  tell?(isCutShort: boolean): void;
  /** Releases memory and threads. */
  dispose?(): Promise<void>;
}

/** The formats that most commands have. */
export function flatFormats<Result>(
  json: (result: Result) => unknown,
  flat: Flat<Result>,
): Answerer<never, Result>["format"] {
  return (ending) => (ending === "csv" ? csv(flat) : jsonLines(json));
}

/**
 * Answers a source: prints each result as soon as it is known, as a text or as JSON; or writes a file that goes on
 * where it stopped.
 *
 * @param load loads what answers; a wrong file is reported before it
 * @throws UsageError another ending; BertError ERR_FILE the output is a file that is read; what reading, answering and
 *   writing throw, after the results before it
 */
export async function answerSource<Input, Result>(
  source: Source<Input>,
  values: OutputValues,
  load: () => Promise<Answerer<Input, Result>>,
  { endings = ["jsonl", "csv"], others = [] }: OutputRules = {},
): Promise<void> {
  const { restart } = values;
  if (values.output !== undefined) {
    const ending = endingOf(values.output, endings);
    const output = await throughLinks(values.output); // where the lines are that an earlier run has done
    expectUnread([values.output, ...partialNames(output)], [source.path, ...others, ...weightsOf(values.model)]);
    return withOutput(output, { restart, advice: RESTART }, () => toFile(source, output, ending, values, load));
  }
  const iterator = source.lines[Symbol.asyncIterator]();
  const lines = withFirst(await iterator.next(), iterator);
  const { answer, table, heading, json, tell, dispose } = await load();
  const progress = new Progress({ unit: "lines", total: source.size }, true);
  const many = (source.count ?? 0) > 1;
  const toPrint = ({ number, input }: Line<Input>, result: Result | null) => {
    if (result === null || input === null) return jsonLine(null);
    if (values.json || !source.given || !table) return jsonLine(json(result));
    const title = many ? heading?.(input) : null;
    return `${number > 1 ? "\n" : ""}${title ? `${styled("bold", title)}\n\n` : ""}${table(result, input)}`;
  };
  const forget = beforeInterrupt(async () => tell?.(false));
  try {
    await answerLines({ lines, place: source.place }, answer, async (line, result) => {
      await print(toPrint(line, result));
      progress.step(bytesOf(line.text));
    });
  } catch (error) {
    progress.clear();
    tell?.(false);
    throw error;
  } finally {
    forget();
    await dispose?.();
  }
  progress.end();
  tell?.(false);
}

async function toFile<Input, Result>(
  source: Source<Input>,
  path: string,
  ending: Ending,
  { restart }: OutputValues,
  load: () => Promise<Answerer<Input, Result>>,
): Promise<void> {
  const iterator = source.lines[Symbol.asyncIterator]();
  const first = await iterator.next();
  const progress = new Progress({ unit: "lines", total: source.size });
  const file = await PartialFile.open(path, restart);
  let dispose: Answerer<Input, Result>["dispose"];
  let tell: Answerer<Input, Result>["tell"];
  const forget = beforeInterrupt(async () => tell?.(true));
  try {
    const answerer = await load();
    const { answer, format, work } = answerer;
    ({ dispose, tell } = answerer);
    const { head, entry, finalHead } = format(ending);
    await file.begin(JSON.stringify([ending, source.isJson === true, work()]), head);
    let count = 0;
    async function* lines() {
      for await (const line of withFirst(first, iterator)) {
        count++;
        if (line.number > file.linesBefore) yield line;
        else {
          file.skip(line.text);
          progress.step(bytesOf(line.text), true);
        }
      }
    }
    await answerLines({ lines: lines(), place: source.place }, answer, async ({ number, text }, result) => {
      await file.write(text, entry(result, number));
      progress.step(bytesOf(text));
    });
    await file.finish(finalHead?.(count));
  } catch (error) {
    progress.clear();
    await file.stop();
    tell?.(true);
    if (!(error instanceof BertError)) throw error;
    const ofLine = error.message.startsWith(source.place(file.nextLine)); // there the same command would stop again
    const kept = file.kept(ofLine ? "once the line is mended, " : "");
    throw new BertError(error.code, error.message + kept, { cause: error });
  } finally {
    forget();
    await dispose?.();
  }
  progress.end();
  tell?.(false);
}

async function* withFirst<Item>(first: IteratorResult<Item>, rest: AsyncIterator<Item>): AsyncGenerator<Item> {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
