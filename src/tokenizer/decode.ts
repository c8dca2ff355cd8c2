import { expectKnownOptions, type OptionNames } from "../options.ts";
import { wrong } from "./encodeOptions.ts";

/** Options of `decode`. */
export interface DecodeOptions {
  /** Leave out [CLS], [SEP], [PAD], [MASK], [UNK] and added tokens that are special. Default false. */
  readonly skipSpecialTokens?: boolean;
  /**
   * Also close up spaces that only show once tokens stand side by side: "you should ' ve" → "you should've". Default
   * the tokenizer's.
   */
  readonly cleanUpTokenizationSpaces?: boolean;
}

const DECODE_OPTIONS: OptionNames<DecodeOptions> = { skipSpecialTokens: true, cleanUpTokenizationSpaces: true };

/** @throws BertError ERR_INPUT for an unknown option, or one that is not true or false */
export function checkDecodeOptions(options: DecodeOptions): void {
  expectKnownOptions("decode", options, DECODE_OPTIONS);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && typeof value !== "boolean") throw wrong("decode", name, "true or false", value);
  }
}

/**
 * Tokens back to text: "##" joins a piece to the one before, other tokens are set apart by a space.
 *
 * As in the library's WordPiece decoder, spaces before punctuation are closed up token by token in any case; `cleanUp`
 * is what transformers does on top of it, on the whole string.
 */
export function joinTokens(tokens: readonly string[], cleanUp: boolean): string {
  let text = "";
  for (const [i, token] of tokens.entries()) {
    if (i === 0) text += closeSpaces(token);
    else text += closeSpaces(token.startsWith("##") ? token.slice(2) : ` ${token}`);
  }
  return cleanUp ? closeSpaces(text) : text;
}

/** The replacements of transformers' `clean_up_tokenization`, in its order. */
function closeSpaces(text: string): string {
  return text
    .replaceAll(" .", ".")
    .replaceAll(" ?", "?")
    .replaceAll(" !", "!")
    .replaceAll(" ,", ",")
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}
