import { AddedTokenFinder, type ResolvedAddedToken } from "./addedTokens.ts";
import { normalize, type ResolvedNormalizerOptions, toCharacters, wordText } from "./basicTokenize.ts";
import { FastTokenizer } from "./fastTokenize.ts";
import { GreedyMatcher } from "./greedyMatcher.ts";
import { TextReader } from "./textReader.ts";
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
  /** The twin that needs a trie, with what its matchers need; null while there is none. */
  private fast: { readonly tokenizer: FastTokenizer; readonly trie: WordPieceTrie; readonly lengths: Int32Array } | null =
    null;
  /** Matchers that nobody uses: a text that is read in parts keeps its own meanwhile. */
  private idle: Matcher[] = [];
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

  /**
   * The tokens of a text; offsets in UTF-16 units or code points of it.
   *
   * @param isEnough where reading may stop; what is found is then the text's first tokens
   * @returns a generator that gives, before each part that it reads, how many UTF-16 units that has
   */
  *tokenize(
    text: string,
    offsetUnit: "utf16" | "codePoint",
    isEnough: IsEnough,
  ): Generator<number, TokenList, undefined> {
    const matcher = this.take(text.length);
    try {
      const reader = this.reader(text, matcher);
      while (reader.rest > 0) {
        yield reader.next();
        reader.read();
        if (reader.rest > 0 && isEnough(matcher.tokens, matcher.settled)) break;
      }
      const tokens = settled(matcher, reader.rest === 0);
      if (offsetUnit === "codePoint") countCodePoints(text, tokens, 0);
      return tokens.copy();
    } finally {
      this.giveBack(matcher);
    }
  }

  /** The tokens of a list of words; offsets in each token's own word, word numbers those of the list. */
  *tokenizeWords(
    words: readonly string[],
    offsetUnit: "utf16" | "codePoint",
    isEnough: IsEnough,
  ): Generator<number, TokenList, undefined> {
    const matcher = this.take(words.reduce((sum, { length }) => sum + length, 0));
    try {
      const { tokens } = matcher;
      for (const [n, word] of words.entries()) {
        const from = tokens.length;
        const reader = this.reader(word, matcher);
        while (reader.rest > 0) {
          yield reader.next();
          reader.read();
        }
        matcher.endWord();
        if (offsetUnit === "codePoint") countCodePoints(word, tokens, from);
        tokens.words.fill(n, from, tokens.length);
        if (isEnough(tokens, tokens.length)) break;
      }
      return tokens.copy();
    } finally {
      this.giveBack(matcher);
    }
  }

  /**
   * A matcher that nobody uses, for `units` UTF-16 units to be read. Makes the trie when they are too many to go
   * without.
   */
  private take(units: number): Matcher {
    this.unitsWithoutTrie -= units;
    if (this.unitsWithoutTrie < 0 && this.fast === null) {
      const { wordPieces, size } = this.vocabulary;
      const trie = new WordPieceTrie(wordPieces, this.maxChars);
      const lengths = new Int32Array(size);
      for (const [token, id] of wordPieces) lengths[id] = token.length;
      this.fast = { tokenizer: new FastTokenizer(this.options, trie), trie, lengths };
      this.idle = [];
    }
    const matcher = this.idle.pop() ?? this.createMatcher();
    matcher.reset();
    return matcher;
  }

  private giveBack(matcher: Matcher): void {
    const isFast = this.fast !== null;
    if (matcher instanceof WordMatcher === isFast) this.idle.push(matcher);
  }

  private createMatcher(): Matcher {
    const { wordPieces } = this.vocabulary;
    if (this.fast === null) return new GreedyMatcher(wordPieces, this.unkToken, this.maxChars);
    const { trie, lengths } = this.fast;
    return new WordMatcher(trie, lengths, wordPieces.get(this.unkToken) as number, this.maxChars);
  }

  private reader(text: string, matcher: Matcher): TextReader {
    return new TextReader(text, matcher, {
      options: this.options,
      fast: matcher instanceof WordMatcher ? this.fast!.tokenizer : null,
      verbatim: this.verbatim,
      normalized: this.normalized,
    });
  }
}

/** Whether the tokens that have been read, of which the first `settled` stay as they are, are all that is wanted. */
export type IsEnough = (tokens: TokenList, settled: number) => boolean;

/** The tokens of a matcher that reads no more; at a text's end those of the last word too. */
function settled(matcher: Matcher, atEnd: boolean): TokenList {
  if (atEnd) matcher.endWord();
  matcher.tokens.length = matcher.settled;
  return matcher.tokens;
}

/** Turns the UTF-16 offsets of the tokens from `from` on into code points. */
function countCodePoints(text: string, tokens: TokenList, from: number): void {
  const last = tokens.length > from ? tokens.ends[tokens.length - 1] : 0;
  const index = new Int32Array(last + 1);
  for (let unit = 0, count = 0; unit < last; ) {
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
