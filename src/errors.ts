/**
 * What kind of mistake an error reports:
 *
 * - `ERR_INPUT`: a text, batch or option handed to the library
 * - `ERR_SHAPE`: a tensor whose shape does not fit
 * - `ERR_CHECKPOINT`: a weights file, its index or its config.json
 * - `ERR_VOCABULARY`: a vocabulary or tokenizer file
 * - `ERR_BACKEND`: a backend that is unknown, unavailable or already disposed of
 * - `ERR_FILE`: a file that is missing, not readable, or not writable
 * - `ERR_ABORTED`: the caller's `AbortSignal` fired
 */
export type BertErrorCode =
  | "ERR_INPUT"
  | "ERR_SHAPE"
  | "ERR_CHECKPOINT"
  | "ERR_VOCABULARY"
  | "ERR_BACKEND"
  | "ERR_FILE"
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
