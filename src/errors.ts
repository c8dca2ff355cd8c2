import { classOf } from "./realm.ts";

/**
 * What kind of mistake an error reports:
 *
 * - `ERR_INPUT`: a text, batch or option handed to the library
 * - `ERR_SHAPE`: a tensor whose shape does not fit
 * - `ERR_CHECKPOINT`: a weights file, its index or its config.json
 * - `ERR_VOCABULARY`: a vocabulary or tokenizer file
 * - `ERR_BACKEND`: a backend that is unknown, unavailable or already disposed of
 * - `ERR_FILE`: a file that is missing, not readable, or not writable
 * - `ERR_TRAINING`: a run whose loss or gradients are no longer finite, or an output that is not in an evaluation
 * - `ERR_HUB`: a model that a hub does not give: not there, no access, no connection, not what was announced
 * - `ERR_ABORTED`: the caller's `AbortSignal` fired
 */
export type BertErrorCode =
  | "ERR_INPUT"
  | "ERR_SHAPE"
  | "ERR_CHECKPOINT"
  | "ERR_VOCABULARY"
  | "ERR_BACKEND"
  | "ERR_FILE"
  | "ERR_TRAINING"
  | "ERR_HUB"
  | "ERR_ABORTED";

/**
 * Every error that this library throws on purpose. Branch on `code`; the message is a sentence for people:
 * function, argument, what it must be, what it was.
 *
 * @example
 * try {
 *   tokenizer.encode(text, { truncation: "only_second" });
 * } catch (error) {
 *   if (error instanceof BertError && error.code === "ERR_INPUT") console.error(error.message);
 * }
 */
export class BertError extends Error {
  override readonly name = "BertError";
  readonly code: BertErrorCode;

  constructor(code: BertErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What is wrong with a file or folder. */
export function fileError(where: string, path: string, reason: string, cause?: unknown): BertError {
  return new BertError("ERR_FILE", `${where}: ${path}: ${reason}`, cause === undefined ? {} : { cause });
}

/** A value in a message stops after so many characters. */
const MOST_CHARACTERS = 200;
/** A list in a message stops after so many entries. */
const MOST_ENTRIES = 10;

/**
 * A name or text from outside as messages and tables show it: in quotes, cut after 200 characters, and with everything
 * that could move a terminal's cursor or reorder its text (control and format characters, line separators) as `\u{…}`.
 */
export function quote(text: string): string {
  return `"${printable(text, MOST_CHARACTERS)}"`;
}

/** As `quote`, without the quotes and with a length of the caller's choice (in code points). */
export function printable(text: string, limit: number): string {
  const characters = Array.from(text.slice(0, 2 * limit + 2));
  const shown = characters.slice(0, limit).join("");
  const safe = shown.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
  return characters.length > limit ? `${safe}…` : safe;
}

/**
 * What a text is that is often found where a model's file should be, with the remedy; null: neither of the two.
 *
 * @param text the file's, or its first characters
 */
export function otherThanMeant(text: string): string | null {
  if (/^version (https:\/\/git-lfs|$)/.test(text)) return "a pointer of git-lfs: `git lfs pull` brings the file itself";
  return /^\s*<(!|html|head|\?xml)/i.test(text) ? "a page of HTML" : null;
}

/**
 * A list as messages show it: ten entries, and how many more there are.
 *
 * @param entries   what stands there for each: a quoted name, say
 * @param separator what stands between them
 * @example
 * listed(names.map(quote)); // "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" and 390 more
 */
export function listed(entries: readonly string[], separator = ", "): string {
  const some = entries.slice(0, MOST_ENTRIES).join(separator);
  const left = entries.length - MOST_ENTRIES;
  return left > 0 ? `${some}${separator === ", " ? " " : separator}and ${left} more` : some;
}

/**
 * Any value as messages show it: a string in quotes, an array or an object as JSON, cut after 200 characters, another
 * object by its class, anything else as `String` writes it. It throws for no value.
 */
export function shown(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const text = described(value) ?? beginning(value, MOST_CHARACTERS);
  return printable(text, MOST_CHARACTERS);
}

/** What an object is that JSON would not show as it is: `a Uint8Array of 11`; null for arrays and objects of names. */
function described(value: object): string | null {
  const kind = classOf(value);
  if (kind === "Array" || kind === "Object") return null;
  const article = /^[AEIOU]/.test(kind) && !kind.startsWith("Uint") ? "an" : "a";
  if (kind === "Promise") return `${article} ${kind}: is an await missing?`;
  if (["String", "Number", "Boolean"].includes(kind)) return `${article} ${kind} object`;
  const isSized = ArrayBuffer.isView(value) || kind === "Map" || kind === "Set";
  const { length, size } = isSized ? (value as { length?: unknown; size?: unknown }) : {};
  const count = length ?? size;
  return `${article} ${kind}${typeof count === "number" ? ` of ${count}` : ""}`;
}

/** The beginning of a value's JSON, a little more than `most` characters at most: a value may be huge, or a circle. */
function beginning(value: unknown, most: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, most + 1));
  if (typeof value !== "object" || value === null) return shown(value);
  const isArray = Array.isArray(value);
  let text = isArray ? "[" : "{";
  const open = text.length;
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    if (text.length > open) text += ", ";
    if (!isArray) text += `${beginning(key, most)}: `;
    if (text.length >= most) return `${text}…`;
    text += beginning((value as Readonly<Record<string, unknown>>)[key], most - text.length);
  }
  return text + (isArray ? "]" : "}");
}
