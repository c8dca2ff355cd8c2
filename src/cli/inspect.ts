import { type BertError, listed, printable } from "../errors.ts";
import type { SentenceFolder } from "../load/sentenceModules.ts";
import type { SafetensorsHeader } from "../safetensors/header.ts";
import type { TensorEntry } from "../safetensors/index.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { sentenceFields, sentenceLines } from "./inspectSentence.ts";

/** What `plainbert inspect` shows: the header of a file, or of all files of a checkpoint. `Weights` is one. */
export interface Inspected extends SafetensorsHeader {
  readonly files: readonly string[];
  /** The tensors that the model does not need, if it is known which one it is. */
  readonly ignored?: readonly string[];
  /** What the folder says of sentences, or why that cannot be read; left out: it has no modules.json. */
  readonly sentence?: SentenceFolder | BertError;
}

/** Longest shown name and metadata value, in characters; some trainers keep whole configurations in the metadata. */
const MAX_NAME = 120;
const MAX_VALUE = 200;

/**
 * The table that `plainbert inspect FILE` prints: every tensor in the order of the file, totals by dtype, metadata.
 * Only the header is needed, so the size of the file does not matter. Nothing in a hostile file reaches the terminal
 * but printable characters.
 *
 * @example
 * name                    dtype  shape          elements       bytes
 * bert.pooler.dense.bias  F32    [768]               768       3,072
 */
export function inspectTable(file: Inspected): string {
  const tensors = [...file.tensors.values()];
  const rows = tensors.map((t) => [
    printable(t.name, MAX_NAME) || '""',
    t.dtype,
    `[${t.shape.join(",")}]`,
    grouped(sizeOf(t.shape)),
    grouped(t.byteLength),
  ]);
  const lines = alignColumns([["name", "dtype", "shape", "elements", "bytes"], ...rows]);
  lines.push("", ...alignColumns(totals(tensors)));
  if (file.ignored && file.ignored.length > 0) {
    const names = file.ignored.map((name) => printable(name, MAX_NAME));
    lines.push("", `not needed by the model: ${listed(names)}`);
  }
  if (file.metadata.size > 0) {
    lines.push("", "metadata");
    for (const [key, value] of file.metadata)
      lines.push(`  ${printable(key, MAX_NAME)}: ${printable(value, MAX_VALUE)}`);
  }
  if (file.sentence) {
    lines.push("", "modules.json and its files");
    for (const [name, value] of sentenceLines(file.sentence)) lines.push(`  ${name}: ${printable(value, MAX_VALUE)}`);
  }
  lines.push("", ...file.files.map((name) => printable(name, 1000)));
  return `${lines.join("\n")}\n`;
}

/**
 * The same as JSON, nothing shortened: `{ files, metadata, tensors: [{ name, dtype, shape, elements, bytes }],
 * elements, bytes }`, of a model's folder `ignored_tensors`, and `sentence_transformers` where the folder has a
 * modules.json. What is not printable is escaped here too, as `\uXXXX`.
 */
export function inspectJson(file: Inspected): string {
  const tensors = [...file.tensors.values()].map(({ name, dtype, shape, byteLength }) => ({
    name,
    dtype,
    shape,
    elements: sizeOf(shape),
    bytes: byteLength,
  }));
  const json = JSON.stringify({
    files: file.files,
    metadata: Object.fromEntries(file.metadata),
    tensors,
    elements: sum(tensors.map((t) => t.elements)),
    bytes: sum(tensors.map((t) => t.bytes)),
    ...(file.ignored && { ignored_tensors: file.ignored }),
    ...(file.sentence && { sentence_transformers: sentenceFields(file.sentence) }),
  });
  // Per UTF-16 unit: a format character beyond U+FFFF becomes a pair of escapes, as JSON writes it.
  return json.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) =>
    Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** A row for each dtype and one for the sum, in the columns of the tensors. */
function totals(tensors: readonly TensorEntry[]): string[][] {
  const row = (label: string, some: readonly TensorEntry[]) => [
    label,
    `${grouped(some.length)} ${some.length === 1 ? "tensor" : "tensors"}`,
    "",
    `${grouped(sum(some.map((t) => sizeOf(t.shape))))} elements`,
    `${grouped(sum(some.map((t) => t.byteLength)))} bytes`,
  ];
  const dtypes = [...new Set(tensors.map((t) => t.dtype))];
  const parts =
    dtypes.length > 1
      ? dtypes.map((dtype) =>
          row(
            dtype,
            tensors.filter((t) => t.dtype === dtype),
          ),
        )
      : [];
  return [...parts, row("total", tensors)];
}

/** Columns as wide as their widest cell, two spaces apart; the last two are numbers, aligned right. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => rows.reduce((width, row) => Math.max(width, lengthOf(row[column])), 0));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const space = " ".repeat(widths[column] - lengthOf(cell));
        return column >= row.length - 2 ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd(),
  );
}

/** The length in code points, so that a name in an astral script does not push its row out of line. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

const inGroups = new Intl.NumberFormat("en-US");

function grouped(n: number): string {
  return inGroups.format(n);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
