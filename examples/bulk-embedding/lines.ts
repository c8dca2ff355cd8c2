/** The lines of a file, as many as there are: no more than a chunk and a line are in memory. */
import { createReadStream } from "node:fs";
import type { Block } from "./block.ts";

/** The longest line that is read, in bytes; the model reads far less of it. */
const LONGEST = 64 * 1024;
/** The most text of a block, in UTF-16 units, but for one line. */
const MOST_TEXT = 256 * 1024;

/** A line of a file; `fault` says why it cannot be a text, which is "" then. */
export interface Line {
  readonly line: number;
  readonly text: string;
  readonly fault: string | null;
}

/** A file's lines, by "\n" or "\r\n", numbered from 1. */
export async function* linesOf(file: string): AsyncGenerator<Line> {
  let line = 1;
  let parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer) => {
    length += part.length;
    if (length <= LONGEST) parts.push(part);
  };
  const take = (): Line => {
    const taken = asLine(line++, length > LONGEST ? null : Buffer.concat(parts));
    [parts, length] = [[], 0];
    return taken;
  };
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

/** Puts lines into blocks; of lines with a fault `refuse` is told. */
export async function* blocksOf(
  source: string,
  lines: AsyncIterable<Line>,
  most: number,
  refuse: (line: Line) => Promise<void>,
): AsyncGenerator<Block> {
  let texts: string[] = [];
  let first = 1;
  let size = 0;
  for await (const one of lines) {
    const ends = one.fault !== null || size + one.text.length > MOST_TEXT || texts.length === most;
    if (ends && texts.length > 0) {
      yield { source, first, texts };
      [texts, size] = [[], 0];
    }
    if (one.fault !== null) {
      await refuse(one);
      continue;
    }
    if (texts.length === 0) first = one.line;
    texts.push(one.text);
    size += one.text.length;
  }
  if (texts.length > 0) yield { source, first, texts };
}

function asLine(line: number, bytes: Buffer | null): Line {
  if (bytes === null) return { line, text: "", fault: `it is longer than ${LONGEST} bytes` };
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { line, text: text.endsWith("\r") ? text.slice(0, -1) : text, fault: null };
  } catch {
    return { line, text: "", fault: "it is no UTF-8" };
  }
}
