#!/usr/bin/env node
/**
 * The command `plainbert`. Exit codes: 0 all is well, 1 the work failed, 2 the command line is wrong, 130 and 143 interrupted.
 */
import { BertError } from "../errors.ts";
import { COMMANDS, nameOf } from "./commands.ts";
import { handleInterrupts } from "./interrupt.ts";
import { HELP, parseArguments, UsageError } from "./option.ts";

handleInterrupts();
process.stdout.on("error", () => {}); // each write reports its own, see print
process.stderr.on("error", () => {}); // with nobody reading there is nobody to tell
process.exit(await main(process.argv.slice(2)));

async function main([name, ...argv]: readonly string[]): Promise<number> {
  try {
    await run(name, argv);
    return 0;
  } catch (error) {
    const known = nameOf(name ?? "");
    return report(error, known === null ? "plainbert" : `plainbert ${known}`);
  }
}

async function run(asked: string | undefined, argv: readonly string[]): Promise<void> {
  const [{ print }, { helpPage, overview }] = await Promise.all([import("./output.ts"), import("./help.ts")]);
  if (asked === "--help" || asked === "-h") return print(overview(COMMANDS));
  if (asked === "--version") return print(`${(await import("./machine.ts")).packageVersion()}\n`);
  const name = nameOf(asked ?? "");
  if (name === null) {
    const got = asked === undefined ? "expected a command" : `unknown command ${JSON.stringify(asked)}`;
    throw new UsageError(`${got}; the commands are ${Object.keys(COMMANDS).join(", ")}`);
  }
  const entry = COMMANDS[name];
  const { command } = await entry.load();
  const args = parseArguments(argv, { ...command.options, ...HELP });
  return args.values.help ? print(helpPage(name, entry, command)) : command.run(args);
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
