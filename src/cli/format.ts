import { quote } from "../errors.ts";
import { isA } from "../realm.ts";
import { shortest } from "../tensor/shortest.ts";
import { UsageError } from "./option.ts";
import { jsonText } from "./output.ts";

/** How results become bytes of a file. */
export interface Format<Result> {
  /** What the file begins with. */
  readonly head: Uint8Array;
  /** A line's part of the file; null: the line is blank. */
  entry(result: Result | null, line: number): Uint8Array;
  /** What the file begins with, if that is known only when all lines are; as long as `head`. */
  finalHead?(lines: number): Uint8Array;
}

export type Cell = string | number;

/** A result as a table of flat rows. */
export interface Flat<Result> {
  /** Before them there is a column `line`. */
  readonly columns: readonly string[];
  rows(result: Result): readonly (readonly Cell[])[];
}

/** The endings of file names that say a format. */
export const ENDINGS = ["jsonl", "csv", "safetensors"] as const;
export type Ending = (typeof ENDINGS)[number];

/**
 * The format that a file's name says.
 *
 * @throws UsageError another one than these
 */
export function endingOf(path: string, endings: readonly Ending[]): Ending {
  const found = endings.find((ending) => path.toLowerCase().endsWith(`.${ending}`));
  if (found) return found;
  throw new UsageError(
    `--output must end in ${endings.map((name) => `.${name}`).join(", ")}, got ${quote(String(path))}`,
  );
}

/** A line of JSON for each line; null for a blank one. */
export function jsonLines<Result>(shown: (result: Result) => unknown): Format<Result> {
  return { head: new Uint8Array(0), entry: (result) => utf8(`${jsonText(result === null ? null : shown(result))}\n`) };
}

/**
 * A row for each row of a line's result, the line's number first; none for a blank line. RFC 4180, but lines end in \n.
 */
export function csv<Result>({ columns, rows }: Flat<Result>): Format<Result> {
  return {
    head: utf8(csvRow(["line", ...columns])),
    entry: (result, line) =>
      utf8(result === null ? "" : rows(result).map((row) => csvRow([line, ...row])).join("")), // biome-ignore format: one line
  };
}

/** A vector for each line, as pandas writes a table without index: columns 0, 1, …; empty cells for a blank line. */
export function csvVectors(width: number): Format<Vector> {
  const blank = `${",".repeat(width - 1)}\n`;
  return {
    head: utf8(csvRow(Array.from({ length: width }, (_, i) => i))),
    entry: (vector) => utf8(vector === null ? blank : csvRow(Array.from(vector, shortest))),
  };
}

/** Header of a safetensors file: long enough for any number of rows, as it is written before that is known. */
const HEADER_BYTES = 256;

/** A vector, or one in fewer bits. */
export type Vector = Float32Array | Int8Array | Uint8Array;

/** What a file's vectors are. */
export interface VectorType {
  readonly dtype: "F32" | "I8" | "U8";
  /** [2, …], what codes stand for: a tensor of its own, `ranges`. */
  readonly ranges?: Float32Array | undefined;
}

/** A tensor `embeddings` [lines, width]; in the row of a blank line NaN, or, as codes have none, 0. */
export function safetensorsVectors(width: number, { dtype, ranges }: VectorType): Format<Vector> {
  const blank = dtype === "F32" ? new Float32Array(width).fill(Number.NaN) : new Uint8Array(width);
  const before = ranges ? littleEndian(ranges) : new Uint8Array(0);
  const head = (lines: number) => {
    const end = before.length + (dtype === "F32" ? 4 : 1) * lines * width;
    const json = JSON.stringify({
      ...(ranges && { ranges: { dtype: "F32", shape: [2, ranges.length / 2], data_offsets: [0, before.length] } }),
      embeddings: { dtype, shape: [lines, width], data_offsets: [before.length, end] },
    });
    const bytes = utf8(json.padEnd(HEADER_BYTES - 8)); // the format lets spaces follow the header
    const whole = new Uint8Array(HEADER_BYTES + before.length);
    new DataView(whole.buffer).setBigUint64(0, BigInt(bytes.length), true);
    whole.set(bytes, 8);
    whole.set(before, HEADER_BYTES);
    return whole;
  };
  return { head: head(0), entry: (vector) => littleEndian(vector ?? blank), finalHead: head };
}

function littleEndian(vector: Vector): Uint8Array {
  if (!isA(vector, "Float32Array")) return new Uint8Array(vector); // a negative number's bits, as they are
  const bytes = new Uint8Array(4 * vector.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < vector.length; i++) view.setFloat32(4 * i, vector[i], true);
  return bytes;
}

function csvRow(cells: readonly Cell[]): string {
  return `${cells.map((cell) => (typeof cell === "string" && /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\n`;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
