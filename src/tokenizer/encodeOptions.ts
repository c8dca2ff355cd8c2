import { BertError, shown } from "../errors.ts";
import { expectChoice, expectKnownOptions, type OptionNames } from "../options.ts";

/** Which text truncation shortens when a text, or a pair, is longer than `maxLength`. */
export type TruncationStrategy = "longest_first" | "only_first" | "only_second" | "do_not_truncate";

/** Options of `encode` and `encodeBatch`, named as Hugging Face's, in camelCase. */
export interface EncodeOptions {
  /** Put [CLS] and [SEP] around. Default true. */
  readonly addSpecialTokens?: boolean;
  /**
   * The input is a list of words (a pair: two lists). Words are still normalized and split at punctuation. Default
   * false.
   */
  readonly isSplitIntoWords?: boolean;
  /**
   * `true` is "longest_first", `false` is "do_not_truncate". Default: "longest_first" if `maxLength` is given without
   * padding, else no truncation. What tokenizer.json has stored as truncation or padding is ignored: only the call's
   * options count.
   */
  readonly truncation?: boolean | TruncationStrategy;
  /** Longest encoding, special tokens included. Default `modelMaxLength`. */
  readonly maxLength?: number;
  /** Tokens that neighbouring overflow windows share. Default 0. */
  readonly stride?: number;
  /** Which end is cut off. Default the tokenizer's `truncationSide`, "right". */
  readonly truncationSide?: "left" | "right";
  /** Fill `overflowing` with what was cut off. Default false. */
  readonly returnOverflowingTokens?: boolean;
  /**
   * "longest" (or `true`): to the longest of the batch; "max_length": to `maxLength`. Default false: the engine needs
   * none.
   */
  readonly padding?: boolean | "longest" | "max_length" | "do_not_pad";
  /** Pad to a multiple of this. Needs `padding`. */
  readonly padToMultipleOf?: number;
  /** Default the tokenizer's `paddingSide`, "right". */
  readonly paddingSide?: "left" | "right";
  /** What offsets count: UTF-16 units, as `text.slice` does (default), or code points, as Python does. */
  readonly offsetUnit?: "utf16" | "codePoint";
}

/** EncodeOptions checked, with defaults. */
export interface ResolvedEncodeOptions {
  readonly addSpecialTokens: boolean;
  readonly isSplitIntoWords: boolean;
  readonly truncation: TruncationStrategy;
  readonly maxLength: number;
  readonly stride: number;
  readonly truncationSide: "left" | "right";
  readonly returnOverflowingTokens: boolean;
  readonly padding: "longest" | "max_length" | "do_not_pad";
  readonly padToMultipleOf: number;
  readonly paddingSide: "left" | "right";
  readonly offsetUnit: "utf16" | "codePoint";
}

/** What the tokenizer itself says where a call does not. */
export interface EncodeDefaults {
  readonly modelMaxLength: number;
  readonly truncationSide: "left" | "right";
  readonly paddingSide: "left" | "right";
}

/**
 * Checks options and fills in defaults.
 *
 * @throws BertError ERR_INPUT naming the option, what it must be, and what it was; an unknown name too, so that
 *   `max_length` is not silently without effect
 */
export function resolveEncodeOptions(
  where: string,
  options: EncodeOptions,
  defaults: EncodeDefaults,
  known: Readonly<Record<string, true>> = ENCODE_OPTIONS,
): ResolvedEncodeOptions {
  expectKnownOptions(where, options, known);
  const padding = paddingOf(where, options.padding);
  const truncation = truncationOf(where, options, padding !== "do_not_pad");
  const maxLength = options.maxLength ?? defaults.modelMaxLength;
  if (options.maxLength !== undefined) checkInteger(where, "maxLength", maxLength, 1);
  if (padding === "max_length" && !(maxLength <= MOST_PADDING)) {
    throw wrong(
      where,
      "maxLength",
      `given with padding "max_length", at most ${MOST_PADDING}, as this tokenizer has no modelMaxLength`,
      options.maxLength,
    );
  }
  const resolved = {
    addSpecialTokens: flag(where, "addSpecialTokens", options.addSpecialTokens, true),
    isSplitIntoWords: flag(where, "isSplitIntoWords", options.isSplitIntoWords, false),
    truncation,
    maxLength,
    stride: checkInteger(where, "stride", options.stride ?? 0, 0),
    truncationSide: expectChoice(where, "truncationSide", options.truncationSide ?? defaults.truncationSide, SIDES),
    returnOverflowingTokens: flag(where, "returnOverflowingTokens", options.returnOverflowingTokens, false),
    padding,
    padToMultipleOf: checkInteger(where, "padToMultipleOf", options.padToMultipleOf ?? 1, 1),
    paddingSide: expectChoice(where, "paddingSide", options.paddingSide ?? defaults.paddingSide, SIDES),
    offsetUnit: expectChoice(where, "offsetUnit", options.offsetUnit ?? "utf16", ["utf16", "codePoint"] as const),
  };
  if (options.padToMultipleOf !== undefined && padding === "do_not_pad") {
    throw wrong(where, "padToMultipleOf", "given together with padding", options.padToMultipleOf);
  }
  return resolved;
}

/** ERR_INPUT: `encode: maxLength must be an integer from 1, got 0`. */
export function wrong(where: string, name: string, expected: string, got: unknown): BertError {
  return new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${shown(got)}`);
}

/** An integer of at least `least`. */
function checkInteger(where: string, name: string, value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw wrong(where, name, `an integer from ${least}`, value);
}

const SIDES = ["left", "right"] as const;
const STRATEGIES = ["longest_first", "only_first", "only_second", "do_not_truncate"] as const;
// A length of a million tokens can only come from modelMaxLength's stand-in for "none", 1e30.
const MOST_PADDING = 1_000_000;
/** The names of `EncodeOptions`. */
export const ENCODE_OPTIONS: OptionNames<EncodeOptions> = {
  addSpecialTokens: true,
  isSplitIntoWords: true,
  truncation: true,
  maxLength: true,
  stride: true,
  truncationSide: true,
  returnOverflowingTokens: true,
  padding: true,
  padToMultipleOf: true,
  paddingSide: true,
  offsetUnit: true,
};

function flag(where: string, name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value !== "boolean") throw wrong(where, name, "true or false", value);
  return value;
}

function paddingOf(where: string, padding: unknown): ResolvedEncodeOptions["padding"] {
  if (padding === undefined || padding === false) return "do_not_pad";
  if (padding === true) return "longest";
  return expectChoice(where, "padding", padding, ["longest", "max_length", "do_not_pad"] as const);
}

function truncationOf(where: string, options: EncodeOptions, pads: boolean): TruncationStrategy {
  const { truncation } = options;
  if (truncation === undefined) return options.maxLength !== undefined && !pads ? "longest_first" : "do_not_truncate";
  if (truncation === true) return "longest_first";
  if (truncation === false) return "do_not_truncate";
  return expectChoice(where, "truncation", truncation, STRATEGIES);
}
