import { BertError, shown } from "../errors.ts";
import { type Json, parseJson } from "../json.ts";
import { type AddedToken, readAddedToken } from "./addedTokens.ts";
import type { TokenizerOptions } from "./settings.ts";
import { stripUndefined } from "./stripUndefined.ts";
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
  /** The model's: `tokenizer_class` alone is read, where tokenizer_config.json names none. */
  "config.json"?: string;
}

/** The names of a tokenizer's own files. */
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
 * - with the class PreTrainedTokenizerFast or TokenizersBackend, tokenizer.json says how texts are split, and
 *   `do_lower_case`, `strip_accents` and `tokenize_chinese_chars` of tokenizer_config.json do not count;
 * - with any other class, tokenizer_config.json says it, and of tokenizer.json only the tokens count. (Where it has no
 *   `do_lower_case`, transformers lower-cases whatever tokenizer.json says. We follow tokenizer.json there, and
 *   lower-case where no file says anything.)
 * - if tokenizer_config.json has `added_tokens_decoder`, that is the list of added tokens, and special_tokens_map.json
 *   and added_tokens.json are not read; else special_tokens_map.json overrides tokenizer_config.json, and added tokens
 *   come from added_tokens.json and tokenizer.json. An added token's id is its id in the vocabulary or the next free
 *   one.
 * - truncation and padding that tokenizer.json has stored are ignored: only a call's options switch them on.
 *
 * @throws BertError ERR_VOCABULARY if a file is no valid JSON, or describes a tokenizer that is not BERT's
 */
export function readTokenizerFiles(files: TokenizerFiles): { tokens: Map<string, number>; options: TokenizerOptions } {
  expectTexts(files);
  const config = parseFile(files, "tokenizer_config.json");
  const className = tokenizerClass(config, parseFile(files, "config.json"));
  expectOurs(className, config);
  const ownFile = parseFile(files, "tokenizer.json");
  const fileDecides = ownFile !== undefined && OF_TOKENIZER_JSON.test(className?.asString() ?? "");
  const configDecides = !fileDecides && config?.get("do_lower_case").isMissing === false;
  const own = ownFile && readTokenizerJson(ownFile, configDecides);
  if (fileDecides) expectPostProcessor(ownFile.get("post_processor"));
  const tokens = own?.tokens ?? (files["vocab.txt"] === undefined ? undefined : parseVocabTxt(files["vocab.txt"]));
  if (tokens === undefined) {
    throw new BertError(
      "ERR_VOCABULARY",
      "BertTokenizer.fromFiles: files must have vocab.txt or tokenizer.json, got neither",
    );
  }
  const decoder = config?.get("added_tokens_decoder");
  const isListed = decoder !== undefined && !decoder.isMissing;
  const special = fieldsOf(config, isListed ? undefined : parseFile(files, "special_tokens_map.json"));
  const addedTokens = isListed
    ? readAddedTokensDecoder(decoder)
    : [...addedTokensJson(files, special), ...(own?.addedTokens ?? [])];
  return {
    tokens,
    options: {
      ...own?.options,
      ...(config && readConfig(config)),
      ...(fileDecides && own && normalizerOf(own.options)),
      ...readSpecialTokens(special),
      ...(fileDecides && own?.options.unkToken !== undefined && { unkToken: own.options.unkToken }),
      addedTokens: withFlags([...addedTokens, ...extraSpecialTokens(special), ...namedSpecialTokens(special)]),
    },
  };
}

/** Classes of transformers whose tokens are those of BertTokenizer, or of tokenizer.json. */
const OUR_CLASSES =
  /^(Bert|DistilBert|Electra|MobileBert|ConvBert|RetriBert|SqueezeBert|LayoutLM|Lxmert|DPR\w+|PreTrained)?Tokenizer(Fast)?$|^(TokenizersBackend|PythonBackend)$/;

/** Those of them that work as tokenizer.json says. */
const OF_TOKENIZER_JSON = /^(PreTrainedTokenizerFast|TokenizersBackend)$/;

/** `tokenizer_class` of tokenizer_config.json, else of the model's config.json. */
function tokenizerClass(...configs: readonly (Json | undefined)[]): Json | undefined {
  return configs.map((config) => config?.get("tokenizer_class")).find((name) => name && !name.isMissing);
}

/**
 * Checks that the files are not those of another tokenizer, which would give other tokens of the same vocabulary.
 *
 * @throws BertError ERR_VOCABULARY naming the field
 */
function expectOurs(name: Json | undefined, config: Json | undefined): void {
  if (name && !OUR_CLASSES.test(name.asString())) {
    throw name.error(
      "BertTokenizer or one that gives the same tokens (PreTrainedTokenizerFast, where tokenizer.json says how texts are " +
        "split): another class splits texts in another way",
    );
  }
  if (!config) return;
  const splits = config.get("split_special_tokens");
  if (splits.value === true) throw splits.error("false: special tokens that stand in a text are always found as such");
  for (const [field, expected] of Object.entries({
    word_tokenizer_type: "basic",
    subword_tokenizer_type: "wordpiece",
  })) {
    const type = config.get(field);
    if (type.or(expected, (value) => value.asString()) === expected) continue;
    throw type.error(`"${expected}": words are found with a dictionary there, which is not part of plainbert`);
  }
}

