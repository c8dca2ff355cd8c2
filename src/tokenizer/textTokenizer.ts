import { AddedTokenFinder, type ResolvedAddedToken } from "./addedTokens.ts";
import {
  type Character,
  normalize,
  type ResolvedNormalizerOptions,
  splitIntoWords,
  toCharacters,
  wordText,
} from "./basicTokenize.ts";
import { FastTokenizer } from "./fastTokenize.ts";
import type { TokenList } from "./tokenList.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { WordMatcher } from "./wordMatcher.ts";
import { WordPieceTrie } from "./wordPieceTrie.ts";

/** From a text to its tokens and their places: added tokens first, then the chain and WordPiece on what is between them. */
export class TextTokenizer {
  readonly #options: ResolvedNormalizerOptions;
  readonly #matcher: WordMatcher;
  readonly #fast: FastTokenizer;
  /** Added tokens that are looked for in the text as it stands, and those that are looked for once it is normalized. */
  #verbatim: AddedTokenFinder = new AddedTokenFinder([]);
  #normalized: AddedTokenFinder = new AddedTokenFinder([]);

  constructor(vocabulary: Vocabulary, options: ResolvedNormalizerOptions, unkTokenId: number, maxChars: number) {
    this.#options = options;
    const trie = new WordPieceTrie(vocabulary.wordPieces, maxChars);
    const lengths = new Int32Array(vocabulary.size);
    for (const [token, id] of vocabulary.wordPieces) lengths[id] = token.length;
    this.#matcher = new WordMatcher(trie, lengths, unkTokenId, maxChars);
    this.#fast = new FastTokenizer(options, trie);
    this.setAddedTokens([...vocabulary.added.values()]);
  }

  setAddedTokens(tokens: readonly ResolvedAddedToken[]): void {
    this.#verbatim = new AddedTokenFinder(
      tokens.filter((t) => !t.normalized).map((token) => ({ pattern: token.content, token })),
    );
    this.#normalized = new AddedTokenFinder(
      tokens.filter((t) => t.normalized).map((token) => ({ pattern: this.normalizedText(token.content), token })),
    );
  }

  /** What cleaning, accents and lower-casing make of a text, in one string. */
  normalizedText(text: string): string {
    return wordText(normalize(toCharacters(text), this.#options));
  }

  /** The tokens of a text; offsets in UTF-16 units or code points of it. */
  tokenize(text: string, offsetUnit: "utf16" | "codePoint"): TokenList {
    this.#matcher.reset();
    this.#tokenizeText(text);
    if (offsetUnit === "codePoint") countCodePoints(text, this.#matcher.tokens, 0);
    return this.#matcher.tokens.copy();
  }

  /** The tokens of a list of words; offsets in each token's own word, word numbers those of the list. */
  tokenizeWords(words: readonly string[], offsetUnit: "utf16" | "codePoint"): TokenList {
    this.#matcher.reset();
    const { tokens } = this.#matcher;
    for (const [n, word] of words.entries()) {
      const from = tokens.length;
      this.#tokenizeText(word);
      if (offsetUnit === "codePoint") countCodePoints(word, tokens, from);
      tokens.words.fill(n, from, tokens.length);
    }
    return tokens.copy();
  }

  #tokenizeText(text: string): void {
    let at = 0;
    for (const { token, start, end } of this.#verbatim.find(text)) {
      this.#tokenizeSegment(text, at, start);
      this.#matcher.addedToken(token.id, start, end);
      at = end;
    }
    this.#tokenizeSegment(text, at, text.length);
  }

  #tokenizeSegment(text: string, from: number, to: number): void {
    if (from >= to) return;
    const plain = this.#normalized.isEmpty && this.#options.neverSplit.size === 0;
    if (plain && this.#fast.tokenize(text, from, to, this.#matcher)) return;
    const characters = normalize(toCharacters(text, from, to), this.#options);
    let at = 0;
    for (const { token, start, end } of this.#findNormalized(characters)) {
      this.#tokenizeCharacters(characters.slice(at, start));
      this.#matcher.addedToken(token.id, characters[start].start, characters[end - 1].end);
      at = end;
    }
    this.#tokenizeCharacters(characters.slice(at));
  }

  /** Matches whose start and end count characters, not UTF-16 units. */
  #findNormalized(characters: readonly Character[]): { token: ResolvedAddedToken; start: number; end: number }[] {
    const matches = this.#normalized.isEmpty ? [] : this.#normalized.find(wordText(characters));
    if (matches.length === 0) return [];
    const index: number[] = []; // UTF-16 unit of the normalized text → character
    for (const [i, { codePoint }] of characters.entries()) {
      index.push(i);
      if (codePoint > 0xffff) index.push(i);
    }
    index.push(characters.length);
    return matches.map(({ token, start, end }) => ({ token, start: index[start], end: index[end] }));
  }

  #tokenizeCharacters(characters: readonly Character[]): void {
    for (const word of splitIntoWords(characters, this.#options)) {
      for (const { codePoint, start, end } of word) this.#matcher.character(codePoint, start, end);
      this.#matcher.endWord();
    }
  }
}

/** Turns the UTF-16 offsets of the tokens from `from` on into code points. */
function countCodePoints(text: string, tokens: TokenList, from: number): void {
  const index = new Int32Array(text.length + 1);
  for (let unit = 0, count = 0; unit < text.length; ) {
    const width = text.codePointAt(unit)! > 0xffff ? 2 : 1;
    for (let i = 0; i < width; i++) index[unit++] = count;
    count++;
    index[unit] = count;
  }
  for (let i = from; i < tokens.length; i++) {
    tokens.starts[i] = index[tokens.starts[i]];
    tokens.ends[i] = index[tokens.ends[i]];
  }
}
