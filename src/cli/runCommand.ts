import { BertError } from "../errors.ts";
import { loaded } from "../loaded.ts";
import { nearest } from "../options.ts";
import { codeOf, has, messageOf, stackOf } from "../realm.ts";
import { COMMANDS, nameOf } from "./commands.ts";
import { HELP, parseArguments, UsageError } from "./option.ts";
import { type Streams, withStreams } from "./streams.ts";

/**
 * Runs a command line.
 *
 * @param argv what stands after `plainbert`
 * @returns the exit code: 0 all is well, 1 the work failed, 2 the command line is wrong; why is said on `stderr`
 */
export function runCommand(argv: readonly string[], streams: Streams): Promise<number> {
  const [name, ...rest] = argv;
  return withStreams(streams, async () => {
    try {
      await run(name, rest);
      return 0;
    } catch (error) {
      const known = nameOf(name ?? "");
      return report(error, known === null ? "plainbert" : `plainbert ${known}`, streams);
    }
  });
}

async function run(asked: string | undefined, argv: readonly string[]): Promise<void> {
  const [{ print }, { helpPage, overview }] = await loaded(() =>
    Promise.all([import("./output.ts"), import("./help.ts")]),
  );
  if (asked === undefined || asked === "--help" || asked === "-h") return print(overview(COMMANDS));
  if (asked === "--version") return print(`${(await loaded(() => import("./machine.ts"))).packageVersion()}\n`);
  const name = nameOf(asked);
  if (name === null) throw unknown(asked);
  const entry = COMMANDS[name];
  const { command } = await loaded(entry.load);
  const args = parseArguments(argv, { ...command.options, ...HELP }, command.elsewhere);
  if (args.values.help) return print(helpPage(name, entry, command));
  try {
    await command.run(args);
  } catch (error) {
    const { inCommandWords } = await loaded(() => import("./optionWords.ts"));
    throw inCommandWords(error, command, args.values);
  }
}

function unknown(asked: string): UsageError {
  const names = Object.entries(COMMANDS).flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
  const meant = nearest(asked, names);
  const hint = meant === null ? `the commands are ${Object.keys(COMMANDS).join(", ")}` : `did you mean ${meant}?`;
  return new UsageError(`unknown command ${JSON.stringify(asked)}; ${hint}`);
}

/** Says what went wrong on standard error, and returns the exit code. */
async function report(error: unknown, program: string, { stderr }: Streams): Promise<number> {
  if (codeOf(error) === "EPIPE") return 0; // the reader has read enough, as in `| head`
  const usage = error instanceof UsageError;
  const message = usage ? `${program}: ${error.message}\nTry: ${program} --help` : `plainbert: ${sentenceOf(error)}`;
  // Names and texts in a message may hold anything; only its line breaks may act on the terminal.
  const safe = message.replace(/(?!\n)\p{C}/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
  await new Promise<void>((resolve) => stderr.write(`${safe}\n`, () => resolve()));
  return usage ? 2 : 1;
}

function sentenceOf(error: unknown): string {
  if (error instanceof BertError) return error.message;
  // Reading errors are BertErrors, so this one comes from writing.
  if (has(error, "syscall"))
    return `standard output: ${codeOf(error) === "ENOSPC" ? "the disk is full" : messageOf(error)}`;
  if (isOutOfMemory(error)) return `there is not enough memory for this work: ${messageOf(error)}`;
  return stackOf(error); // a mistake of ours, to be reported with its stack
}

/** What engines throw where memory for an array, or for WebAssembly, is not there. */
function isOutOfMemory(error: unknown): boolean {
  return /allocation failed|could not allocate|out of memory/i.test(messageOf(error));
}
