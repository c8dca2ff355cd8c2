import { BertError, shown } from "../errors.ts";
import { expectKnownNames } from "../options.ts";
import type { AddedToken } from "./addedTokens.ts";
import type { NormalizerOptions } from "./basicTokenize.ts";

/** How a tokenizer works, apart from its vocabulary. Names are tokenizer_config.json's, in camelCase. */
export interface TokenizerOptions extends NormalizerOptions {
  /** Longest word in code points; a longer one is [UNK]. Default 100, as Hugging Face; Google's code has 200. */
  readonly maxInputCharsPerWord?: number;
  /** Must be in the vocabulary. Default "[UNK]". */
  readonly unkToken?: string;
  /** Default "[CLS]", which must then be in the vocabulary; a name given here is added if it is not. */
  readonly clsToken?: string;
  readonly sepToken?: string;
  /** Default "[PAD]" if the vocabulary has it, else none, and padding is refused. */
  readonly padToken?: string;
  /** Default "[MASK]" if the vocabulary has it, else none. */
  readonly maskToken?: string;
  /** More tokens to find in the text, in the order in which they get ids. */
  readonly addedTokens?: readonly AddedToken[];
  /** The `maxLength` of a call that has `truncation` and no `maxLength`. Default Infinity. */
  readonly modelMaxLength?: number;
  readonly paddingSide?: "left" | "right";
  readonly truncationSide?: "left" | "right";
  /** Default of `decode`'s option of that name. Default false, as in transformers 5. */
  readonly cleanUpTokenizationSpaces?: boolean;
}

/** The five tokens with a role. */
export const SPECIAL_TOKENS = {
  unkToken: "[UNK]",
  clsToken: "[CLS]",
  sepToken: "[SEP]",
  padToken: "[PAD]",
  maskToken: "[MASK]",
} as const;

/** What each option must be; the check that lets nonsense no further. */
const CHECKS: { readonly [K in keyof Required<TokenizerOptions>]: readonly [string, (value: unknown) => boolean] } = {
  cleanText: ["true or false", isBoolean],
  tokenizeChineseChars: ["true or false", isBoolean],
  stripAccents: ["true, false or null", (value) => value === null || isBoolean(value)],
  doLowerCase: ["true or false", isBoolean],
  neverSplit: ["a list of strings", (value) => Array.isArray(value) && value.every((word) => typeof word === "string")],
  maxInputCharsPerWord: ["an integer from 1 to 10000", (value) => Number.isInteger(value) && inside(value, 1, 10_000)],
  unkToken: ["a non-empty string", isToken],
  clsToken: ["a non-empty string", isToken],
  sepToken: ["a non-empty string", isToken],
  padToken: ["a non-empty string", isToken],
  maskToken: ["a non-empty string", isToken],
  addedTokens: ["a list of added tokens", Array.isArray],
  modelMaxLength: ["a number from 1", (value) => typeof value === "number" && value >= 1],
  paddingSide: ['"left" or "right"', isSide],
  truncationSide: ['"left" or "right"', isSide],
  cleanUpTokenizationSpaces: ["true or false", isBoolean],
};

/**
 * Checks every option.
 *
 * @throws BertError ERR_VOCABULARY `BertTokenizer: doLowerCase must be true or false, got "yes"`; ERR_INPUT an unknown
 *   name
 */
export function checkTokenizerOptions(options: TokenizerOptions): void {
  expectKnownNames("BertTokenizer", "option", options, Object.keys(CHECKS));
  for (const [name, value] of Object.entries(options)) {
    const [expected, holds] = CHECKS[name as keyof TokenizerOptions];
    if (value !== undefined && !holds(value)) {
      throw new BertError("ERR_VOCABULARY", `BertTokenizer: ${name} must be ${expected}, got ${shown(value)}`);
    }
  }
}

/** Checks one added token. @throws BertError ERR_VOCABULARY */
export function checkAddedToken(token: AddedToken): void {
  if (typeof token !== "object" || token === null || !isToken(token.content) || !token.content.isWellFormed()) {
    throw new BertError(
      "ERR_VOCABULARY",
      `addTokens: token must be a non-empty string or { content, … } without lone surrogates, got ${shown(token)}`,
    );
  }
  for (const name of ["singleWord", "lstrip", "rstrip", "normalized", "special"] as const) {
    if (token[name] !== undefined && !isBoolean(token[name])) {
      throw new BertError("ERR_VOCABULARY", `addTokens: ${name} must be true or false, got ${shown(token[name])}`);
    }
  }
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

function isToken(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isSide(value: unknown): boolean {
  return value === "left" || value === "right";
}

function inside(value: unknown, low: number, high: number): boolean {
  return (value as number) >= low && (value as number) <= high;
}
