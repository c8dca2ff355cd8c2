import { BertError } from "../errors.ts";
import type { AddedToken } from "./addedTokens.ts";
import { type ResolvedNormalizerOptions, resolveNormalizerOptions } from "./basicTokenize.ts";
import { type DecodeOptions, joinTokens, tokensToDecode } from "./decode.ts";
import {
  ENCODE_OPTIONS,
  type EncodeOptions,
  type ResolvedEncodeOptions,
  resolveEncodeOptions,
  wrong,
} from "./encodeOptions.ts";
import type { Encoding, EncodingContext } from "./encoding.ts";
import { countTokens, encodingOf, padAll, readInParts, readingsOf, specialTokens } from "./readTexts.ts";
import { checkTokenizerOptions, SPECIAL_TOKENS, type TokenizerOptions } from "./settings.ts";
import { TextTokenizer } from "./textTokenizer.ts";
import { readTokenizerFiles, type TokenizerFiles } from "./tokenizerFiles.ts";
import { missingToken, numberTokens, Vocabulary } from "./vocabulary.ts";
import { writeTokenizerFiles } from "./writeTokenizerFiles.ts";

/** A text, or with `isSplitIntoWords` its words. */
export type TextInput = string | readonly string[];

const PAIR_OPTIONS = { ...ENCODE_OPTIONS, textPair: true } as const;

const described = (token: string | AddedToken): AddedToken => (typeof token === "string" ? { content: token } : token);

/**
 * BERT's tokenizer: text to ids and back, with the results of Hugging Face's `tokenizers` 0.23.2 to the last id and
 * offset.
 *
 * One difference is meant: with `returnOverflowingTokens` the windows cover the whole text. tokenizers 0.23 stops
 * reading a text once it has `maxLength` tokens, and loses what follows.
 *
 * @example
 * const tokenizer = BertTokenizer.fromFiles({ "vocab.txt": await readFile("vocab.txt", "utf8") });
 * const encoding = tokenizer.encode("Hello world!", { textPair: "How are you?" });
 * encoding.inputIds;       // [101, 7592, 2088, 999, 102, 2129, 2024, 2017, 1029, 102]
 * encoding.offsets[1];     // [0, 5]
 * tokenizer.decode(encoding.inputIds, { skipSpecialTokens: true }); // "hello world! how are you?"
 */
export class BertTokenizer {
  private readonly ownVocabulary: Vocabulary;
  private readonly options: TokenizerOptions;
  private readonly normalizer: ResolvedNormalizerOptions;
  private readonly textTokenizer: TextTokenizer;
  private readonly context: EncodingContext;

  /**
   * From the contents of a model's files, together or alone; see `readTokenizerFiles` for who wins where they disagree.
   *
   * @throws BertError ERR_VOCABULARY if both vocab.txt and tokenizer.json are missing, a file is damaged, the tokenizer
   *   is another model's, or [UNK], [CLS] or [SEP] is missing
   */
  static fromFiles(files: TokenizerFiles): BertTokenizer {
    const { tokens, options } = readTokenizerFiles(files);
    return new BertTokenizer(tokens, options);
  }

  /**
   * From a list of tokens; their order gives their ids.
   *
   * @throws BertError ERR_VOCABULARY if the list is empty, has a token twice, or lacks [UNK], [CLS] or [SEP]
   */
  static fromVocabulary(tokens: readonly string[], options: TokenizerOptions = {}): BertTokenizer {
    if (!Array.isArray(tokens) || !tokens.every((token) => typeof token === "string" && token.isWellFormed())) {
      throw new BertError(
        "ERR_VOCABULARY",
        "BertTokenizer.fromVocabulary: tokens must be a list of strings without lone surrogates",
      );
    }
    return new BertTokenizer(numberTokens(tokens), options);
  }

  private constructor(tokens: ReadonlyMap<string, number>, options: TokenizerOptions) {
    checkTokenizerOptions(options);
    this.ownVocabulary = new Vocabulary(tokens);
    this.options = options;
    const unk = options.unkToken ?? SPECIAL_TOKENS.unkToken;
    if (!tokens.has(unk)) throw missingToken(unk);
    for (const role of Object.keys(SPECIAL_TOKENS) as (keyof typeof SPECIAL_TOKENS)[]) {
      const token = options[role] ?? SPECIAL_TOKENS[role];
      if (options[role] !== undefined || tokens.has(token)) this.ownVocabulary.add({ content: token, special: true });
      else if (role === "clsToken" || role === "sepToken") throw missingToken(token);
    }
    for (const token of options.addedTokens ?? []) this.ownVocabulary.add(token);
    this.normalizer = resolveNormalizerOptions(options);
    const maxChars = options.maxInputCharsPerWord ?? 100;
    this.textTokenizer = new TextTokenizer(this.ownVocabulary, this.normalizer, unk, maxChars);
    this.context = {
      clsTokenId: this.clsTokenId,
      sepTokenId: this.sepTokenId,
      idToToken: (id) => this.ownVocabulary.idToToken(id),
    };
  }

