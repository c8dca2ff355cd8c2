import { BertError } from "../../errors.ts";
import type { Located } from "./located.ts";
import { recordError, shown } from "./numberedLines.ts";
import type { TextExample } from "./textExamples.ts";

/**
 * The different labels of examples in the order in which Hugging Face's run_glue.py and run_ner.py number them, sorted:
 * by number if every label is a whole number ("2" before "10", as a CSV column of such is read there), else by code
 * point.
 *
 * @param labels as the examples have them; numbers count as their decimal strings
 * @returns      the config's labels: the one with index 0 first
 * @throws BertError ERR_INPUT there are none
 */
export function labelNames(labels: Iterable<string | number>): string[] {
  const names = [...new Set(Array.from(labels, String))];
  if (names.length === 0) throw new BertError("ERR_INPUT", "labelNames: labels must have at least one label, got none");
  return names.sort(names.every((name) => WHOLE_NUMBER.test(name)) ? (a, b) => Number(a) - Number(b) : byCodePoint);
}

const WHOLE_NUMBER = /^(0|-?[1-9]\d{0,14})$/;

/** The order of Python's strings. JavaScript's own compares UTF-16 units, which puts U+1F600 before U+FFFD. */
function byCodePoint(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  for (let i = 0; i < left.length && i < right.length; i++) {
    if (left[i] !== right[i]) return left[i].codePointAt(0)! - right[i].codePointAt(0)!;
  }
  return left.length - right.length;
}

/**
 * Label → index, the config's label2id.
 *
 * @throws BertError ERR_INPUT a label twice, or none at all
 */
export function labelIds(names: readonly string[]): ReadonlyMap<string, number> {
  const ids = new Map(names.map((name, id) => [name, id]));
  if (ids.size > 0 && ids.size === names.length) return ids;
  const got = ids.size === 0 ? "none" : `${shown(names.find((name, i) => names.indexOf(name) !== i))} twice`;
  throw new BertError("ERR_INPUT", `labelIds: names must be different labels, at least one, got ${got}`);
}

/**
 * The index of a label.
 *
 * @throws BertError ERR_INPUT, naming file and line: the label is none of the known
 */
export function labelId(ids: ReadonlyMap<string, number>, label: string | number, where: string): number {
  const id = ids.get(String(label));
  if (id !== undefined) return id;
  const names = [...ids.keys()];
  const more = names.length > 20 ? ", …" : "";
  throw recordError(where, "label", `one of ${names.slice(0, 20).map(shown).join(", ")}${more}`, shown(label));
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
