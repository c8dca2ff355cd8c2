import { type ParseArgsConfig, parseArgs } from "node:util";
import { quote } from "../errors.ts";
import { hint, nearest } from "../options.ts";
import { codeOf, messageOf } from "../realm.ts";

/**
 * One option of a command. What it is called, takes and means is declared once, here; help, parsing and shell
 * completion all read the declaration.
 */
export interface Option<Value = unknown> {
  /** A letter that stands for it: `-h`. */
  readonly short?: string;
  /** What stands for its value in help; none: a flag, which takes none. */
  readonly placeholder?: string;
  /** A sentence or two for help; completion shows it up to the first full stop or semicolon. */
  readonly description: string;
  /** The only values, for completion. */
  readonly choices?: readonly string[];
  /** What completion offers as value. */
  readonly completes?: "file" | "folder";
  /**
   * The value from what was given, in order: every occurrence counts.
   *
   * @throws UsageError
   */
  parse(given: readonly string[], name: string): Value;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** The values of a table's options that were given; false for a flag that was not. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Value>
    ? Value extends boolean
      ? boolean
      : Value | undefined
    : never;
};

/** What stands after the command's name. */
export interface Arguments<Table extends OptionTable> {
  readonly values: ValuesOf<Table>;
  readonly positionals: readonly string[];
}

/** What the options of a program are here whose command lines a command understands. */
export interface OptionsElsewhere {
  /** The names of those that have another here. */
  readonly names?: Readonly<Record<string, string>>;
  /** The values of those that may come without one. */
  readonly values?: Readonly<Record<string, string>>;
  /** Those that have no meaning here, and what to do instead. */
  readonly refused?: Readonly<Record<string, string>>;
}

/** The command line is not one that the command understands: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Given or not. */
export function flag(description: string): Option<boolean> {
  return { description, parse: () => true };
}

/** Any text; of several the last. */
export function text(placeholder: string, description: string, completes?: "file" | "folder"): Option<string> {
  return { placeholder, description, ...(completes && { completes }), parse: (given) => given.at(-1)! };
}

/** A text that must not be empty, as that of a script's unset variable is; of several the last. */
export function filledText(placeholder: string, description: string): Option<string> {
  const parse = (given: readonly string[], name: string) => {
    const value = given.at(-1)!;
    if (value !== "") return value;
    throw new UsageError(`--${name} must not be empty, got ""`);
  };
  return { placeholder, description, parse };
}

/** The largest whole number that an option takes where nothing else is said. */
const MAX_COUNT = 999_999_999;

