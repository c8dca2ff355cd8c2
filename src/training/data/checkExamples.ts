import { expectKnownNames } from "../../options.ts";
import { isTag } from "./conll.ts";
import type { Located } from "./located.ts";
import { recordError, shown } from "./numberedLines.ts";
import { isRelevance, RELEVANCE } from "./rankingExamples.ts";
import type { TaskExamples } from "./readExamples.ts";
import type { FinetuneTask } from "./taskModels.ts";
import { isLabel, LABEL } from "./textExamples.ts";

/** What a field must be. */
interface Field {
  readonly expected: string;
  fits(value: unknown): boolean;
  /** Whether it may be left out. */
  readonly isOptional?: boolean;
}

type Fields = Readonly<Record<string, Field>>;

const isText = (value: unknown): value is string => typeof value === "string";
const isFilled = (value: unknown, fits: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(fits);

const TEXT: Field = { expected: "a string", fits: isText };
const WHERE: Field = { ...TEXT, isOptional: true };
const TEXTS: Fields = {
  where: WHERE,
  text: TEXT,
  text_pair: { ...TEXT, isOptional: true },
  label: { expected: LABEL, fits: isLabel, isOptional: true },
};
const RANKED_TEXTS: Field = {
  expected: "a string or an array of strings",
  fits: (texts) => isText(texts) || (Array.isArray(texts) && texts.every(isText)),
  isOptional: true,
};
const INDEX = {
  expected: "a whole number from 0",
  fits: (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0,
};

const FIELDS: Readonly<Record<FinetuneTask, Fields | null>> = {
  "text-classification": TEXTS,
  "next-sentence-prediction": TEXTS,
  "token-classification": {
    where: WHERE,
    words: { expected: "an array of strings, at least one", fits: (words) => isFilled(words, isText) },
    tags: { expected: "an array of strings or whole numbers, at least one", fits: (tags) => isFilled(tags, isTag) },
  },
  "question-answering": {
    where: WHERE,
    id: TEXT,
    question: TEXT,
    context: TEXT,
    answers: { expected: "an array of { text, start }", fits: (answers) => Array.isArray(answers) },
  },
  "multiple-choice": {
    where: WHERE,
    text: TEXT,
    choices: {
      expected: "an array of strings, at least two",
      fits: (choices) => isFilled(choices, isText) && (choices as string[]).length > 1,
    },
    label: { ...INDEX, isOptional: true },
  },
  "text-ranking": {
    where: WHERE,
    query: TEXT,
    text: { ...TEXT, isOptional: true },
    label: { expected: RELEVANCE, fits: isRelevance, isOptional: true },
    score: { expected: RELEVANCE, fits: isRelevance, isOptional: true },
    positive: RANKED_TEXTS,
    negative: RANKED_TEXTS,
  },
  "fill-mask": null,
  "sentence-embedding": null, // data/sentenceExamples.ts
};

const ANSWER: Fields = {
  text: TEXT,
  start: { expected: "a whole number from 0, or null", fits: (start) => start === null || INDEX.fits(start) },
};

/**
 * Examples that a program gives, checked: no field has another name than those of the task, or another type. One
 * without `where` is then named by its place, `trainDataset[3]`.
 *
 * @param name what the examples are called together
 * @throws BertError ERR_INPUT naming example and field, and for an unknown field the nearest known one
 */
export function checkedExamples<T extends Exclude<FinetuneTask, "fill-mask" | "sentence-embedding">>(
  task: T,
  name: string,
  examples: readonly unknown[],
): Located<TaskExamples[T]>[] {
  return Array.from(examples, (example, i) => {
    const place = `${name}[${i}]`;
    expectFields(place, example, FIELDS[task]!);
    const located = { ...example, where: example.where ?? place } as Located<TaskExamples[T]>;
    if ("words" in located && located.words.length !== located.tags.length) {
      throw recordError(
        located.where,
        "tags",
        `one for each of ${located.words.length} words`,
        String(located.tags.length),
      );
    }
    if ("answers" in located) {
      for (const [a, answer] of located.answers.entries())
        expectFields(`${located.where}: answers[${a}]`, answer, ANSWER);
    }
    return located;
  });
}

/** Texts that a program gives, checked. @throws BertError ERR_INPUT naming what is none */
export function checkedTexts(where: string, name: string, texts: readonly unknown[]): string[] {
  return Array.from(texts, (text, i) => {
    if (isText(text)) return text;
    throw recordError(where, `${name}[${i}]`, "a string", shown(text));
  });
}

function expectFields(
  where: string,
  value: unknown,
  fields: Fields,
): asserts value is Readonly<Record<string, unknown>> & { readonly where?: string } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw recordError(where, "an example", `an object with ${Object.keys(fields).join(", ")}`, shown(value));
  }
  expectKnownNames(where, "field", value, Object.keys(fields));
  for (const [name, { expected, fits, isOptional = false }] of Object.entries(fields)) {
    const found = (value as Readonly<Record<string, unknown>>)[name];
    if (!(found === undefined && isOptional) && !fits(found)) throw recordError(where, name, expected, shown(found));
  }
}
