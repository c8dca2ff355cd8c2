import { quote } from "../../errors.ts";
import { expectKnownNames } from "../../options.ts";
import { classOf } from "../../realm.ts";
import { expectText, wrongArgument } from "../arguments.ts";
import { faultOf } from "../faults.ts";

/** A text for an index, with what is to be found beside it. */
export interface TextRecord<Metadata = unknown> {
  readonly text: string;
  /** Names the text, to find it again and remove it; no other of the index has it. Default: its `index` in digits. */
  readonly id?: string;
  /** Anything that JSON can say: it is kept and saved as JSON, so what comes back is a copy. */
  readonly metadata?: Metadata;
}

/** A text of an index. */
export interface IndexedText<Metadata = unknown> {
  readonly id: string;
  readonly text: string;
  /** How many texts had been added before it. It stays when others are removed. */
  readonly index: number;
  /** Left out where the text was added without. */
  readonly metadata?: Metadata;
}

/** A record, checked. */
export interface CheckedRecord {
  readonly text: string;
  /** null: none was given. */
  readonly id: string | null;
  /** As JSON; null: none was given. */
  readonly metadata: string | null;
}

const FIELDS = ["id", "text", "metadata"];

/** @throws BertError ERR_INPUT it is neither a text nor a record, or a field of it is wrong */
export function expectRecord(where: string, name: string, value: unknown): CheckedRecord {
  if (typeof value === "string") return { text: expectText(where, name, value).text, id: null, metadata: null };
  if (classOf(value) !== "Object") throw wrongArgument(where, name, "a text or { id, text, metadata }", value);
  expectKnownNames(`${where}: ${name}`, "field", value as object, FIELDS);
  const { text, id, metadata } = value as Partial<TextRecord>;
  return {
    text: expectText(where, `${name}.text`, text).text,
    id: id === undefined ? null : expectId(where, `${name}.id`, id),
    metadata: metadata === undefined ? null : expectJson(where, `${name}.metadata`, metadata),
  };
}

/** @throws BertError ERR_INPUT it is no string of one character or more */
export function expectId(where: string, name: string, id: unknown): string {
  if (typeof id !== "string" || id === "") throw wrongArgument(where, name, "a string that is not empty", id);
  return expectText(where, name, id).text;
}

/** How deep metadata may be nested: what parses and writes JSON recurses. */
const DEEPEST = 100;

/**
 * A value as JSON from which `JSON.parse` makes an equal one; of objects, members that are undefined are left out.
 *
 * @throws BertError ERR_INPUT naming the place of what JSON cannot say: a Date, NaN, a circle
 */
function expectJson(where: string, name: string, value: unknown): string {
  const fault = nestingFault(value);
  if (fault !== null) throw faultOf(where, name, `nested at most ${DEEPEST} deep, without circles`, fault);
  check(where, name, value);
  return JSON.stringify(value);
}

/** What is wrong with how a value is nested; null: nothing. A message does not show it: a circle has no end. */
function nestingFault(value: unknown, around: readonly unknown[] = []): string | null {
  if (typeof value !== "object" || value === null) return null;
  if (around.includes(value)) return "has itself in it";
  if (around.length > DEEPEST) return "is deeper";
  for (const member of Object.values(value)) {
    const fault = nestingFault(member, [...around, value]);
    if (fault !== null) return fault;
  }
  return null;
}

function check(where: string, name: string, value: unknown): void {
  if (value === null || typeof value === "boolean" || Number.isFinite(value)) return;
  if (typeof value === "string") {
    expectText(where, name, value);
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) check(where, `${name}[${i}]`, item);
  } else if (isPlain(value)) {
    for (const [key, member] of Object.entries(value)) {
      expectText(where, `a name in ${name}`, key);
      if (member !== undefined) check(where, `${name}[${quote(key)}]`, member);
    }
  } else {
    throw wrongArgument(where, name, "a value that JSON has (a Date is written as a string)", value);
  }
}

/** An object of names and values: no Map or Date, and without a `toJSON` that says something else of it. */
function isPlain(value: unknown): value is object {
  return classOf(value) === "Object" && !("toJSON" in (value as object));
}