/** A whole number from `least` to `most`. */
export function count(description: string, least: 0 | 1 = 1, most: number = MAX_COUNT): Option<number> {
  return {
    placeholder: "N",
    description,
    parse(given, name) {
      const value = given.at(-1)!;
      if (/^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
      throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, got ${quote(String(value))}`);
    },
  };
}

/** A number as it is written on the command line: 0.1, 2e-5, -1. */
export const NUMBER: RegExp = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A number, such as 0.1 or 2e-5, from 0. */
export function decimal(description: string): Option<number> {
  return {
    placeholder: "X",
    description,
    parse(given, name) {
      const value = given.at(-1)!;
      if (NUMBER.test(value) && Number(value) >= 0) return Number(value);
      throw new UsageError(`--${name} must be a number from 0, got ${quote(String(value))}`);
    },
  };
}

/** One of a few names. */
export function choice<const Name extends string>(names: readonly Name[], description: string): Option<Name> {
  return {
    placeholder: names.join("|"),
    description,
    choices: names,
    parse(given, option) {
      const found = names.find((name) => name === given.at(-1));
      if (found !== undefined) return found;
      throw new UsageError(
        `--${option} must be one of ${names.join(", ")}, got ${quote(String(given.at(-1)))}${hint(given.at(-1), names)}`,
      );
    },
  };
}

/** Numbers with commas between them, of which the library says what they must be. */
export function numbers(description: string): Option<number[]> {
  return {
    placeholder: "N,N",
    description,
    parse(given, name) {
      const all = given.flatMap((value) => value.split(","));
      if (all.every((value) => NUMBER.test(value))) return all.map(Number);
      throw new UsageError(`--${name} must be numbers with commas between them, got ${quote(given.join(","))}`);
    },
  };
}

/** Names with commas between them. */
export function list(description: string): Option<string[]> {
  return { placeholder: "A,B", description, parse: (given) => given.flatMap((value) => value.split(",")) };
}

/** Any text, and another each time that it is given. */
export function texts(placeholder: string, description: string, completes?: "file" | "folder"): Option<string[]> {
  return { placeholder, description, ...(completes && { completes }), parse: (given) => [...given] };
}

/** An option whose value is a list; given several times, it is a list of lists. */
export function lists(description: string): Option<string[] | string[][]> {
  return {
    placeholder: "A,B",
    description,
    parse: (given) => (given.length === 1 ? given[0].split(",") : given.map((value) => value.split(","))),
  };
}

/** What every command has. */
export const HELP: { readonly help: Option<boolean> } = { help: { ...flag("Print this page and exit."), short: "h" } };

/**
 * Reads the arguments that stand after the command's name.
 *
 * @throws UsageError an option that the command does not have, one without its value, or a value that is none of its
 *   own
 */
export function parseArguments<Table extends OptionTable>(
  argv: readonly string[],
  table: Table,
  elsewhere: OptionsElsewhere = {},
): Arguments<Table> {
  const { values, positionals } = parsed(argv, table, elsewhere);
  const entries = Object.entries(table).map(([name, option]) => {
    const given = values[name];
    if (given === undefined) return [name, option.placeholder === undefined ? false : undefined];
    return [name, option.parse(given.map(String), name)];
  });
  return { values: Object.fromEntries(entries) as ValuesOf<Table>, positionals };
}

function parsed(argv: readonly string[], table: OptionTable, elsewhere: OptionsElsewhere) {
  const { refused = {} } = elsewhere;
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, { placeholder, short }] of Object.entries(table)) {
    const type = placeholder === undefined ? "boolean" : "string";
    options[name] = { type, multiple: true, ...(short !== undefined && { short }) };
  }
  try {
    const result = parseArgs({
      args: withNegatives(translated(argv, elsewhere), table),
      options,
      allowPositionals: true,
    });
    return {
      values: result.values as Record<string, (string | boolean)[] | undefined>,
      positionals: result.positionals,
    };
  } catch (error) {
    const code = String(codeOf(error));
    if (!code.startsWith("ERR_PARSE_ARGS_")) throw error;
    // Node's sentence; what follows it is advice about "--".
    const [first] = messageOf(error).split(/\. |\n/);
    const sentence = first[0].toLowerCase() + first.slice(1);
    const [, lacking] = /^option '[^']*--([\w-]+)[^']*' argument is ambiguous/.exec(sentence) ?? [];
    if (lacking !== undefined)
      throw new UsageError(`--${lacking} must have a value; one that begins with "-" is written --${lacking}=-…`);
    const [, typed] = /^unknown option '--([^']*)'/.exec(sentence) ?? [];
    if (typed !== undefined && Object.hasOwn(refused, typed)) throw new UsageError(`--${typed}: ${refused[typed]}`);
    const meant = typed === undefined ? null : nearest(typed, Object.keys(table));
    throw new UsageError(meant === null ? sentence : `${sentence}; did you mean --${meant}?`);
  }
}

/** The arguments with the names that options have here, and the values that are meant where there is none. */
function translated(argv: readonly string[], { names = {}, values = {} }: OptionsElsewhere): string[] {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  return argv.map((arg, i) => {
    const [, given, value] = /^--([\w-]+)(=.*)?$/s.exec(arg) ?? [];
    if (i >= end || given === undefined) return arg;
    const name = Object.hasOwn(names, given) ? names[given] : given;
    const isAlone = value === undefined && (i + 1 === end || argv[i + 1].startsWith("-"));
    return `--${name}${isAlone && Object.hasOwn(values, name) ? `=${values[name]}` : (value ?? "")}`;
  });
}

/** The arguments with `--name=-1` for `--name -1`, where Node's parser takes the number for an option. */
function withNegatives(argv: readonly string[], table: OptionTable): string[] {
  const args: string[] = [];
  for (const [i, arg] of argv.entries()) {
    if (arg === "--") return [...args, ...argv.slice(i)];
    const last = args.at(-1) ?? "";
    const takesValue = last.startsWith("--") && Object.hasOwn(table, last.slice(2)) && table[last.slice(2)].placeholder;
    if (takesValue && /^-\.?\d/.test(arg)) args[args.length - 1] = `${last}=${arg}`;
    else args.push(arg);
  }
  return args;
}

/** A pipeline's name for an option: `top_k` for `top-k`, `align_to_words` for `no-align-to-words`. */
type Underscored<Name> = Name extends `no-${infer Rest}`
  ? Underscored<Rest>
  : Name extends `${infer Head}-${infer Rest}`
    ? `${Head}_${Underscored<Rest>}`
    : Name;

/** The options of a table as its pipeline takes them. */
export type PipelineValues<Table extends OptionTable> = {
  readonly [Name in keyof Table as Underscored<Name>]?: Exclude<ValuesOf<Table>[Name], undefined>;
};

/**
 * The values that were given, under the pipeline's names.
 *
 * @throws UsageError an option and its opposite
 */
export function pipelineValues<Table extends OptionTable>(
  table: Table,
  values: Readonly<Record<string, unknown>>,
): PipelineValues<Table> {
  const given = givenIn(table, values);
  const entries = given.map((name) => {
    const negated = name.startsWith("no-");
    if (given.includes(`no-${name}`)) throw new UsageError(`--${name} does not go with --no-${name}`);
    return [(negated ? name.slice(3) : name).replaceAll("-", "_"), negated ? false : values[name]];
  });
  return Object.fromEntries(entries);
}

/** A library's name for an option: `maxShardSize` for `max-shard-size`. */
type Camel<Name> = Name extends `${infer Head}-${infer Rest}` ? `${Head}${Capitalize<Camel<Rest>>}` : Name;

/** A library's name for an option. */
export function camelCased(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The options of a table as functions of the library take them. */
export type LibraryValues<Table extends OptionTable> = {
  readonly [Name in keyof Table as Camel<Name>]?: Exclude<ValuesOf<Table>[Name], undefined>;
};

/** The values that were given, under the library's names. */
export function libraryValues<Table extends OptionTable>(
  table: Table,
  values: Readonly<Record<string, unknown>>,
): LibraryValues<Table> {
  const entries = givenIn(table, values).map((name) => [camelCased(name), values[name]]);
  return Object.fromEntries(entries);
}

/** The names of a table's options that were given. */
function givenIn(table: OptionTable, values: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(table).filter((name) => values[name] !== undefined && values[name] !== false);
}
