import type { ResolvedAddedToken } from "./addedTokens.ts";
import type { TokenizerOptions } from "./settings.ts";
import type { TokenizerFiles } from "./tokenizerFiles.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The tokens with a role, by the names that the files have for the roles. */
export interface SpecialTokenNames {
  readonly unk_token: string;
  readonly cls_token: string;
  readonly sep_token: string;
  readonly pad_token: string | undefined;
  readonly mask_token: string | undefined;
}

/**
 * The files of a tokenizer: tokenizer.json and tokenizer_config.json for today's readers, vocab.txt and
 * special_tokens_map.json for those before. Without added tokens that are new, vocab.txt and tokenizer_config.json
 * alone are the same tokenizer.
 * An id that stands for no token has in vocab.txt a line of the last token, whose own line counts.
 */
export function writeTokenizerFiles(
  vocabulary: Vocabulary,
  options: TokenizerOptions,
  names: SpecialTokenNames,
): TokenizerFiles {
  const list = vocabulary.wordPieceList();
  // A token that comes again, as the last line of it counts.
  for (const [id, token] of list.entries()) list[id] = token ?? list.findLast((one) => one !== undefined);
  return {
    "vocab.txt": `${list.join("\n")}\n`,
    "tokenizer.json": json(tokenizerJson(vocabulary, options, names)),
    "tokenizer_config.json": json(tokenizerConfig(vocabulary, options, names)),
    "special_tokens_map.json": json(names),
  };
}

function tokenizerJson(vocabulary: Vocabulary, options: TokenizerOptions, names: SpecialTokenNames): unknown {
  const special = (id: string, type_id: number): unknown => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number): unknown => ({ Sequence: { id, type_id } });
  const { cls_token: cls, sep_token: sep } = names;
  const template = (token: string): unknown => ({ id: token, ids: [vocabulary.tokenToId(token)], tokens: [token] });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary).map((token) => ({ id: token.id, ...addedTokenJson(token) })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: options.cleanText ?? true,
      handle_chinese_chars: options.tokenizeChineseChars ?? true,
      strip_accents: options.stripAccents ?? null,
      lowercase: options.doLowerCase ?? true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [special(cls, 0), sequence("A", 0), special(sep, 0)],
      pair: [special(cls, 0), sequence("A", 0), special(sep, 0), sequence("B", 1), special(sep, 1)],
      special_tokens: { [cls]: template(cls), [sep]: template(sep) },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: names.unk_token,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: options.maxInputCharsPerWord ?? 100,
      vocab: Object.fromEntries(vocabulary.wordPieces),
    },
  };
}

function tokenizerConfig(vocabulary: Vocabulary, options: TokenizerOptions, names: SpecialTokenNames): unknown {
  const roles = new Set<string | undefined>(Object.values(names));
  const extra = addedTokens(vocabulary).filter(({ content, special }) => special && !roles.has(content));
  const isBert = (options.cleanText ?? true) && (options.maxInputCharsPerWord ?? 100) === 100;
  return {
    added_tokens_decoder: Object.fromEntries(addedTokens(vocabulary).map((token) => [token.id, addedTokenJson(token)])),
    additional_special_tokens: extra.map(({ content }) => content), // transformers 5 reads it as extra_special_tokens
    clean_up_tokenization_spaces: options.cleanUpTokenizationSpaces ?? false,
    do_lower_case: options.doLowerCase ?? true,
    strip_accents: options.stripAccents ?? null,
    tokenize_chinese_chars: options.tokenizeChineseChars ?? true,
    ...(options.neverSplit && { never_split: options.neverSplit }),
    ...(options.maxInputCharsPerWord && { max_input_chars_per_word: options.maxInputCharsPerWord }),
    ...(Number.isFinite(options.modelMaxLength) && { model_max_length: options.modelMaxLength }),
    ...(options.paddingSide && { padding_side: options.paddingSide }),
    ...(options.truncationSide && { truncation_side: options.truncationSide }),
    ...names,
    // BertTokenizer cleans texts, and gives up on words of more than 100 characters, whatever tokenizer.json says.
    tokenizer_class: isBert ? "BertTokenizer" : "PreTrainedTokenizerFast",
  };
}

/** The added tokens by id, as both files list them: the order in which they are added again on reading. */
function addedTokens(vocabulary: Vocabulary): ResolvedAddedToken[] {
  return [...vocabulary.added.values()].sort((a, b) => a.id - b.id);
}

function addedTokenJson(token: ResolvedAddedToken): Record<string, unknown> {
  return {
    content: token.content,
    single_word: token.singleWord,
    lstrip: token.lstrip,
    rstrip: token.rstrip,
    normalized: token.normalized,
    special: token.special,
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
