import { quote } from "../errors.ts";
import type { Json } from "../json.ts";
import { type AddedToken, readAddedToken } from "./addedTokens.ts";
import type { TokenizerOptions } from "./settings.ts";
import { stripUndefined } from "./stripUndefined.ts";
import { numberTokens } from "./vocabulary.ts";

/** What tokenizer.json says. */
export interface TokenizerJson {
  readonly tokens: Map<string, number>;
  readonly addedTokens: readonly AddedToken[];
  readonly options: TokenizerOptions;
}

/**
 * Reads tokenizer.json: BertNormalizer and BertPreTokenizer or what stands for them, WordPiece with "##", and
 * [CLS] A [SEP] B [SEP].
 *
 * @param onlyTokens reads nothing but the tokens, and looks at nothing else
 * @throws BertError ERR_VOCABULARY naming the part that is another model's (BPE, Unigram, RoBERTa's template, …), or
 *   that is of another type than it must be
 */
export function readTokenizerJson(file: Json, onlyTokens: boolean): TokenizerJson {
  const model = file.get("model");
  const vocab = model.get("vocab");
  // Files of the first versions of the library have no model.type: then the parts must look like WordPiece's.
  const type = model.get("type");
  if (!type.isMissing) expectPart(type, "WordPiece");
  else if (!model.get("merges").isMissing || vocab.isArray) throw ofAnotherModel(type, "WordPiece", "BPE or Unigram");
  return {
    tokens: readVocab(vocab),
    addedTokens: readAddedTokens(file.get("added_tokens")),
    options: onlyTokens ? {} : readComponents(file, model),
  };
}

function readComponents(file: Json, model: Json): TokenizerOptions {
  const prefix = model.get("continuing_subword_prefix");
  if (!prefix.isMissing) expectPart(prefix, "##");
  expectPreTokenizer(file.get("pre_tokenizer"));
  const [clsToken, sepToken] = readPostProcessor(file.get("post_processor"));
  return stripUndefined({
    ...readNormalizer(file.get("normalizer")),
    maxInputCharsPerWord: model.get("max_input_chars_per_word").or(undefined, (value) => value.asInteger({ min: 1 })),
    unkToken: model.get("unk_token").or(undefined, (value) => value.asString()),
    clsToken,
    sepToken,
    padToken: file
      .get("padding")
      .or(undefined, (padding) => padding.get("pad_token").or(undefined, (t) => t.asString())),
  });
}

/** The components of a normalizer or pre-tokenizer; those of a Sequence, and of those in it, one after the other. */
function components(place: Json, list: string): Json[] {
  if (place.isMissing) return [];
  if (place.get("type").value !== "Sequence") return [place];
  return place
    .get(list)
    .items()
    .flatMap((part) => components(part, list));
}

/**
 * BertNormalizer; or Lowercase, or nothing, which are BertNormalizer with all else switched off. NFD with StripAccents
 * is not: the two differ on 550 code points, such as U+0488.
 */
function readNormalizer(place: Json): TokenizerOptions {
  const parts = components(place, "normalizers");
  const types = parts.map((part) => part.get("type").value);
  if (types.every((type) => type === "Lowercase")) {
    return { cleanText: false, tokenizeChineseChars: false, stripAccents: false, doLowerCase: parts.length > 0 };
  }
  const other = parts.find((_, i) => types[i] !== "BertNormalizer");
  if (other !== undefined) expectPart(other.get("type"), "BertNormalizer");
  if (parts.length > 1) throw place.fault("must have one BertNormalizer, got several");
  const [normalizer] = parts;
  return stripUndefined<TokenizerOptions>({
    cleanText: normalizer.get("clean_text").or(undefined, (value) => value.asBoolean()),
    tokenizeChineseChars: normalizer.get("handle_chinese_chars").or(undefined, (value) => value.asBoolean()),
    stripAccents: normalizer.get("strip_accents").or(null, (value) => value.asBoolean()),
    doLowerCase: normalizer.get("lowercase").or(undefined, (value) => value.asBoolean()),
  });
}

