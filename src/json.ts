import { BertError, type BertErrorCode, otherThanMeant, printable, quote, shown } from "./errors.ts";
import { faultOfJson, placeIn } from "./jsonFault.ts";

/** Which numbers are taken, ends included. */
export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
}

/**
 * Reads a text of JSON that others wrote: a file, a line of data, an answer of a server.
 *
 * The text is read as Python's `json` reads it: of two equal keys the last one counts. A byte order mark before it is
 * left out. The values are then asked for by type; each question throws a BertError that names the file, the place in
 * it and the value that was found, so that no value of a wrong type gets any further.
 *
 * @param file how messages call the text: a file, with its line where it has lines
 * @param code the code of every error of this text
 * @throws BertError `code` the text is no JSON
 * @example
 * const json = parseJson('{"model": {"type": "BPE"}}', "tokenizer.json", "ERR_VOCABULARY");
 * json.get("model").get("type").asChoice(["WordPiece"]);
 * // BertError: tokenizer.json: model.type must be "WordPiece", got "BPE"
 */
export function parseJson(text: string, file: string, code: BertErrorCode): Json {
  try {
    return new Json(JSON.parse(text.startsWith("\ufeff") ? text.slice(1) : text), file, "", code);
  } catch (cause) {
    const other = otherThanMeant(text);
    throw new BertError(code, `${file}: must be JSON, ${other ? `is ${other}` : foundIn(text, cause)}`, { cause });
  }
}

/** A value in a text of JSON, with its place there. */
export class Json {
  /** As `JSON.parse` gives it; undefined: it is not there. */
  readonly value: unknown;
  /** Such as `model.vocab["the"]`; empty for the text as a whole. */
  readonly place: string;
  private readonly file: string;
  private readonly code: BertErrorCode;

  /** Call `parseJson`; or this, for a value that has been parsed already. */
  constructor(value: unknown, file: string, place: string, code: BertErrorCode) {
    this.value = value;
    this.file = file;
    this.place = place;
    this.code = code;
  }

  /** Whether it is not there, or null, which Hugging Face's files write for the same. */
  get isMissing(): boolean {
    return this.value === undefined || this.value === null;
  }

  get isObject(): boolean {
    return typeof this.value === "object" && this.value !== null && !Array.isArray(this.value);
  }

  get isArray(): boolean {
    return Array.isArray(this.value);
  }

  /** A member of an object, or what stands for one that it does not have. @throws BertError it is no object */
  get(key: string): Json {
    const object = this.asObject();
    return this.at(Object.hasOwn(object, key) ? object[key] : undefined, key);
  }

  /** The members of an object, in order. @throws BertError it is no object */
  entries(): [string, Json][] {
    return Object.entries(this.asObject()).map(([key, value]) => [key, this.at(value, key)]);
  }

  /** The items of an array. @throws BertError it is no array */
  items(): Json[] {
    if (!Array.isArray(this.value)) throw this.error("an array");
    return this.value.map((item, i) => new Json(item, this.file, `${this.place}[${i}]`, this.code));
  }

  /** @throws BertError it is no object */
  asObject(): Readonly<Record<string, unknown>> {
    if (!this.isObject) throw this.error("an object");
    return this.value as Readonly<Record<string, unknown>>;
  }

  /** @throws BertError it is no string, or one with a lone surrogate, which is no character and cannot be written */
  asString(): string {
    if (typeof this.value !== "string") throw this.error("a string");
    if (!this.value.isWellFormed()) throw this.error("well-formed Unicode");
    return this.value;
  }

  /** @throws BertError it is neither true nor false */
  asBoolean(): boolean {
    if (typeof this.value !== "boolean") throw this.error("true or false");
    return this.value;
  }

  /** @throws BertError it is no finite number in the range */
  asNumber({ min = -Number.MAX_VALUE, max = Number.MAX_VALUE }: NumberRange = {}): number {
    const { value } = this;
    if (typeof value !== "number" || !(value >= min && value <= max)) throw this.error(`a number${rangeOf(min, max)}`);
    return value;
  }

  /** @throws BertError it is no whole number in the range; `2.0` and `2e0` are whole */
  asInteger({ min = 0, max = Number.MAX_SAFE_INTEGER }: NumberRange = {}): number {
    const { value } = this;
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      throw this.error(`a whole number${rangeOf(min, max)}`);
    }
    return value as number;
  }

  /** @throws BertError it is none of these strings */
  asChoice<const Choice extends string>(choices: readonly Choice[]): Choice {
    if (choices.includes(this.value as Choice)) return this.value as Choice;
    throw this.error(choices.length === 1 ? quote(choices[0]) : `one of ${choices.join(", ")}`);
  }

  /** What `read` makes of it; the fallback if it is missing. */
  or<Fallback, Value>(fallback: Fallback, read: (json: Json) => Value): Fallback | Value {
    return this.isMissing ? fallback : read(this);
  }

  /** `tokenizer.json: model.vocab must be an object, got 3`: to be thrown. */
  error(expected: string): BertError {
    return this.fault(`must be ${expected}, ${this.value === undefined ? "is missing" : `got ${shown(this.value)}`}`);
  }

  /** An error about this place in words of the caller's, `tokenizer.json: model ${what}`: to be thrown. */
  fault(what: string): BertError {
    return new BertError(this.code, `${this.file}: ${this.place === "" ? "" : `${this.place} `}${what}`);
  }

  private at(value: unknown, key: string): Json {
    const name = /^[A-Za-z_]\w*$/.test(key) ? `${this.place === "" ? "" : "."}${key}` : `[${quote(key)}]`;
    return new Json(value, this.file, `${this.place}${name}`, this.code);
  }
}

function rangeOf(min: number, max: number): string {
  if (min === -Number.MAX_VALUE && max === Number.MAX_VALUE) return "";
  const to = max === Number.MAX_SAFE_INTEGER || max === Number.MAX_VALUE ? "" : ` to ${max}`;
  return min === -Number.MAX_VALUE ? ` of at most ${max}` : ` from ${min}${to}`;
}

/** A text of one line is shown whole up to so many characters, else the place where it stops being JSON. */
const SHORT = 200;
/** So much of the line is shown from there. */
const EXCERPT = 40;

/** What stands in a text where JSON should. */
function foundIn(text: string, cause: unknown): string {
  const at = faultOfJson(text);
  const [word] = /^(-?Infinity|NaN)?/.exec(text.slice(at, at + 9)) as RegExpExecArray;
  const reason = word === "" ? reasonOf(cause) : `JSON has no ${word}, though Python's json writes and reads it`;
  if (text.length <= SHORT && !text.trimEnd().includes("\n")) return `got ${quote(text)}: ${reason}`;
  const [rest] = /^.*/.exec(text.slice(at)) as RegExpExecArray;
  const got = at === text.length ? "ends" : `got ${quote(word || printable(rest, EXCERPT))}`;
  return `${got} at ${placeIn(text, at)}: ${reason.replace(/ in JSON at position .*$/, "")}`;
}

/** What the engine says, without the text itself, of which V8 quotes a part of its own choice. */
function reasonOf(cause: unknown): string {
  const message = (cause as Error).message.replace(/,? ?(\.\.\.)?".*"(\.\.\.)? is not valid JSON$/s, "");
  return message === "" ? "not valid" : message;
}
