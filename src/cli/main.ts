#!/usr/bin/env node
/**
 * The command `plainbert`. Exit codes: 0 all is well, 1 the work failed, 2 the command line is wrong.
 *
 * Ctrl-C is left to the system, which ends the process at once even in the middle of a layer; shells report it as 130.
 */
import { BertError } from "../errors.ts";
import { type Command, parseArguments, UsageError } from "./command.ts";

/** Each command's line in the list, and where it is: a command's file is loaded only when it is called. */
const COMMANDS: Readonly<Record<string, readonly [string, () => Promise<{ command: Command }>]>> = {
  "fill-mask": ["predict the masked tokens of a text", () => import("./fillMask.ts")],
  "next-sentence": ["tell whether a text follows another", () => import("./nextSentence.ts")],
  "text-classification": ["tell what kind of text a text is", () => import("./textClassification.ts")],
  "token-classification": ["find names, places and the like in a text", () => import("./tokenClassification.ts")],
  "question-answering": ["find the part of a text that answers a question", () => import("./questionAnswering.ts")],
  "zero-shot-classification": ["tell which of any labels fit a text", () => import("./zeroShotClassification.ts")],
  embed: ["turn lines of text into vectors", () => import("./embed.ts")],
  tokenize: ["show a text's tokens, ids and offsets", () => import("./tokenize.ts")],
  download: ["bring a model of a hub into the cache", () => import("./download.ts")],
  "train-vocab": ["learn a vocabulary from text files", () => import("./trainVocab.ts")],
  "make-examples": ["make examples for pretraining from text files", () => import("./makeExamples.ts")],
  convert: ["write a model as Hugging Face saves one", () => import("./convert.ts")],
  verify: ["compare a model's outputs with published ones", () => import("./verify.ts")],
  inspect: ["list the tensors of a checkpoint", () => import("./inspectCommand.ts")],
};

const HELP = `BERT in plain TypeScript.

Usage: plainbert COMMAND [options] …

${Object.entries(COMMANDS)
  .map(([name, [summary]]) => `  ${name.padEnd(26)}${summary}`)
  .join("\n")}

  -h, --help                this text; after a command, that command's
  --version                 the version

Examples:
  $ plainbert fill-mask "She opened the [MASK] and went into the room."
  $ plainbert embed --help
`;

process.stdout.on("error", () => {}); // each write reports its own, see print
process.stderr.on("error", () => {}); // with nobody reading there is nobody to tell
process.exit(await main(process.argv.slice(2)));

async function main([name, ...argv]: readonly string[]): Promise<number> {
  try {
    await run(name, argv);
    return 0;
  } catch (error) {
    return report(error, Object.hasOwn(COMMANDS, name ?? "") ? `plainbert ${name}` : "plainbert");
  }
}

async function run(name: string | undefined, argv: readonly string[]): Promise<void> {
  const { print } = await import("./output.ts");
  if (name === "--help" || name === "-h") return print(HELP);
  if (name === "--version") return print(`${await version()}\n`);
  if (name === undefined || !Object.hasOwn(COMMANDS, name)) {
    const got = name === undefined ? "expected a command" : `unknown command ${JSON.stringify(name)}`;
    throw new UsageError(`${got}; the commands are ${Object.keys(COMMANDS).join(", ")}`);
  }
  const [, load] = COMMANDS[name];
  const { command } = await load();
  const args = parseArguments(argv, command.options);
  return args.values.help ? print(command.help) : command.run(args);
}

async function version(): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")).version;
}

/** Says what went wrong on standard error, and returns the exit code. */
async function report(error: unknown, program: string): Promise<number> {
  const systemCode = error instanceof Error && "code" in error ? error.code : undefined;
  if (systemCode === "EPIPE") return 0; // the reader has what it wanted, as in `| head`
  const usage = error instanceof UsageError;
  const message = usage ? `${program}: ${error.message}\nTry: ${program} --help` : `plainbert: ${messageOf(error)}`;
  // Names and texts in a message may hold anything; only its line breaks may act on the terminal.
  const safe = message.replace(/(?!\n)\p{C}/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
  await new Promise((resolve) => process.stderr.write(`${safe}\n`, resolve));
  return usage ? 2 : 1;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof BertError) return error.message;
  // Reading errors are BertErrors, so this one comes from writing.
  if ("syscall" in error) {
    const full = "code" in error && error.code === "ENOSPC";
    return `standard output: ${full ? "the disk is full" : error.message}`;
  }
  return error.stack ?? error.message; // a mistake of ours, to be reported with its stack
}