/** Without one, transformers adds neither [CLS] nor [SEP], and no model was trained so. */
function expectPostProcessor(place: Json): void {
  if (place.isMissing) throw place.error("TemplateProcessing or BertProcessing, which add [CLS] and [SEP]");
}

function expectTexts(files: TokenizerFiles): void {
  if (typeof files !== "object" || files === null || Array.isArray(files)) {
    throw new BertError("ERR_VOCABULARY", `BertTokenizer.fromFiles: files must be an object, got ${shown(files)}`);
  }
  for (const [name, text] of Object.entries(files)) {
    if (text !== undefined && typeof text !== "string") {
      throw new BertError("ERR_VOCABULARY", `BertTokenizer.fromFiles: ${name} must be a string, got ${shown(text)}`);
    }
  }
}

function parseFile(files: TokenizerFiles, name: keyof TokenizerFiles): Json | undefined {
  const text = files[name];
  if (text === undefined) return undefined;
  const json = parseJson(text, name, "ERR_VOCABULARY");
  json.asObject();
  return json;
}

/** The fields of several files by name, those of later ones first; one that is null is not there. */
type Fields = ReadonlyMap<string, Json>;

function fieldsOf(...files: readonly (Json | undefined)[]): Fields {
  return new Map(files.flatMap((file) => file?.entries() ?? []).filter(([, value]) => !value.isMissing));
}

function readConfig(config: Json): TokenizerOptions {
  const flag = (name: string) => config.get(name).or(undefined, (value) => value.asBoolean());
  const side = (name: string) => config.get(name).or(undefined, (value) => value.asChoice(["left", "right"]));
  const length = ["model_max_length", "max_len"].map((name) => config.get(name)).find((field) => !field.isMissing);
  const modelMaxLength = length?.asNumber({ min: 1 });
  return stripUndefined<TokenizerOptions>({
    doLowerCase: flag("do_lower_case"),
    stripAccents: config.get("strip_accents").value === null ? null : flag("strip_accents"),
    tokenizeChineseChars: flag("tokenize_chinese_chars"),
    neverSplit: config.get("never_split").or(undefined, (words) => words.items().map((word) => word.asString())),
    maxInputCharsPerWord: config.get("max_input_chars_per_word").or(undefined, (value) => value.asInteger({ min: 1 })),
    // 1e30 is what transformers writes for "none"; a file may also say null
    modelMaxLength: modelMaxLength !== undefined && modelMaxLength > 1e20 ? undefined : modelMaxLength,
    paddingSide: side("padding_side"),
    truncationSide: side("truncation_side"),
    cleanUpTokenizationSpaces: flag("clean_up_tokenization_spaces"),
  });
}

/** How tokenizer.json normalizes texts; what it leaves out counts too. */
function normalizerOf({ doLowerCase, stripAccents, tokenizeChineseChars }: TokenizerOptions): TokenizerOptions {
  return { doLowerCase, stripAccents, tokenizeChineseChars } as TokenizerOptions;
}

const ROLES = {
  unk_token: "unkToken",
  cls_token: "clsToken",
  sep_token: "sepToken",
  pad_token: "padToken",
  mask_token: "maskToken",
} as const;

function readSpecialTokens(fields: Fields): TokenizerOptions {
  const names: Record<string, string> = {};
  for (const [key, option] of Object.entries(ROLES)) {
    const value = fields.get(key);
    if (value) names[option] = readAddedToken(value).content;
  }
  return names;
}

/** A role's token that is written out as an object says how it is to be found. */
function namedSpecialTokens(fields: Fields): AddedToken[] {
  return Object.keys(ROLES).flatMap((key) => {
    const value = fields.get(key);
    return value?.isObject ? [{ ...readAddedToken(value), special: true }] : [];
  });
}

/** `extra_special_tokens` (transformers 5: a list, or an object of names) and `additional_special_tokens` (before). */
function extraSpecialTokens(fields: Fields): AddedToken[] {
  const extra = fields.get("extra_special_tokens") ?? fields.get("additional_special_tokens");
  if (!extra) return [];
  const list = extra.isArray ? extra.items() : extra.entries().map(([, token]) => token);
  return list.map((token) => ({ ...readAddedToken(token), special: true }));
}

/** An object of ids. */
function readAddedTokensDecoder(decoder: Json): AddedToken[] {
  return decoder
    .entries()
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, token]) => readAddedToken(token));
}

/** added_tokens.json is token → id; a token that has a role, or is listed as special, is special. */
function addedTokensJson(files: TokenizerFiles, fields: Fields): AddedToken[] {
  const special = new Set([
    ...Object.values(readSpecialTokens(fields)),
    ...extraSpecialTokens(fields).map((t) => t.content),
  ]);
  return (parseFile(files, "added_tokens.json")?.entries() ?? [])
    .map(([content, id]) => ({ content, id: id.asInteger() }))
    .sort((a, b) => a.id - b.id)
    .map(({ content }) => ({ content, special: special.has(content) }));
}

/** One entry per content, the last one's properties at the first one's place. */
function withFlags(tokens: readonly AddedToken[]): AddedToken[] {
  const byContent = new Map<string, AddedToken>();
  for (const token of tokens) byContent.set(token.content, { ...byContent.get(token.content), ...token });
  return [...byContent.values()];
}
