import { expectKnownNames } from "../../options.ts";
import { recordError, shown } from "./numberedLines.ts";

/** An anchor, such as a query, and a text that belongs to it; beside them texts that do not. */
export interface PairExample {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly anchor: string;
  readonly positive: string;
  /** One text, or several. */
  readonly negative?: string | readonly string[];
  /** More of them: `negative_1`, `negative_2`, …. */
  readonly [negative: `negative_${number}`]: string;
}

/** Two texts, and how alike they are. */
export interface ScoredExample {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly sentence1: string;
  readonly sentence2: string;
  readonly score: number;
}

/** A text alone, of which a teacher has a vector. */
export interface SentenceText {
  /** Where the text stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly text: string;
}

/** An example for a model that makes vectors of texts, named as sentence-transformers' data sets name it. */
export type SentenceExample = PairExample | ScoredExample | SentenceText;

/** An example as it is learned. */
export interface SentenceGroup {
  readonly where: string;
  /** The two that belong together, then the negatives. */
  readonly texts: readonly [string, string, ...string[]];
  /** How alike the two are; null: they belong together. */
  readonly score: number | null;
}

/** Negatives may go on in fields, and in columns, of these names. */
export const NUMBERED: RegExp = /^negative_\d+$/;

/** The fields of an example, and whether each may be left out. */
const PAIR = { where: true, anchor: false, positive: false, negative: true };
const SCORED = { where: true, sentence1: false, sentence2: false, score: false };

/**
 * Examples that a program gives or a file has, checked: no field has another name or another type, all are of the kind
 * of the first, no text is blank, and no negative is the anchor or the positive of its example.
 *
 * @param name what the examples are called together
 * @throws BertError ERR_INPUT naming example and field, and for an unknown field the nearest known one
 */
export function checkedSentences(name: string, examples: readonly unknown[]): SentenceGroup[] {
  const isScored = isScoredExample(examples[0]);
  return Array.from(examples, (example, i) => {
    const place = `${name}[${i}]`;
    if (isText(example)) throw recordError(placeOf(example, place), "an example", "anchor and positive, or sentence1, sentence2 and score", "a text alone, which is learned from with teacher"); // biome-ignore format: one line
    if (typeof example !== "object" || example === null || Array.isArray(example)) {
      throw recordError(place, "an example", "an object with anchor, positive, negative or with sentence1, sentence2, score", shown(example)); // biome-ignore format: one line
    }
    const fields = example as Readonly<Record<string, unknown>>;
    const where = typeof fields.where === "string" ? fields.where : place;
    if (isScoredExample(example) !== isScored) {
      const kinds = ["anchor and positive", "sentence1, sentence2 and score"];
      const [expected, got] = isScored ? kinds.toReversed() : kinds;
      throw recordError(where, "an example", `${expected}, as the first has`, got);
    }
    return isScored ? scoredGroup(where, fields) : pairGroup(where, fields);
  });
}

/** Whether an example is a text alone: a string, or an object with `text`. */
export function isText(example: unknown): example is string | { readonly text: unknown } {
  if (typeof example !== "object" || example === null) return typeof example === "string";
  return "text" in example && !("anchor" in example) && !isScoredExample(example);
}

/** Where an example says that it stands; else its place in the data set. */
function placeOf(example: unknown, place: string): string {
  const where = (example as { readonly where?: unknown }).where;
  return typeof where === "string" ? where : place;
}

/**
 * Texts alone, checked: strings, or objects with `text`.
 *
 * @throws BertError ERR_INPUT as `checkedSentences`
 */
export function checkedTextsAlone(
  name: string,
  examples: readonly unknown[],
): { readonly where: string; readonly text: string }[] {
  return Array.from(examples, (example, i) => {
    const where = placeOf(example ?? {}, `${name}[${i}]`);
    if (!isText(example)) throw recordError(where, "an example", "a text, as the first is", shown(example));
    if (typeof example === "string") {
      if (!isFilled(example)) throw recordError(where, "a text", TEXT, shown(example));
      return { where, text: example };
    }
    expectKnownNames(where, "field", example, ["where", "text"]);
    return { where, text: textOf(where, example as Readonly<Record<string, unknown>>, "text") };
  });
}

function isScoredExample(example: unknown): boolean {
  return typeof example === "object" && example !== null && ("sentence1" in example || "score" in example);
}

function scoredGroup(where: string, fields: Readonly<Record<string, unknown>>): SentenceGroup {
  expectKnownNames(where, "field", fields, Object.keys(SCORED));
  const { score } = fields;
  if (typeof score !== "number" || !Number.isFinite(score)) throw recordError(where, "score", "a finite number", shown(score)); // biome-ignore format: one line
  return { where, texts: [textOf(where, fields, "sentence1"), textOf(where, fields, "sentence2")], score };
}

function pairGroup(where: string, fields: Readonly<Record<string, unknown>>): SentenceGroup {
  const numbered = Object.keys(fields).filter((field) => NUMBERED.test(field));
  expectKnownNames(where, "field", fields, [...Object.keys(PAIR), ...numbered]);
  const { negative = [] } = fields;
  const several = Array.isArray(negative) ? negative : [negative];
  const wrong = several.findIndex((text) => !isFilled(text));
  if (wrong >= 0) {
    const field = Array.isArray(negative) ? `negative[${wrong}]` : "negative";
    throw recordError(where, field, Array.isArray(negative) ? TEXT : `${TEXT}, or an array of them`, shown(several[wrong])); // biome-ignore format: one line
  }
  const more = numbered.map((field) => textOf(where, fields, field));
  const [anchor, positive] = [textOf(where, fields, "anchor"), textOf(where, fields, "positive")];
  const negatives = [...(several as string[]), ...more];
  const same = negatives.findIndex((text) => text === positive || text === anchor);
  if (same >= 0) {
    const field = numbered[same - several.length] ?? (Array.isArray(negative) ? `negative[${same}]` : "negative");
    const other = negatives[same] === positive ? "positive" : "anchor";
    throw recordError(where, field, `another text than ${other}`, shown(negatives[same]));
  }
  return { where, texts: [anchor, positive, ...negatives], score: null };
}

const TEXT = "a string that is not blank";
const isFilled = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";

function textOf(where: string, fields: Readonly<Record<string, unknown>>, field: string): string {
  const value = fields[field];
  if (isFilled(value)) return value;
  throw recordError(where, field, TEXT, shown(value));
}
