import type { DataRow } from "./dataRow.ts";
import { at, attempt, numberedLines, type ReadOptions, recordError, shown, type TextLines } from "./numberedLines.ts";

/**
 * Rows of a JSON lines file: one JSON object on each line, as jsonlines.org describes it. An empty line is no object,
 * so it is refused too, but for what follows the last "\n".
 *
 * @yields each object's members under their names
 * @throws BertError ERR_INPUT, naming file and line: a line that is no JSON object
 * @example
 * const text = '{"text": "Well.", "label": 1}\n';
 * for await (const { values } of readJsonLines(text, { file: "a.jsonl" })) values.get("label"); // 1
 */
export async function* readJsonLines(input: TextLines, options: ReadOptions): AsyncGenerator<DataRow, void, undefined> {
  for await (const { number, text } of numberedLines(input, options.file)) {
    const row = attempt(() => rowOf(at(options.file, number), text), options);
    if (row) yield row;
  }
}

function rowOf(where: string, text: string): DataRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw recordError(where, "a line", "a JSON object", shown(text), { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw recordError(where, "a line", "a JSON object", shown(value));
  }
  return { where, values: new Map(Object.entries(value)) };
}