/**
 * BertPreTokenizer; or WhitespaceSplit and Punctuation, which split every text in the same places. Whitespace does not:
 * it keeps runs of punctuation together.
 */
function expectPreTokenizer(place: Json): void {
  const parts = components(place, "pretokenizers");
  const types = parts.map((part) => part.get("type").value);
  if (types.join() === "WhitespaceSplit,Punctuation") {
    const behavior = parts[1].get("behavior");
    if (!behavior.isMissing) expectPart(behavior, "Isolated");
    return;
  }
  const other = parts.find((_, i) => types[i] !== "BertPreTokenizer");
  if (other !== undefined) expectPart(other.get("type"), "BertPreTokenizer");
  if (parts.length !== 1) throw place.error("BertPreTokenizer, as BERT's tokenizer has it");
}

function readVocab(vocab: Json): Map<string, number> {
  if (vocab.isArray) return numberTokens(vocab.items().map((token) => token.asString()));
  const ids = vocab.asObject() as Readonly<Record<string, number>>;
  const tokens = Object.keys(ids); // the pairs of Object.entries are garbage of 3 MB and 5 ms for 29,000 tokens
  const byId = new Array<string | null>(tokens.length).fill(null);
  for (const token of tokens) {
    const id = ids[token];
    if (!Number.isSafeInteger(id) || id < 0) vocab.get(token).asInteger();
    if (!token.isWellFormed()) throw vocab.get(token).fault("must be the id of a token in well-formed Unicode");
    if (byId[id] === null) byId[id] = token;
  }
  // By id: JavaScript lists keys like "1914" first. Ids without a gap need no sorting, which takes 40 ms for 29,000.
  if (!byId.includes(null)) return numberTokens(byId as string[]);
  return new Map(tokens.sort((a, b) => ids[a] - ids[b]).map((token) => [token, ids[token]]));
}

function readAddedTokens(list: Json): AddedToken[] {
  if (list.isMissing) return [];
  return list
    .items()
    .map((token) => ({ id: token.get("id").or(0, (id) => id.asInteger()), token: readAddedToken(token) }))
    .sort((a, b) => a.id - b.id)
    .map(({ token }) => token);
}

/** The names of [CLS] and [SEP], from a TemplateProcessing or BertProcessing of BERT's shape. */
function readPostProcessor(processor: Json): [string | undefined, string | undefined] {
  if (processor.isMissing) return [undefined, undefined];
  if (processor.get("type").value === "BertProcessing") {
    const token = (name: string) => processor.get(name).or(undefined, (pair) => pair.items()[0]?.asString());
    return [token("cls"), token("sep")];
  }
  expectPart(processor.get("type"), "TemplateProcessing");
  const [single, pair] = [processor.get("single"), processor.get("pair")];
  const template = pieces(single);
  const specials = template.length === 3 ? [template[0], template[2]] : ["[CLS]:0", "[SEP]:0"];
  const [cls, sep] = specials.map((piece) => piece.replace(/:[^:]*$/, ""));
  expectTemplate(single, template, `${cls}:0 A:0 ${sep}:0`);
  expectTemplate(pair, pieces(pair), `${cls}:0 A:0 ${sep}:0 B:1 ${sep}:1`);
  return [cls, sep];
}

/** ["[CLS]:0", "A:0", "[SEP]:0"] */
function pieces(template: Json): string[] {
  return template.items().map((piece) => {
    const special = piece.get("SpecialToken");
    const part = special.isMissing ? piece.get("Sequence") : special;
    return `${part.get("id").asString()}:${part.get("type_id").asInteger()}`;
  });
}

function expectTemplate(place: Json, template: readonly string[], expected: string): void {
  const got = template.join(" ");
  if (got !== expected) throw ofAnotherModel(place, expected, got);
}

function expectPart(place: Json, expected: string): void {
  if (place.value === expected) return;
  throw place.error(`${expected}, as BERT's tokenizer has it`);
}

function ofAnotherModel(place: Json, expected: string, got: string): Error {
  return place.fault(`must be ${expected}, as BERT's tokenizer has it, got ${quote(got)}`);
}
