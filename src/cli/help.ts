import type { Command } from "./command.ts";
import { flag, HELP, type OptionTable } from "./option.ts";

const WIDTH = 80;
const INDENT = "    ";

/** Beside the numbers that say how it ended. */
const EXIT_STATUS: readonly (readonly [string, string])[] = [
  ["0", "All is well; also when the reader of the output has gone, as in “| head”."],
  ["1", "The work failed. One sentence on standard error says why."],
  ["2", "The command line is wrong."],
  ["130", "Interrupted by Ctrl-C, after the current write; 143 by SIGTERM."],
];

/** The same of a command that Ctrl-C is the way to end. */
const SERVER_EXIT_STATUS: readonly (readonly [string, string])[] = [
  ["0", "Ended by Ctrl-C."],
  ...EXIT_STATUS.slice(1, 3),
  ["130", "Interrupted by Ctrl-C before it serves; 143 by SIGTERM at any time."],
];

/** The environment's variables that commands read which compute. */
const ENGINE_ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["PLAINBERT_THREADS", "How many threads compute, where --threads does not say."],
  ["PLAINBERT_WIDE", "0: no vectors of 256 bits."],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["NO_COLOR, FORCE_COLOR", "No colours; colours even where standard output is no terminal."],
];

/** The environment's variables that commands read which may download a model. */
const HUB_ENVIRONMENT: readonly (readonly [string, string])[] = [
  [
    "HF_TOKEN",
    "For private and gated models; default: the token of “hf auth login”. There is no option for it, as others on the machine can read command lines.",
  ],
  ["HF_HUB_CACHE, HF_HOME", "Where the cache is, where --cache-dir does not say."],
  ["HF_HUB_OFFLINE", "1: as --local-files-only."],
  ["HF_ENDPOINT", "Another hub than https://huggingface.co."],
  ["HTTPS_PROXY, NO_PROXY", "How the hub is reached."],
];

/** A command's page for `--help`, laid out as a manual page of 80 columns. */
export function helpPage(
  name: string,
  { summary, aliases = [] }: { readonly summary: string; readonly aliases?: readonly string[] },
  command: Command,
): string {
  const { synopsis, description, options, examples, endsByInterrupt } = command;
  const environment = [
    ...("threads" in options ? ENGINE_ENVIRONMENT : []),
    ...("revision" in options ? HUB_ENVIRONMENT : []),
    ...ENVIRONMENT,
  ];
  return pageOf([
    ["NAME", wrapped(`plainbert ${[name, ...aliases].join(", ")} - ${summary}`, INDENT)],
    ["SYNOPSIS", synopsis.map((form) => `${INDENT}plainbert ${name} ${form}`.trimEnd())],
    ["DESCRIPTION", paragraphs(description)],
    ["OPTIONS", optionLines({ ...options, ...HELP })],
    ["EXAMPLES", examples.map((line) => `${INDENT}$ ${line}`)],
    ["EXIT STATUS", definitions(endsByInterrupt ? SERVER_EXIT_STATUS : EXIT_STATUS)],
    ["ENVIRONMENT", definitions(environment)],
  ]);
}

/** What `plainbert --help` prints. */
export function overview(commands: Readonly<Record<string, { readonly summary: string }>>): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length)) + 2;
  return pageOf([
    ["NAME", [`${INDENT}plainbert - BERT in plain TypeScript`]],
    ["SYNOPSIS", [`${INDENT}plainbert COMMAND [OPTION]… [ARGUMENT]…`, `${INDENT}plainbert COMMAND --help`]],
    ["COMMANDS", Object.entries(commands).map(([name, { summary }]) => `${INDENT}${name.padEnd(width)}${summary}`)],
    ["OPTIONS", optionLines({ ...HELP, version: flag("Print the version and exit.") })],
    ["EXAMPLES", [`${INDENT}$ plainbert fill-mask "The [MASK] is open."`, `${INDENT}$ plainbert embed --help`]],
    ["EXIT STATUS", definitions(EXIT_STATUS)],
    ["ENVIRONMENT", definitions([...ENGINE_ENVIRONMENT, ...HUB_ENVIRONMENT, ...ENVIRONMENT])],
  ]);
}

function pageOf(sections: readonly (readonly [string, readonly string[]])[]): string {
  return `${sections.map(([title, lines]) => [title, ...lines].join("\n")).join("\n\n")}\n`;
}

function optionLines(options: OptionTable): string[] {
  return Object.entries(options).flatMap(([name, { short, placeholder, description }]) => [
    `${INDENT}${short === undefined ? "" : `-${short}, `}--${name}${placeholder === undefined ? "" : ` ${placeholder}`}`,
    ...wrapped(description, INDENT + INDENT),
  ]);
}

/** Terms in a column, and beside each what it means. */
function definitions(entries: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...entries.map(([term]) => term.length)) + 2;
  return entries.flatMap(([term, meaning]) => {
    const [first, ...rest] = wrapped(meaning, INDENT + " ".repeat(width));
    return [INDENT + term.padEnd(width) + first.trimStart(), ...rest];
  });
}

function paragraphs(text: string): string[] {
  return text.split("\n\n").flatMap((paragraph, i) => [...(i > 0 ? [""] : []), ...wrapped(paragraph, INDENT)]);
}

/** The words in lines that are at most as wide as a page. */
function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}