  get unkToken(): string {
    return this.options.unkToken ?? SPECIAL_TOKENS.unkToken;
  }
  get clsToken(): string {
    return this.options.clsToken ?? SPECIAL_TOKENS.clsToken;
  }
  get sepToken(): string {
    return this.options.sepToken ?? SPECIAL_TOKENS.sepToken;
  }
  /** undefined if there is none. */
  get padToken(): string | undefined {
    return this.optionalToken("padToken");
  }
  /** undefined if there is none. */
  get maskToken(): string | undefined {
    return this.optionalToken("maskToken");
  }
  get unkTokenId(): number {
    return this.ownVocabulary.tokenToId(this.unkToken)!;
  }
  get clsTokenId(): number {
    return this.ownVocabulary.tokenToId(this.clsToken)!;
  }
  get sepTokenId(): number {
    return this.ownVocabulary.tokenToId(this.sepToken)!;
  }
  get padTokenId(): number | undefined {
    return this.padToken === undefined ? undefined : this.ownVocabulary.tokenToId(this.padToken);
  }
  get maskTokenId(): number | undefined {
    return this.maskToken === undefined ? undefined : this.ownVocabulary.tokenToId(this.maskToken);
  }
  /** Ids of all tokens that `decode` skips with `skipSpecialTokens`, ascending. */
  get allSpecialIds(): number[] {
    const special = [...this.ownVocabulary.added.values()].filter((token) => token.special);
    return special.map((token) => token.id).sort((a, b) => a - b);
  }
  /** One more than the highest id, added tokens included: the rows that the model's word embeddings need. */
  get size(): number {
    return this.ownVocabulary.size;
  }
  /** Longest encoding the model takes; Infinity if the files do not say. */
  get modelMaxLength(): number {
    return this.options.modelMaxLength ?? Number.POSITIVE_INFINITY;
  }
  get doLowerCase(): boolean {
    return this.normalizer.doLowerCase;
  }

  /** All tokens, added ones included, with their ids: a copy. */
  vocabulary(): Map<string, number> {
    const all = new Map(this.ownVocabulary.wordPieces);
    for (const { content, id } of this.ownVocabulary.added.values()) all.set(content, id);
    return all;
  }

  /** The id of a token, undefined if there is none: no silent [UNK]. */
  tokenToId(token: string): number | undefined {
    return this.ownVocabulary.tokenToId(token);
  }

  /** The token of an id, undefined if there is none. */
  idToToken(id: number): string | undefined {
    return this.ownVocabulary.idToToken(id);
  }

  /**
   * One text, or a pair with `textPair`.
   *
   * @throws BertError ERR_INPUT if the text is no string, an option is wrong, or it cannot be truncated as the options
   *   say. Lone surrogates are no error: they count as U+FFFD, as in any UTF-8 file that they are written to.
   */
  encode(text: TextInput, options: EncodeOptions & { readonly textPair?: TextInput } = {}): Encoding {
    const resolved = this.resolve(options);
    const encoding = this.encodeOne("encode", text, options.textPair, resolved);
    padAll("encode", [encoding], resolved, this.padTokenId);
    return encoding;
  }

  /**
   * As `encode`, in parts, between which the caller may do something else: answer other requests while a text of many
   * megabytes is read.
   *
   * @returns a generator that gives, before each part that it reads, how many UTF-16 units that has: 4,096, or less; a
   *   few more where these would end within a character. Tokenizers that look at whole words, for `neverSplit` or added
   *   tokens that are `normalized`, read to the next space. At the end it returns the encoding
   * @throws BertError ERR_INPUT as `encode`, when the part is read
   * @example
   * const parts = (await loadTokenizer()).encodeInParts("A very long text.", { truncation: true });
   * let part = parts.next();
   * for (; !part.done; part = parts.next()) await new Promise((turn) => setTimeout(turn));
   * part.value.inputIds.length; // 8
   */
  *encodeInParts(
    text: TextInput,
    options: EncodeOptions & { readonly textPair?: TextInput } = {},
  ): Generator<number, Encoding, undefined> {
    const resolved = this.resolve(options);
    const readings = readingsOf(this.textTokenizer, "encode", text, options.textPair, resolved);
    yield* readInParts(readings);
    const encoding = encodingOf(readings, resolved, this.context);
    padAll("encode", [encoding], resolved, this.padTokenId);
    return encoding;
  }

  /**
   * How many tokens `encode` gives of a text without truncation, in parts as `encodeInParts`, and without the memory
   * that its encoding takes.
   *
   * @throws BertError ERR_INPUT as `encode`
   */
  *countInParts(
    text: TextInput,
    options: Pick<EncodeOptions, "addSpecialTokens" | "isSplitIntoWords"> & { readonly textPair?: TextInput } = {},
  ): Generator<number, number, undefined> {
    const resolved = this.resolve(options);
    const readings = readingsOf(this.textTokenizer, "countInParts", text, options.textPair, resolved);
    return specialTokens(options.textPair !== undefined, resolved) + (yield* countTokens(readings));
  }

