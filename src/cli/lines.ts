import { createReadStream, fstatSync } from "node:fs";
import { BertError } from "../errors.ts";
import { openFile } from "../hub/files.ts";

/** Longest line in UTF-16 units: what fits no model anyway must not fill the memory. */
const MAX_LINE = 10_000_000;

/** Most lines of a group. */
const GROUP = 256;

/**
 * The lines of a file, or of standard input for "-", in groups: those that have arrived at once. So nobody waits for an
 * answer that could be given, and the memory does not grow with the input.
 *
 * @throws BertError ERR_FILE it is missing or not readable, not UTF-8, or has a line of more than 10 million characters
 */
export async function* linesOf(path: string): AsyncGenerator<string[]> {
  const name = path === "-" ? "standard input" : path;
  if (path !== "-") {
    await (await openFile(path)).close(); // for its error messages: folders and devices are refused too
  } else if (fstatSync(0).isDirectory()) {
    throw new BertError("ERR_FILE", `${name}: must be text, is a folder`); // which Node would read as empty
  }
  const stream: AsyncIterable<Uint8Array> = path === "-" ? process.stdin : createReadStream(path);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw new BertError("ERR_FILE", `${name}: must be UTF-8 text, is not`, { cause });
    }
  };
  let rest = "";
  try {
    for await (const bytes of stream) {
      const lines = (rest + decode(bytes)).split("\n");
      rest = lines.pop() as string;
      if (rest.length > MAX_LINE) {
        throw new BertError("ERR_FILE", `${name}: lines must be at most ${MAX_LINE} characters long, one is longer`);
      }
      for (let i = 0; i < lines.length; i += GROUP) yield lines.slice(i, i + GROUP).map(withoutReturn);
    }
  } catch (cause) {
    if (cause instanceof BertError || !(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new BertError("ERR_FILE", `${name}: ${cause.message}`, { cause });
  }
  rest += decode();
  if (rest !== "") yield [withoutReturn(rest)];
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
