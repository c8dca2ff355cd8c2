import { BertError } from "../errors.ts";
import type { AddedToken } from "./addedTokens.ts";
import { asObject, type Json, readAddedToken, stripUndefined } from "./json.ts";
import type { TokenizerOptions } from "./settings.ts";
import { numberTokens } from "./vocabulary.ts";

/** What tokenizer.json says. */
export interface TokenizerJson {
  readonly tokens: Map<string, number>;
  readonly addedTokens: readonly AddedToken[];
  readonly options: TokenizerOptions;
}

/**
 * Reads a parsed tokenizer.json: BertNormalizer, BertPreTokenizer, WordPiece with "##", and [CLS] A [SEP] B [SEP].
 *
 * @throws BertError ERR_VOCABULARY naming the part that is another model's (BPE, Unigram, RoBERTa's template, …)
 */
export function readTokenizerJson(file: Json | undefined): TokenizerJson | undefined {
  if (file === undefined) return undefined;
  const model = asObject(file.model, "tokenizer.json", "model");
  const { vocab } = model;
  // Files of the first versions of the library have no model.type: then the parts must look like WordPiece's.
  const type = model.type ?? (model.merges === undefined && !Array.isArray(vocab) ? "WordPiece" : "BPE or Unigram");
  expectPart("model.type", "WordPiece", type);
  expectPart("model.continuing_subword_prefix", "##", model.continuing_subword_prefix ?? "##");
  expectPart("normalizer.type", "BertNormalizer", part(file, "normalizer").type);
  expectPart("pre_tokenizer.type", "BertPreTokenizer", part(file, "pre_tokenizer").type);
  const normalizer = part(file, "normalizer");
  const [clsToken, sepToken] = readPostProcessor(file.post_processor);
  const padding = part(file, "padding", {});
  const added = (file.added_tokens ?? []) as readonly Json[];
  if (!Array.isArray(added))
    throw new BertError("ERR_VOCABULARY", "tokenizer.json: added_tokens must be a list, got something else");
  return {
    tokens: readVocab(vocab),
    addedTokens: [...added]
      .sort((a, b) => Number(a.id) - Number(b.id))
      .map((token) => readAddedToken(token, "tokenizer.json")),
    options: stripUndefined({
      cleanText: normalizer.clean_text,
      tokenizeChineseChars: normalizer.handle_chinese_chars,
      stripAccents: normalizer.strip_accents,
      doLowerCase: normalizer.lowercase,
      maxInputCharsPerWord: model.max_input_chars_per_word,
      unkToken: model.unk_token,
      clsToken,
      sepToken,
      padToken: padding.pad_token,
    }) as TokenizerOptions,
  };
}

function readVocab(vocab: unknown): Map<string, number> {
  if (Array.isArray(vocab)) return numberTokens(vocab as string[]);
  const entries = Object.entries(asObject(vocab, "tokenizer.json", "model.vocab")) as [string, number][];
  // By id: JavaScript lists keys like "1914" first. Ids without a gap need no sorting, which takes 40 ms for 29,000.
  const byId = new Array<[string, number] | null>(entries.length).fill(null);
  for (const entry of entries) if (byId[entry[1]] === null) byId[entry[1]] = entry;
  return new Map(byId.includes(null) ? entries.sort(([, a], [, b]) => a - b) : (byId as [string, number][]));
}

/** The names of [CLS] and [SEP], from a TemplateProcessing or BertProcessing of BERT's shape. */
function readPostProcessor(value: unknown): [string | undefined, string | undefined] {
  if (value === undefined || value === null) return [undefined, undefined];
  const processor = asObject(value, "tokenizer.json", "post_processor");
  if (processor.type === "BertProcessing") {
    const { cls, sep } = processor as { cls?: [string, number]; sep?: [string, number] };
    return [cls?.[0], sep?.[0]];
  }
  expectPart("post_processor.type", "TemplateProcessing", processor.type);
  const single = pieces(processor.single);
  const pair = pieces(processor.pair);
  const [cls] = single[0]?.split(":") ?? [];
  const [sep] = single[2]?.split(":") ?? [];
  expectPart("post_processor.single", `${cls}:0 A:0 ${sep}:0`, single.join(" "));
  expectPart("post_processor.pair", `${cls}:0 A:0 ${sep}:0 B:1 ${sep}:1`, pair.join(" "));
  return [cls, sep];
}

/** ["[CLS]:0", "A:0", "[SEP]:0"] */
function pieces(template: unknown): string[] {
  if (!Array.isArray(template)) return [];
  return template.map((piece: Json) => {
    const { id, type_id } = (piece.SpecialToken ?? piece.Sequence ?? {}) as Json;
    return `${id}:${type_id}`;
  });
}

function part(file: Json, name: string, otherwise?: Json): Json {
  return otherwise !== undefined && (file[name] ?? null) === null
    ? otherwise
    : asObject(file[name], "tokenizer.json", name);
}

function expectPart(name: string, expected: string, got: unknown): void {
  if (got === expected) return;
  throw new BertError(
    "ERR_VOCABULARY",
    `tokenizer.json: ${name} must be ${expected}, as BERT's tokenizer has it, got ${JSON.stringify(got)}`,
  );
}
