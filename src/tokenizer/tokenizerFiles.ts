import { BertError } from "../errors.ts";
import type { AddedToken } from "./addedTokens.ts";
import { asObject, type Json, readAddedToken, stripUndefined } from "./json.ts";
import type { TokenizerOptions } from "./settings.ts";
import { readTokenizerJson } from "./tokenizerJson.ts";
import { parseVocabTxt } from "./vocabulary.ts";

/**
 * The texts of the files that describe a tokenizer, by their names in a model's folder. `vocab.txt` or `tokenizer.json`
 * must be there.
 */
export interface TokenizerFiles {
  "vocab.txt"?: string;
  "tokenizer.json"?: string;
  "tokenizer_config.json"?: string;
  "special_tokens_map.json"?: string;
  "added_tokens.json"?: string;
}

/** The names of a tokenizer's files. */
export const TOKENIZER_FILES: readonly (keyof TokenizerFiles)[] = [
  "vocab.txt",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
];

/**
 * Reads the files together. Where they contradict each other, transformers 5 decides
 * (`PreTrainedTokenizerBase._from_pretrained`):
 *
 * - the vocabulary is tokenizer.json's, else vocab.txt's;
 * - lower-casing, accents and Chinese characters are tokenizer_config.json's, else tokenizer.json's normalizer's.
 *   (Where neither file says, we lower-case, as it does; where only tokenizer.json does, it would not look there, and
 *   we do.)
 * - if tokenizer_config.json has `added_tokens_decoder`, that is the list of added tokens, and special_tokens_map.json
 *   and added_tokens.json are not read; else special_tokens_map.json overrides tokenizer_config.json, and added tokens
 *   come from added_tokens.json and tokenizer.json. An added token's id is its id in the vocabulary or the next free
 *   one.
 * - truncation and padding that tokenizer.json has stored are ignored: only a call's options switch them on.
 *
 * @throws BertError ERR_VOCABULARY if a file is no valid JSON, or describes a tokenizer that is not BERT's
 */
export function readTokenizerFiles(files: TokenizerFiles): { tokens: Map<string, number>; options: TokenizerOptions } {
  for (const [name, text] of Object.entries(asObject(files, "BertTokenizer.fromFiles", "files"))) {
    if (text !== undefined && typeof text !== "string") {
      throw new BertError("ERR_VOCABULARY", `BertTokenizer.fromFiles: ${name} must be a string, got ${String(text)}`);
    }
  }
  const own = readTokenizerJson(parseFile(files, "tokenizer.json"));
  const tokens = own?.tokens ?? (files["vocab.txt"] === undefined ? undefined : parseVocabTxt(files["vocab.txt"]));
  if (tokens === undefined) {
    throw new BertError(
      "ERR_VOCABULARY",
      "BertTokenizer.fromFiles: files must have vocab.txt or tokenizer.json, got neither",
    );
  }
  const config = parseFile(files, "tokenizer_config.json") ?? {};
  const decoder = config.added_tokens_decoder;
  const special = decoder === undefined ? { ...config, ...parseFile(files, "special_tokens_map.json") } : config;
  const addedTokens =
    decoder === undefined
      ? [...addedTokensJson(files, special), ...(own?.addedTokens ?? [])]
      : readAddedTokensDecoder(decoder);
  return {
    tokens,
    options: {
      ...own?.options,
      ...readConfig(config),
      ...readSpecialTokens(special),
      addedTokens: withFlags([...addedTokens, ...extraSpecialTokens(special), ...namedSpecialTokens(special)]),
    },
  };
}

function parseFile(files: TokenizerFiles, name: keyof TokenizerFiles): Json | undefined {
  const text = files[name];
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    throw new BertError("ERR_VOCABULARY", `${name}: must be valid JSON, got ${(cause as Error).message}`, { cause });
  }
  return asObject(value, name, "the file");
}

function readConfig(config: Json): TokenizerOptions {
  const length = config.model_max_length ?? config.max_len;
  return stripUndefined({
    doLowerCase: config.do_lower_case,
    stripAccents: config.strip_accents,
    tokenizeChineseChars: config.tokenize_chinese_chars,
    neverSplit: config.never_split ?? undefined,
    maxInputCharsPerWord: config.max_input_chars_per_word,
    // 1e30 is what transformers writes for "none"; a file may also say null
    modelMaxLength: typeof length === "number" && length > 1e20 ? undefined : (length ?? undefined),
    paddingSide: config.padding_side,
    truncationSide: config.truncation_side,
    cleanUpTokenizationSpaces: config.clean_up_tokenization_spaces,
  }) as TokenizerOptions;
}

const ROLES = {
  unk_token: "unkToken",
  cls_token: "clsToken",
  sep_token: "sepToken",
  pad_token: "padToken",
  mask_token: "maskToken",
} as const;

function readSpecialTokens(config: Json): TokenizerOptions {
  const names: Record<string, string> = {};
  for (const [key, option] of Object.entries(ROLES)) {
    const value = config[key] ?? undefined;
    if (value !== undefined) names[option] = readAddedToken(value, "tokenizer_config.json").content;
  }
  return names;
}

/** A role's token that is written out as an object says how it is to be found. */
function namedSpecialTokens(config: Json): AddedToken[] {
  return Object.keys(ROLES)
    .filter((key) => typeof config[key] === "object" && config[key] !== null)
    .map((key) => ({ ...readAddedToken(config[key], "tokenizer_config.json"), special: true }));
}

/** `extra_special_tokens` (transformers 5: a list, or an object of names) and `additional_special_tokens` (before). */
function extraSpecialTokens(config: Json): AddedToken[] {
  const extra = config.extra_special_tokens ?? config.additional_special_tokens ?? [];
  const list = Array.isArray(extra)
    ? extra
    : Object.values(asObject(extra, "tokenizer_config.json", "extra_special_tokens"));
  return list.map((token) => ({ ...readAddedToken(token, "tokenizer_config.json"), special: true }));
}

function readAddedTokensDecoder(decoder: unknown): AddedToken[] {
  return Object.entries(asObject(decoder, "tokenizer_config.json", "added_tokens_decoder"))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, token]) => readAddedToken(token, "tokenizer_config.json"));
}

/** added_tokens.json is token → id; a token that has a role, or is listed as special, is special. */
function addedTokensJson(files: TokenizerFiles, config: Json): AddedToken[] {
  const special = new Set([
    ...Object.values(readSpecialTokens(config)),
    ...extraSpecialTokens(config).map((t) => t.content),
  ]);
  return Object.entries(parseFile(files, "added_tokens.json") ?? {})
    .sort(([, a], [, b]) => Number(a) - Number(b))
    .map(([content]) => ({ content, special: special.has(content) }));
}

/** One entry per content, the last one's properties at the first one's place. */
function withFlags(tokens: readonly AddedToken[]): AddedToken[] {
  const byContent = new Map<string, AddedToken>();
  for (const token of tokens) byContent.set(token.content, { ...byContent.get(token.content), ...token });
  return [...byContent.values()];
}
