import { type Json, parseJson } from "../../json.ts";
import { expectKnownOptions } from "../../options.ts";
import type { DataRow } from "./dataRow.ts";
import { at, attempt, numberedLines, READ_OPTIONS, type ReadOptions, type TextLines } from "./numberedLines.ts";

/**
 * Rows of a JSON lines file: one JSON object on each line, as jsonlines.org describes it. Blank lines are left out, as
 * Hugging Face's datasets leaves them out.
 *
 * @yields each object's members under their names
 * @throws BertError ERR_INPUT, naming file and line: a line that is no JSON object
 * @example
 * const text = '{"text": "Well.", "label": 1}\n';
 * for await (const { values } of readJsonLines(text, { file: "a.jsonl" })) values.get("label"); // 1
 */
export async function* readJsonLines(input: TextLines, options: ReadOptions): AsyncGenerator<DataRow, void, undefined> {
  expectKnownOptions("readJsonLines", options, READ_OPTIONS);
  for await (const { number, text } of numberedLines(input, options.file)) {
    if (BLANK.test(text)) continue;
    const where = at(options.file, number);
    const row = attempt(() => rowOf(where, parseJson(text, where, "ERR_INPUT")), options);
    if (row) yield row;
  }
}

/** What JSON calls whitespace. */
const BLANK = /^\ufeff?[ \t\r]*$/;

/** Objects of a file, and how many brackets are open around the members of each. */
export interface JsonObjects {
  readonly objects: readonly { readonly where: string; readonly json: Json }[];
  readonly depth: number;
}

/**
 * The objects of a file with JSON in it: one on each line, those of an array, those of an array that an object has as
 * `data` (what `load_dataset("json", field="data")` reads), or one alone.
 *
 * @throws BertError ERR_INPUT, naming file and place: no JSON, or something else than an object where one must be
 */
export function readJsonObjects(text: string, file: string): JsonObjects {
  const whole = wholeJson(text, file);
  if (whole === null) {
    const lines = text.split("\n").map((line, i) => ({ line, where: at(file, i + 1) }));
    const filled = lines.filter(({ line }) => !BLANK.test(line));
    return { objects: filled.map(({ line, where }) => objectOf(where, parseJson(line, where, "ERR_INPUT"))), depth: 1 };
  }
  const list = whole.isObject ? whole.get("data") : whole;
  if (!list.isArray) return { objects: [objectOf(file, whole)], depth: 1 };
  const objects = list.items().map((json) => objectOf(`${file}: ${json.place}`, json));
  return { objects, depth: whole.isObject ? 3 : 2 };
}

/** Rows of such a file. */
export function readJsonRows(
  text: string,
  file: string,
): { readonly rows: readonly DataRow[]; readonly depth: number } {
  const { objects, depth } = readJsonObjects(text, file);
  return { rows: objects.map(({ where, json }) => rowOf(where, json)), depth };
}

function objectOf(where: string, json: Json): JsonObjects["objects"][number] {
  json.asObject();
  return { where, json };
}

/**
 * A text that is one array, or one object over several lines or with `data`; null: a text with an object on each line.
 *
 * @throws BertError ERR_INPUT an array that is none
 */
function wholeJson(text: string, file: string): Json | null {
  const start = text.search(/[^\s\ufeff]/);
  if (start < 0) return null;
  const end = text.indexOf("\n", start);
  const isOneLine = end < 0 || !/\S/.test(text.slice(end));
  if (text[start] === "[") return parseJson(text, file, "ERR_INPUT");
  if (!isOneLine && jsonOrNull(text.slice(start, end), file)) return null;
  const whole = jsonOrNull(text, file);
  return whole?.isObject && (!isOneLine || whole.get("data").isArray) ? whole : null;
}

function jsonOrNull(text: string, file: string): Json | null {
  try {
    return parseJson(text, file, "ERR_INPUT");
  } catch {
    return null;
  }
}

function rowOf(where: string, json: Json): DataRow {
  return { where, values: new Map(Object.entries(json.asObject())) };
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;
const BROKEN = /^-?\d+(?:\.|e)/i;

/**
 * Whether a text of JSON writes a number with a point or an exponent as the value of a member, `1.0` and `1e1` too:
 * Python then reads floats, where JavaScript has one type for all numbers.
 *
 * @param depth how many brackets are open around the member
 */
export function writesFloats(text: string, member: string, depth: number): boolean {
  const name = JSON.stringify(member);
  let open = 0;
  let isNamed = false; // the tokens before are the name and ":"
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") open++;
    else if (token === "}" || token === "]") open--;
    else if (isNamed && BROKEN.test(token)) return true;
    isNamed = token === ":" && last === name && open === depth;
    last = token;
  }
  return false;
}