  /**
   * Encodes many texts or pairs. They keep their own lengths without the option `padding`.
   *
   * @param inputs texts, or pairs as `[text, textPair]`; with `isSplitIntoWords` lists of words, or pairs of such lists
   * @throws BertError ERR_INPUT as `encode`, naming the input by its number
   */
  encodeBatch(
    inputs: readonly (TextInput | readonly [TextInput, TextInput])[],
    options: EncodeOptions = {},
  ): Encoding[] {
    if (!Array.isArray(inputs)) throw wrong("encodeBatch", "inputs", "an array", inputs);
    const resolved = resolveEncodeOptions("encodeBatch", options, this.defaults());
    const encodings = inputs.map((input: TextInput | readonly [TextInput, TextInput], n) => {
      const pair = Array.isArray(input) && (!resolved.isSplitIntoWords || Array.isArray(input[0]));
      if (!pair) return this.encodeOne(`encodeBatch: inputs[${n}]`, input as TextInput, undefined, resolved);
      if (input.length !== 2) throw wrong("encodeBatch", `inputs[${n}]`, "a text or a pair [text, textPair]", input);
      return this.encodeOne(`encodeBatch: inputs[${n}]`, input[0]!, input[1], resolved);
    });
    padAll("encodeBatch", encodings, resolved, this.padTokenId);
    return encodings;
  }

  /** The tokens of a text as strings, without [CLS] and [SEP]. */
  tokenize(text: string): string[] {
    return this.encode(text, { addSpecialTokens: false }).tokens();
  }

  /**
   * Text from ids. An added token that is `normalized` comes back normalized, as in the library.
   *
   * @throws BertError ERR_INPUT if an id is not in the vocabulary
   */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const { cleanUpTokenizationSpaces = this.options.cleanUpTokenizationSpaces ?? false } = options;
    const tokens = tokensToDecode(ids, options, this.ownVocabulary, (token) =>
      this.textTokenizer.normalizedText(token),
    );
    return joinTokens(tokens, cleanUpTokenizationSpaces);
  }

  /**
   * Adds tokens that are found in the text before any splitting. A token of the vocabulary keeps its id, a new one gets
   * the next free id: the model's word embeddings must then be resized to `size`.
   *
   * @returns how many were new or changed
   * @throws BertError ERR_VOCABULARY if one is empty or wrongly described
   */
  addTokens(tokens: readonly (string | AddedToken)[]): number {
    if (!Array.isArray(tokens)) throw wrong("addTokens", "tokens", "an array", tokens);
    const changed = tokens.filter((token: string | AddedToken) => this.ownVocabulary.add(described(token)));
    this.textTokenizer.setAddedTokens([...this.ownVocabulary.added.values()]);
    return changed.length;
  }

  /** `addTokens`, and `decode` can skip them. */
  addSpecialTokens(tokens: readonly (string | AddedToken)[]): number {
    if (!Array.isArray(tokens)) throw wrong("addSpecialTokens", "tokens", "an array", tokens);
    return this.addTokens(tokens.map((token: string | AddedToken) => ({ ...described(token), special: true })));
  }

  /**
   * The same tokenizer but for capitals, which it makes small; accents go or stay as they did. This is what
   * `do_lower_case` means to sentence-transformers, which puts a `Lowercase` before the tokenizer's own normalizer.
   */
  lowerCased(): BertTokenizer {
    const { doLowerCase, stripAccents } = this.normalizer;
    if (doLowerCase) return this;
    const addedTokens = [...this.ownVocabulary.added.values()];
    return new BertTokenizer(this.vocabulary(), { ...this.options, addedTokens, doLowerCase: true, stripAccents });
  }

  /** The files from which this library and Hugging Face's read the same tokenizer. */
  toFiles(): TokenizerFiles {
    return writeTokenizerFiles(this.ownVocabulary, this.options, {
      unk_token: this.unkToken,
      cls_token: this.clsToken,
      sep_token: this.sepToken,
      pad_token: this.padToken,
      mask_token: this.maskToken,
    });
  }

  private resolve(options: EncodeOptions): ResolvedEncodeOptions {
    return resolveEncodeOptions("encode", options, this.defaults(), PAIR_OPTIONS);
  }

  private encodeOne(where: string, text: unknown, textPair: unknown, options: ResolvedEncodeOptions): Encoding {
    const readings = readingsOf(this.textTokenizer, where, text, textPair, options);
    for (const reading of readings) while (reading.next() > 0) reading.read();
    return encodingOf(readings, options, this.context);
  }

  private defaults(): { modelMaxLength: number; truncationSide: "left" | "right"; paddingSide: "left" | "right" } {
    const { truncationSide = "right", paddingSide = "right" } = this.options;
    return { modelMaxLength: this.modelMaxLength, truncationSide, paddingSide };
  }

  private optionalToken(role: "padToken" | "maskToken"): string | undefined {
    const token = this.options[role] ?? SPECIAL_TOKENS[role];
    return this.ownVocabulary.tokenToId(token) === undefined ? undefined : token;
  }
}
