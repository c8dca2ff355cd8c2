import { expectKnownOptions, type OptionNames } from "../options.ts";
import { wrong } from "./encodeOptions.ts";
import type { Vocabulary } from "./vocabulary.ts";

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
function checkDecodeOptions(options: DecodeOptions): void {
  expectKnownOptions("decode", options, DECODE_OPTIONS);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && typeof value !== "boolean") throw wrong("decode", name, "true or false", value);
  }
}

/**
 * The tokens that `decode` joins: without special ones where they are to be skipped, added ones that are `normalized`
 * as they are found in texts.
 *
 * @throws BertError ERR_INPUT an id that is not in the vocabulary, or a wrong option
 */
export function tokensToDecode(
  ids: ArrayLike<number>,
  options: DecodeOptions,
  vocabulary: Vocabulary,
  normalized: (token: string) => string,
): string[] {
  if (typeof ids !== "object" || typeof ids?.length !== "number") throw wrong("decode", "ids", "an array of ids", ids);
  checkDecodeOptions(options);
  const tokens: string[] = [];
  for (let i = 0; i < ids.length; i++) {
    const token = vocabulary.idToToken(ids[i]);
    if (token === undefined) {
      throw wrong("decode", `ids[${i}]`, `an id of the vocabulary, from 0 to ${vocabulary.size - 1}`, ids[i]);
    }
    const added = vocabulary.addedToken(ids[i]);
    if (options.skipSpecialTokens && added?.special) continue;
    tokens.push(added?.normalized ? normalized(token) : token);
  }
  return tokens;
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
