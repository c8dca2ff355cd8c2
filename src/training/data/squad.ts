import { BertError } from "../../errors.ts";
import { messageOf } from "../../realm.ts";
import { attempt, type ReadOptions, recordError, shown } from "./numberedLines.ts";

/** A part of a context that answers a question. */
export interface SquadAnswer {
  readonly text: string;
  /** Where the answer begins in the context, in UTF-16 units: `context.slice(start, start + text.length) === text`. */
  readonly start: number;
}

/** A question on a context, and its answers. */
export interface SquadExample {
  /**
   * Where it stands, as errors say it: `train-v1.1.json: data[3].paragraphs[0].qas[2]`. Left out: its place in the data
   * set, `trainDataset[3]`.
   */
  readonly where?: string;
  readonly id: string;
  readonly question: string;
  readonly context: string;
  /** At least one; none if the context does not answer the question, as version 2 of SQuAD has it. */
  readonly answers: readonly SquadAnswer[];
}

/**
 * Questions of a file of SQuAD 1.1 (Rajpurkar et al. 2016) or 2.0 (2018). A question of 2.0 with `is_impossible: true`
 * has no answers. The files count `answer_start` in code points; here it is in UTF-16 units, as everywhere in
 * JavaScript.
 *
 * @param text the whole file: it is one JSON object
 * @throws BertError ERR_INPUT the file is no such JSON; naming the place in it: a text that is missing, an answer that
 *   does not stand where `answer_start` says, no answer without `is_impossible: true` or one with it, an id for the
 *   second time
 */
export function readSquad(text: string, options: ReadOptions): SquadExample[] {
  const { file } = options;
  const examples: SquadExample[] = [];
  const ids = new Set<string>();
  for (const { value: article, path } of listIn(parse(text, file), `${file}: `, "data")) {
    for (const { value: paragraph, path: at } of listIn(article, path, "paragraphs")) {
      const context = stringIn(paragraph, at, "context");
      const toUtf16 = utf16Positions(context);
      for (const { value: question, path: where } of listIn(paragraph, at, "qas")) {
        const example = attempt(() => exampleOf(question, where, context, toUtf16, ids), options);
        if (example) examples.push(example);
      }
    }
  }
  return examples;
}

type Json = { readonly [name: string]: unknown };

function parse(text: string, file: string): Json {
  try {
    return objectOf(JSON.parse(text.startsWith("\ufeff") ? text.slice(1) : text), file);
  } catch (cause) {
    if (cause instanceof BertError) throw cause;
    throw recordError(file, "the file", "JSON", messageOf(cause), { cause });
  }
}

function exampleOf(
  question: Json,
  where: string,
  context: string,
  toUtf16: (position: unknown) => number | undefined,
  ids: Set<string>,
): SquadExample {
  const id = stringIn(question, where, "id");
  if (ids.has(id)) throw recordError(where, "id", "that of no other question", `${shown(id)} again`);
  const impossible = question.is_impossible ?? false;
  if (typeof impossible !== "boolean") throw recordError(where, "is_impossible", "true or false", shown(impossible));
  const answers = listIn(question, where, "answers").map(({ value, path }): SquadAnswer => {
    const answer = stringIn(value, path, "text");
    const start = toUtf16(value.answer_start);
    if (start !== undefined && answer !== "" && context.startsWith(answer, start)) return { text: answer, start };
    throw recordError(path, "answer_start", `where ${shown(answer)} begins in the context`, shown(value.answer_start));
  });
  if (impossible && answers.length > 0)
    throw recordError(where, "answers", "none, as is_impossible is true", `${answers.length}`);
  if (!impossible && answers.length === 0)
    throw recordError(where, "answers", "at least one, or is_impossible true", "none");
  ids.add(id);
  return { where, id, question: stringIn(question, where, "question"), context, answers };
}

/**
 * The function from positions in code points to positions in UTF-16 units; it gives undefined for what is no position.
 */
function utf16Positions(text: string): (position: unknown) => number | undefined {
  // Most contexts have no surrogates, and there the two are the same.
  const starts = /[\ud800-\udbff]/.test(text) ? [0] : undefined;
  if (starts) for (const character of text) starts.push(starts.at(-1)! + character.length);
  const last = starts ? starts.length - 1 : text.length;
  return (position) => {
    if (!Number.isInteger(position) || (position as number) < 0 || (position as number) > last) return undefined;
    return starts ? starts[position as number] : (position as number);
  };
}

function objectOf(value: unknown, where: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw recordError(where, "this", "an object", shown(value));
}

function listIn(object: Json, where: string, name: string): { value: Json; path: string }[] {
  const list = object[name];
  if (!Array.isArray(list)) throw recordError(where.replace(/: $/, ""), name, "an array", shown(list));
  const prefix = where.endsWith(": ") ? where : `${where}.`;
  return list.map((item: unknown, i) => {
    const path = `${prefix}${name}[${i}]`;
    return { value: objectOf(item, path), path };
  });
}

function stringIn(object: Json, where: string, name: string): string {
  const value = object[name];
  if (typeof value === "string") return value;
  throw recordError(where, name, "a string", shown(value));
}
