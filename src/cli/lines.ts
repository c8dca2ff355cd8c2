import { createReadStream, fstatSync } from "node:fs";
import { openFile } from "../disk/files.ts";
import { BertError } from "../errors.ts";
import { has, messageOf } from "../realm.ts";
import { orMaybeText, TEXTS_FROM_FILES } from "./maybeText.ts";
import { streams } from "./streams.ts";

/** Longest line in bytes, without its end: what fits no model anyway must not fill the memory. */
const MAX_LINE = 10_000_000;

/** Most lines of a group. */
const GROUP = 256;

const NEWLINE = 0x0a;

/**
 * The lines of a file, or of standard input for "-", in groups: those that have arrived at once. So no reader waits for
 * an answer that could be given, and the memory does not grow with the input.
 *
 * @throws BertError ERR_FILE it is missing or not readable, or a line is not UTF-8 or longer than 10 MB; after the
 *   lines before that one
 */
export async function* linesOf(path: string): AsyncGenerator<string[]> {
  const name = path === "-" ? "standard input" : path;
  if (path !== "-") {
    // For its error messages: folders and devices are refused too
    await (await orMaybeText(path, TEXTS_FROM_FILES, openFile(path))).close();
  } else if (streams.stdin.fd !== undefined && fstatSync(streams.stdin.fd).isDirectory()) {
    throw new BertError("ERR_FILE", `${name}: must be text, is a folder`); // which Node would read as empty
  }
  let line = 1;
  for await (const bytes of wholeLines(path, name)) {
    const whole = bytes.length > MAX_LINE ? beforeLongLine(bytes) : bytes;
    const all = decoded(whole);
    const lines = all ?? decodedBefore(whole);
    for (let i = 0; i < lines.length; i += GROUP) yield lines.slice(i, i + GROUP);
    line += lines.length;
    if (all === null) throw new BertError("ERR_FILE", `${name}, line ${line}: must be UTF-8 text, is not`);
    if (whole.length < bytes.length) {
      const limit = MAX_LINE.toLocaleString("en-US");
      throw new BertError("ERR_FILE", `${name}, line ${line}: must be at most ${limit} bytes long, is longer`);
    }
  }
}

/**
 * The bytes in pieces that end where a line ends, or in a line that is too long already. A newline byte is never part
 * of another UTF-8 character.
 */
async function* wholeLines(path: string, name: string): AsyncGenerator<Uint8Array> {
  const stream: AsyncIterable<Uint8Array> = path === "-" ? streams.stdin : createReadStream(path);
  let rest: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const bytes of stream) {
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      if (end > 0) {
        yield Buffer.concat([...rest, bytes.subarray(0, end)]);
        rest = [];
        size = 0;
      }
      rest.push(bytes.subarray(end));
      size += bytes.length - end;
      if (size > MAX_LINE) {
        yield Buffer.concat(rest);
        return;
      }
    }
  } catch (cause) {
    if (!has(cause, "syscall")) throw cause;
    throw new BertError("ERR_FILE", `${name}: ${messageOf(cause)}`, { cause });
  }
  if (size > 0) yield Buffer.concat(rest);
}

/** The lines before the first that is too long. */
function beforeLongLine(bytes: Uint8Array): Uint8Array {
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    if (end - start > MAX_LINE) return bytes.subarray(0, start);
    start = end + 1;
  }
  return bytes;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The lines without their ends; null if they are not UTF-8. */
function decoded(bytes: Uint8Array): string[] | null {
  try {
    const lines = utf8.decode(bytes).split("\n");
    if (lines.at(-1) === "") lines.pop(); // it ended with a newline
    return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  } catch {
    return null;
  }
}

/** The lines before the first that is not UTF-8. */
function decodedBefore(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start) + 1 || bytes.length;
    const line = decoded(bytes.subarray(start, end));
    if (line === null) break;
    lines.push(...line);
    start = end;
  }
  return lines;
}
