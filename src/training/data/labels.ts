import { BertError, listed } from "../../errors.ts";
import type { Located } from "./located.ts";
import { recordError, shown } from "./numberedLines.ts";
import type { TextExample } from "./textExamples.ts";

/** The label of a class: its name, its index, or one of two. */
export type ClassName = string | number | boolean;

const WHOLE_NUMBER = /^(0|-?[1-9]\d{0,14})$/;

/** A name or number that stands for a whole number. */
function isWhole(label: ClassName): boolean {
  return typeof label === "string" ? WHOLE_NUMBER.test(label) : Number.isSafeInteger(label);
}

/**
 * The different labels of examples in the order in which Hugging Face's run_glue.py and run_ner.py number them, sorted:
 * by number if every label is a whole number ("2" before "10", as a CSV column of such is read there), else by code
 * point; false before true.
 *
 * @param labels as the examples have them; numbers count as their decimal strings, booleans as "false" and "true"
 * @returns      the config's labels: the one with index 0 first
 * @throws BertError ERR_INPUT there are none, or they are of two kinds, such as a name and a number
 */
export function labelNames(labels: Iterable<ClassName>): string[] {
  const different = [...new Set(labels)];
  const odd = kindConflict(different);
  if (odd !== null) {
    const got = `${shown(different[0])} and ${shown(odd)}`;
    throw new BertError("ERR_INPUT", `labelNames: labels must be all names, all numbers or all booleans, got ${got}`);
  }
  const long = different.find((label) => Number.isInteger(label) && !Number.isSafeInteger(label));
  if (long !== undefined) {
    const expected = "strings where they have more digits than a number holds";
    throw new BertError("ERR_INPUT", `labelNames: labels must be ${expected}, got ${shown(long)}`);
  }
  const names = [...new Set(Array.from(different, String))];
  if (names.length === 0) throw new BertError("ERR_INPUT", "labelNames: labels must have at least one label, got none");
  return names.sort(names.every(isWhole) ? (a, b) => Number(a) - Number(b) : byCodePoint);
}

/** The first label that is of another kind than the first of all; null: there is none, or all are whole numbers. */
export function kindConflict(labels: readonly ClassName[]): ClassName | null {
  const odd = labels.find((label) => typeof label !== typeof labels[0]);
  return odd === undefined || labels.every(isWhole) ? null : odd;
}

/** The order of Python's strings. JavaScript's own compares UTF-16 units, which puts U+1F600 before U+FFFD. */
function byCodePoint(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  for (let i = 0; i < left.length && i < right.length; i++) {
    if (left[i] !== right[i]) return left[i].codePointAt(0)! - right[i].codePointAt(0)!;
  }
  return left.length - right.length;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The number that a string writes in decimal; NaN if it writes none. */
export function decimalOf(text: string): number {
  return NUMBER.test(text) ? Number(text) : Number.NaN;
}

/** Name → index, the config's label2id, and what it means for labels of examples. */
export interface LabelIds {
  readonly ids: ReadonlyMap<string, number>;
  /** Whether all names write numbers: then a number is a name, and no index. */
  readonly areNumbers: boolean;
}

/**
 * Label → index.
 *
 * @throws BertError ERR_INPUT a label twice, or none at all
 */
export function labelIds(names: readonly string[]): LabelIds {
  const ids = new Map(names.map((name, id) => [name, id]));
  if (ids.size > 0 && ids.size === names.length) return { ids, areNumbers: names.every((name) => NUMBER.test(name)) };
  const got = ids.size === 0 ? "none" : `${shown(names.find((name, i) => names.indexOf(name) !== i))} twice`;
  throw new BertError("ERR_INPUT", `labelIds: names must be different labels, at least one, got ${got}`);
}

/**
 * The index of a label, by the rules of `ClassLabel` in Hugging Face's datasets: a string is a name, or else writes an
 * index; a number is an index, but a name where the names are numbers themselves (1 … 5 stars). A boolean is the name
 * "false" or "true", in any capitals.
 *
 * @throws BertError ERR_INPUT, naming file and line: the label is none of the known
 */
export function labelId({ ids, areNumbers }: LabelIds, label: ClassName, where: string): number {
  const isIndex = typeof label === "number" && !areNumbers;
  const id = isIndex ? undefined : ids.get(String(label));
  if (id !== undefined) return id;
  if (typeof label === "boolean") {
    const name = [...ids.keys()].find((known) => known.toLowerCase() === String(label));
    if (name !== undefined) return ids.get(name)!;
  } else if (!areNumbers && isWhole(label)) {
    const index = Number(label);
    if (index >= 0 && index < ids.size) return index;
  }
  const known = listed([...ids.keys()].map(shown));
  const expected = isIndex ? `a whole number from 0 to ${ids.size - 1}, an index of ${known}` : `one of ${known}`;
  throw recordError(where, "label", expected, shown(label));
}

/**
 * Labels that were found, in the order of the classifier that training begins with, as run_ner.py has it: where they
 * are the same names, or its indices all of them, its head goes on with the classes that it knows.
 *
 * @param start its labels; null: it is no classifier of this kind
 */
export function orderOf(start: readonly string[] | null, found: readonly string[]): readonly string[] {
  if (start?.length !== found.length) return found;
  const isSame = start.every((name) => found.includes(name)) || found.every((name, i) => name === String(i));
  return isSame ? start : found;
}

/**
 * ERR_INPUT: with one class there is nothing to tell apart, and config.json would mean a regression.
 *
 * @param where an example that has it
 */
export function oneLabel(name: string, where?: string): BertError {
  const got = `${shown(name)}${where === undefined ? "" : `, as in ${where}`}`;
  return new BertError("ERR_INPUT", `finetune: there must be at least two labels, got only ${got}`);
}

/**
 * The label of an example that must have one.
 *
 * @throws BertError ERR_INPUT, naming file and line: it has none, as in the test files of GLUE
 */
export function labelOf({ label, where }: Located<TextExample>): NonNullable<TextExample["label"]> {
  if (label === undefined) throw recordError(where, "label", "there", "none");
  return label;
}
