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
import { GreedyMatcher } from "./greedyMatcher.ts";
import type { TokenList } from "./tokenList.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { type Matcher, WordMatcher } from "./wordMatcher.ts";
import { WordPieceTrie } from "./wordPieceTrie.ts";

/** UTF-16 units that a tokenizer reads before it makes its trie. In a new process so many take 8 ms. */
const UNITS_WITHOUT_TRIE = 4096;

/** Finds a text's tokens and their places: added tokens first, then the chain and WordPiece on what is between them. */
export class TextTokenizer {
  declare private readonly options: ResolvedNormalizerOptions;
  declare private readonly vocabulary: Vocabulary;
  declare private readonly unkToken: string;
  declare private readonly maxChars: number;
  declare private matcher: Matcher;
  /** The twin that needs a trie; null while there is none. */
  private fast: { readonly tokenizer: FastTokenizer; readonly matcher: WordMatcher } | null = null;
  private unitsWithoutTrie = UNITS_WITHOUT_TRIE;
  /** Added tokens that are looked for in the text as it stands, and those that are looked for once it is normalized. */
  private verbatim: AddedTokenFinder = new AddedTokenFinder([]);
  private normalized: AddedTokenFinder = new AddedTokenFinder([]);

  /** @param unkToken one of the vocabulary's */
  constructor(vocabulary: Vocabulary, options: ResolvedNormalizerOptions, unkToken: string, maxChars: number) {
    this.options = options;
    this.vocabulary = vocabulary;
    this.unkToken = unkToken;
    this.maxChars = maxChars;
    this.matcher = new GreedyMatcher(vocabulary.wordPieces, unkToken, maxChars);
    this.setAddedTokens([...vocabulary.added.values()]);
  }

  setAddedTokens(tokens: readonly ResolvedAddedToken[]): void {
    this.verbatim = new AddedTokenFinder(
      tokens.filter((t) => !t.normalized).map((token) => ({ pattern: token.content, token })),
    );
    this.normalized = new AddedTokenFinder(
      tokens.filter((t) => t.normalized).map((token) => ({ pattern: this.normalizedText(token.content), token })),
    );
  }

  /** What cleaning, accents and lower-casing make of a text, in one string. */
  normalizedText(text: string): string {
    return wordText(normalize(toCharacters(text), this.options));
  }

  /** The tokens of a text; offsets in UTF-16 units or code points of it. */
  tokenize(text: string, offsetUnit: "utf16" | "codePoint"): TokenList {
    this.begin(text.length);
    this.tokenizeText(text);
    if (offsetUnit === "codePoint") countCodePoints(text, this.matcher.tokens, 0);
    return this.matcher.tokens.copy();
  }

  /** The tokens of a list of words; offsets in each token's own word, word numbers those of the list. */
  tokenizeWords(words: readonly string[], offsetUnit: "utf16" | "codePoint"): TokenList {
    this.begin(words.reduce((sum, { length }) => sum + length, 0));
    const { tokens } = this.matcher;
    for (const [n, word] of words.entries()) {
      const from = tokens.length;
      this.tokenizeText(word);
      if (offsetUnit === "codePoint") countCodePoints(word, tokens, from);
      tokens.words.fill(n, from, tokens.length);
    }
    return tokens.copy();
  }

  /** Before `units` UTF-16 units are read: makes the trie when they are too many to go without. */
  private begin(units: number): void {
    this.unitsWithoutTrie -= units;
    if (this.unitsWithoutTrie < 0 && this.fast === null) {
      const { wordPieces, size } = this.vocabulary;
      const trie = new WordPieceTrie(wordPieces, this.maxChars);
      const lengths = new Int32Array(size);
      for (const [token, id] of wordPieces) lengths[id] = token.length;
      const unkTokenId = wordPieces.get(this.unkToken) as number;
      const matcher = new WordMatcher(trie, lengths, unkTokenId, this.maxChars);
      this.fast = { tokenizer: new FastTokenizer(this.options, trie), matcher };
      this.matcher = matcher;
    }
    this.matcher.reset();
  }

  private tokenizeText(text: string): void {
    let at = 0;
    for (const { token, start, end } of this.verbatim.find(text)) {
      this.tokenizeSegment(text, at, start);
      this.matcher.addedToken(token.id, start, end);
      at = end;
    }
    this.tokenizeSegment(text, at, text.length);
  }

  private tokenizeSegment(text: string, from: number, to: number): void {
    if (from >= to) return;
    const plain = this.normalized.isEmpty && this.options.neverSplit.size === 0;
    if (plain && this.fast?.tokenizer.tokenize(text, from, to, this.fast.matcher)) return;
    const characters = normalize(toCharacters(text, from, to), this.options);
    let at = 0;
    for (const { token, start, end } of this.findNormalized(characters)) {
      this.tokenizeCharacters(characters.slice(at, start));
      this.matcher.addedToken(token.id, characters[start].start, characters[end - 1].end);
      at = end;
    }
    this.tokenizeCharacters(characters.slice(at));
  }

  /** Matches whose start and end count characters, not UTF-16 units. */
  private findNormalized(
    characters: readonly Character[],
  ): { token: ResolvedAddedToken; start: number; end: number }[] {
    const matches = this.normalized.isEmpty ? [] : this.normalized.find(wordText(characters));
    if (matches.length === 0) return [];
    const index: number[] = []; // UTF-16 unit of the normalized text → character
    for (const [i, { codePoint }] of characters.entries()) {
      index.push(i);
      if (codePoint > 0xffff) index.push(i);
    }
    index.push(characters.length);
    return matches.map(({ token, start, end }) => ({ token, start: index[start], end: index[end] }));
  }

  private tokenizeCharacters(characters: readonly Character[]): void {
    for (const word of splitIntoWords(characters, this.options)) {
      for (const { codePoint, start, end } of word) this.matcher.character(codePoint, start, end);
      this.matcher.endWord();
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
