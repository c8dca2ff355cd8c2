/**
 * What kind of mistake an error reports:
 *
 * - `ERR_INPUT`: a text, batch or option handed to the library
 * - `ERR_SHAPE`: a tensor whose shape does not fit
 * - `ERR_CHECKPOINT`: a weights file, its index or its config.json
 * - `ERR_VOCABULARY`: a vocabulary or tokenizer file
 * - `ERR_BACKEND`: a backend that is unknown, unavailable or already disposed of
 * - `ERR_FILE`: a file that is missing, not readable, or not writable
 * - `ERR_TRAINING`: a run whose loss or gradients are no longer finite
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

/**
 * A name or text from outside as messages and tables show it: in quotes, cut after 120 characters, and with everything
 * that could move a terminal's cursor or reorder its text (control and format characters, line separators) as `\u{…}`.
 */
export function quote(text: string): string {
  return `"${printable(text, 120)}"`;
}

/** As `quote`, without the quotes and with a length of the caller's choice (in code points). */
export function printable(text: string, limit: number): string {
  const characters = Array.from(text.slice(0, 2 * limit + 2));
  const shown = characters.slice(0, limit).join("");
  const safe = shown.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
  return characters.length > limit ? `${safe}…` : safe;
}
