import { statSync } from "node:fs";

/** To be imported first: what a program throws is told in a sentence with its causes, and ends it with status 1. */
process.on("uncaughtException", (error) => fail(sentenceOf(error)));

/** Ends the program with a sentence. */
export function fail(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}

/** A whole number of an option or variable that must be from 1 on. */
export function whole(name: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Error(`${name} must be a whole number from 1, got ${JSON.stringify(text)}`);
}

/**
 * The one file of a command line.
 *
 * @param otherwise the file where none is named
 */
export function fileOf(positionals: readonly string[], otherwise?: string): string {
  const [file = otherwise, other] = positionals;
  if (file === undefined) throw new Error("FILE must be given");
  if (other !== undefined) throw new Error(`one FILE at a time, got ${other} too`);
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new Error(`FILE must be a file, ${file} is none`);
  return file;
}

/** The address in a variable of the environment. */
export function address(name: string, otherwise: string, protocols: readonly string[]): string {
  const text = process.env[name] ?? otherwise;
  if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text;
  throw new Error(`${name} must be an address such as ${otherwise}, got ${JSON.stringify(text)}`);
}

function sentenceOf(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause instanceof Error && messages.length < 3; cause = cause.cause) {
    const message = cause.message || (cause as NodeJS.ErrnoException).code || cause.name;
    if (!messages.some((one) => one.includes(message))) messages.push(message);
  }
  return messages.length > 0 ? messages.join(": ") : String(error);
}
