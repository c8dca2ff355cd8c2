import type { Json } from "../../json.ts";
import { expectKnownOptions } from "../../options.ts";
import { readJsonObjects } from "./jsonLines.ts";
import { attempt, READ_OPTIONS, type ReadOptions } from "./numberedLines.ts";
import { placedAnswer, type SquadAnswer } from "./squadAnswer.ts";

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
 * Questions of a file of SQuAD 1.1 (Rajpurkar et al. 2016) or 2.0 (2018), or of records as Hugging Face's data set
 * `squad` has them: JSON lines or an array, each with `id`, `question`, `context` and `answers: { text: […],
 * answer_start: […] }`. A question of 2.0 with `is_impossible: true` has no answers, nor has a record whose lists are
 * empty. The files count `answer_start` in code points; here it is in UTF-16 units, as everywhere in JavaScript.
 *
 * An answer that stands elsewhere than `answer_start` says is looked for among the words there, as run_squad.py does;
 * where it is not among them, its `start` is null.
 *
 * @param text the whole file
 * @throws BertError ERR_INPUT the file is no such JSON; naming the place in it: a text that is missing, no answer
 *   without `is_impossible: true` or one with it, an id for the second time
 */
export function readSquad(text: string, options: ReadOptions): SquadExample[] {
  expectKnownOptions("readSquad", options, READ_OPTIONS);
  const { file } = options;
  const examples: SquadExample[] = [];
  const ids = new Set<string>();
  const read = (question: Json, where: string, context: Context, isRecord: boolean) => {
    const example = attempt(() => exampleOf(question, where, context, isRecord, ids), options);
    if (example) examples.push(example);
  };
  for (const { json, where } of readJsonObjects(text, file).objects) {
    if (json.get("paragraphs").value === undefined) {
      const record = attempt(() => contextOf(json), options);
      if (record) read(json, where, record, true);
      continue;
    }
    for (const paragraph of json.get("paragraphs").items()) {
      const context = contextOf(paragraph);
      for (const question of paragraph.get("qas").items()) read(question, `${file}: ${question.place}`, context, false);
    }
  }
  return examples;
}

/** A context, and its positions in UTF-16 units by those in code points. */
interface Context {
  readonly text: string;
  toUtf16(position: number): number | null;
}

function contextOf(json: Json): Context {
  const text = json.get("context").asString();
  // Most contexts have no surrogates, and there the two are the same.
  const starts = /[\ud800-\udbff]/.test(text) ? [0] : undefined;
  if (starts) for (const character of text) starts.push(starts.at(-1)! + character.length);
  return { text, toUtf16: (position) => (starts ? (starts[position] ?? null) : position) };
}

function exampleOf(question: Json, where: string, context: Context, isRecord: boolean, ids: Set<string>): SquadExample {
  const id = question.get("id");
  if (ids.has(id.asString())) throw id.error("that of no other question");
  const isImpossible = question.get("is_impossible").or(false, (value) => value.asBoolean());
  const list = question.get("answers");
  const answers = answersIn(list).map(({ text, start }): SquadAnswer => {
    return placedAnswer(context.text, text.asString(), context.toUtf16(start.asInteger()));
  });
  if (isImpossible && answers.length > 0)
    throw list.fault(`must be none, as is_impossible is true, got ${answers.length}`);
  if (!isImpossible && !isRecord && answers.length === 0)
    throw list.fault("must be at least one, or is_impossible true, got none");
  ids.add(id.asString());
  return { where, id: id.asString(), question: question.get("question").asString(), context: context.text, answers };
}

/** SQuAD's list of objects, or the object of lists in Hugging Face's data set. */
function answersIn(list: Json): { text: Json; start: Json }[] {
  if (!list.isObject)
    return list.items().map((answer) => ({ text: answer.get("text"), start: answer.get("answer_start") }));
  const [texts, starts] = [list.get("text").items(), list.get("answer_start").items()];
  if (texts.length === starts.length) return texts.map((text, i) => ({ text, start: starts[i] }));
  throw list.get("answer_start").fault(`must be as many as the texts, ${texts.length}, got ${starts.length}`);
}
