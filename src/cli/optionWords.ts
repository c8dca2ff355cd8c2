import { BertError } from "../errors.ts";
import type { Command } from "./command.ts";
import { type OptionTable, UsageError } from "./option.ts";

/**
 * An error of the library in the words of the command line: where it names an option that the command has, it says
 * `--doc-stride` in place of `docStride` or `doc_stride`, and it leaves out the name of a function that the user has
 * not called; of an output it says that it cannot be written. What stands in quotes is the user's, and stays.
 *
 * @param error  anything that was thrown; what is no `BertError` comes back as it is
 * @param values of the options, where one is not to be advised beside another
 */
export function inCommandWords(error: unknown, command: WordsOf, values: OptionValues = {}): unknown {
  if (!(error instanceof BertError)) return error;
  const message = sentenceInCommandWords(error.message, command, values);
  return message === error.message ? error : new BertError(error.code, message, { cause: error });
}

/**
 * Calls a function of the library with the values that the command's options have.
 *
 * @throws UsageError it refuses one, in the words of the command line; what else it throws
 */
export function withOptionsOf<T>(command: WordsOf, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof BertError && error.code === "ERR_INPUT")) throw error;
    throw new UsageError(sentenceInCommandWords(error.message, command).replace(/^\w+: /, ""));
  }
}

/** The same of a sentence of the library, such as a note of `finetune`. */
export function sentenceInCommandWords(
  sentence: string,
  { options, libraryNames = {} }: WordsOf,
  values: OptionValues = {},
): string {
  const words = new Map(Object.entries({ ...OF_COMMANDS, ...libraryNames, ...truncationIn(options, values) }));
  for (const name of Object.keys(options)) {
    words.set(name.replaceAll("-", "_"), `--${name}`);
    words.set(
      name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
      `--${name}`,
    );
  }
  const parts = sentence
    .replace(FUNCTION, "")
    .replace(/^write: /, "cannot write ")
    .split(/("[^"]*")/); // the odd ones are quoted
  return parts.map((part, i) => (i % 2 === 1 ? part : translated(part, words, i === 0))).join("");
}

/** What every command is to its user. */
const OF_COMMANDS = { "the same call": "the same command" };

/** What cuts a text that is too long: the flag, which does not go with its opposite, or leaving that out. */
function truncationIn(options: OptionTable, values: OptionValues): Record<string, string> {
  const instead = values["no-truncation"] ? " in place of --no-truncation" : "";
  if ("truncation" in options) return { "the option truncation": `--truncation${instead}` };
  if (!("no-truncation" in options)) return {};
  return { "the option truncation cuts what is longer": "without --no-truncation what is longer is cut" };
}

/** The library's functions that commands call for their users. */
const FUNCTION = new RegExp(
  `^(?:${[
    ...["openFile", "openWeights", "openModelFolder", "openExamples", "readText", "readInto", "readExamples", "stat"],
    ...["writeFileAtomically", "writeFolder", "runFolder", "saveModel", "saveSafetensors", "saveBert", "makeExamples"],
    ...["loadBert", "loadTokenizer", "loadParams", "loadIndex", "buildIndex", "trainVocabulary", "downloadModel"],
    "compareTensors",
    "bert\\.tokenizer",
  ].join("|")}): `,
);

type OptionValues = Readonly<Record<string, unknown>>;
type WordsOf = Pick<Command, "options" | "libraryNames">;

/** A name of several words, such as `docStride` or `columns.text`, that is no part of a path. */
const COMPOUND = /(?<![\w/.\\-])[a-z]+(?:[A-Z_.][a-z]*)+(?![\w/.\\-])/g;
/** Where a word as common as `labels` is the name of an option. */
const SUBJECT = /^((?:\w+: )+)(\w+)(?= must be )/;
const BESIDE = /(where|unless|with|without|;) (\w+)(?= is given| is left out| lists| says|,)/g;
/** An option with its value, in a list of them. */
const VALUE = /(?<=, )(\w+)(?= \d)/g;
const RESUME = /\bresume(?=: | goes on | begins )/g;
/** A field of one of several, such as `phases[0].examples`. */
const FIELD = /\b(\w+)\[\d*\]\.(\w+)/g;

function translated(text: string, words: ReadonlyMap<string, string>, isFirst: boolean): string {
  const word = (name: string) => words.get(name) ?? name;
  const phrases = [...words.keys()].filter((name) => name.includes(" "));
  const all = phrases
    .reduce((sentence, phrase) => sentence.replaceAll(phrase, word(phrase)), text)
    .replace(FIELD, (field, list: string, name: string) => words.get(`${list}[].${name}`) ?? field)
    .replace(COMPOUND, word)
    .replace(VALUE, word)
    .replace(BESIDE, (_, before: string, name: string) => `${before} ${word(name)}`);
  const named = isFirst ? all.replace(SUBJECT, (_, where: string, name: string) => `${where}${word(name)}`) : all;
  return named.replace(RESUME, word);
}
