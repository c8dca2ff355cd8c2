import { type Arguments, type OptionsElsewhere, type OptionTable, UsageError } from "./option.ts";

/** A sub-command. Its file is loaded only when it is called. */
export interface Command {
  /** What may stand after the name, a line for each form. */
  readonly synopsis: readonly string[];
  /** Paragraphs, with an empty line between them. */
  readonly description: string;
  /** Beside `--help`, which every command has. */
  readonly options: OptionTable;
  /**
   * What the library calls options that have another name here, `{ evalDataset: "--validation-file" }`; or a phrase of
   * its messages, with spaces, and what a command says instead.
   */
  readonly libraryNames?: Readonly<Record<string, string>>;
  /** What it makes of another program's options. */
  readonly elsewhere?: OptionsElsewhere;
  /** What a shell completes beside options. Left out: the arguments are texts, for which there is no completion. */
  readonly positional?: "file" | readonly string[];
  /** Whole command lines; the tests run each of them. */
  readonly examples: readonly string[];
  /** Ctrl-C is the way to end it (`untilInterrupted`). */
  readonly endsByInterrupt?: boolean;
  run(args: Arguments<OptionTable>): Promise<void>;
}

/** A command whose `run` gets the types of its options. */
export function defineCommand<Table extends OptionTable>(
  command: Omit<Command, "options" | "run"> & {
    readonly options: Table;
    run(args: Arguments<Table>): Promise<void>;
  },
): Command {
  return { ...command, run: (args) => command.run(args as Arguments<Table>) };
}

/** @throws UsageError fewer or more arguments than the command takes */
export function expectCount(positionals: readonly string[], least: number, most: number, what: string): void {
  if (positionals.length >= least && positionals.length <= most) return;
  const got = positionals.length === 1 ? "1 argument" : `${positionals.length} arguments`;
  const hint = most > 0 && positionals.length > 0 ? "; what has spaces in it needs quotes" : "";
  throw new UsageError(`expected ${what}, got ${got}${hint}`);
}

/**
 * The error for a command that was not given all that it needs: it names everything that is missing.
 *
 * @param needed by its name, what was given; undefined: nothing
 * @example
 * if (file === undefined || output === undefined) throw missing({ "a file": file, "--output FILE": output });
 */
export function missing(needed: Readonly<Record<string, unknown>>): UsageError {
  const names = Object.keys(needed).filter((name) => needed[name] === undefined);
  return new UsageError(`expected ${names.join(", and ")}`);
}

/** A command in the list of all. */
export interface CommandEntry {
  /** What it does, in a line. */
  readonly summary: string;
  /** A command's file is loaded only when it is called. */
  readonly load: () => Promise<{ readonly command: Command }>;
  /** Other names that it answers to: those of Hugging Face's tasks. */
  readonly aliases?: readonly string[];
}
