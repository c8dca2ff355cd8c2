import { AddedTokenFinder, type ResolvedAddedToken } from "./addedTokens.ts";
import { normalize, type ResolvedNormalizerOptions, toCharacters, wordText } from "./basicTokenize.ts";
import { FastTokenizer } from "./fastTokenize.ts";
import { GreedyMatcher } from "./greedyMatcher.ts";
import { PART, TextReader } from "./textReader.ts";
import type { TokenList } from "./tokenList.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { type Matcher, WordMatcher } from "./wordMatcher.ts";
import { WordPieceTrie } from "./wordPieceTrie.ts";

/** UTF-16 units that a tokenizer reads before it makes its trie. In a new process so many take 8 ms. */
const UNITS_WITHOUT_TRIE = 4096;

/** A list of more tokens is not copied out of its matcher: it is kept, and the matcher is not used again. */
const MANY_TOKENS = 1 << 16;

/** Finds a text's tokens and their places: added tokens first, then the chain and WordPiece on what is between them. */
export class TextTokenizer {
  declare private readonly options: ResolvedNormalizerOptions;
  declare private readonly vocabulary: Vocabulary;
  declare private readonly unkToken: string;
  declare private readonly maxChars: number;
  /** The twin that needs a trie, with what its matchers need; null while there is none. */
  private fast: {
    readonly tokenizer: FastTokenizer;
    readonly trie: WordPieceTrie;
    readonly lengths: Int32Array;
  } | null = null;
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

  /** A text, or a list of words, to be read; arguments as those of `Reading`. */
  open(
    texts: string | readonly string[],
    offsetUnit: "utf16" | "codePoint",
    isEnough: IsEnough,
    last: number,
  ): Reading {
    return new Reading(this, texts, offsetUnit, isEnough, last);
  }

  /**
   * A matcher that nobody uses, for `units` UTF-16 units to be read. Makes the trie when they are too many to go
   * without.
   */
  take(units: number): Matcher {
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

  /** Takes a matcher back, unless there is a faster one by now. */
  giveBack(matcher: Matcher): void {
    if (matcher instanceof WordMatcher === (this.fast !== null)) this.idle.push(matcher);
  }

  /** Reads a text, to feed it to a matcher that `take` gave. */
  reader(text: string, matcher: Matcher): TextReader {
    const fast = matcher instanceof WordMatcher ? this.fast!.tokenizer : null;
    return new TextReader(text, matcher, this.options, fast, this.verbatim, this.normalized);
  }

  private createMatcher(): Matcher {
    const { wordPieces } = this.vocabulary;
    if (this.fast === null) return new GreedyMatcher(wordPieces, this.unkToken, this.maxChars);
    const { trie, lengths } = this.fast;
    return new WordMatcher(trie, lengths, wordPieces.get(this.unkToken) as number, this.maxChars);
  }
}

/** Whether the tokens that have been read, of which the first `settled` stay as they are, are all that is wanted. */
export type IsEnough = (tokens: TokenList, settled: number) => boolean;

/**
 * A text on its way to tokens, a part at a time: while `next` is not 0, `read`. Other texts may be read between two
 * parts.
 */
export class Reading {
  declare private readonly tokenizer: TextTokenizer;
  declare private readonly texts: readonly string[];
  declare private readonly isWords: boolean;
  declare private readonly offsetUnit: "utf16" | "codePoint";
  declare private readonly isEnough: IsEnough;
  declare private readonly last: number;
  private matcher: Matcher | null = null;
  private reader: TextReader | null = null;
  /** Which word is read, and its first token. */
  private n = 0;
  private from = 0;
  private result: TokenList | null = null;

  /**
   * @param texts a text, or words; offsets of their tokens are then in their own word, word numbers those of the list
   * @param last  how many of a text's last tokens are wanted: others are forgotten now and then
   */
  constructor(
    tokenizer: TextTokenizer,
    texts: string | readonly string[],
    offsetUnit: "utf16" | "codePoint",
    isEnough: IsEnough,
    last: number,
  ) {
    this.tokenizer = tokenizer;
    this.isWords = typeof texts !== "string";
    this.texts = typeof texts === "string" ? [texts] : texts;
    this.offsetUnit = offsetUnit;
    this.isEnough = isEnough;
    this.last = last;
  }

  /** How many UTF-16 units the next part has; 0: what was to be known is known. */
  next(): number {
    if (this.result) return 0;
    if (this.matcher === null) {
      this.matcher = this.tokenizer.take(this.texts.reduce((sum, { length }) => sum + length, 0));
    } else if (!this.isWords && this.reader!.rest > 0 && this.isEnough(this.matcher.tokens, this.matcher.settled)) {
      this.matcher.tokens.length = this.matcher.settled;
      this.matcher.forgetWord();
      this.endText();
      return this.end();
    }
    while (this.n < this.texts.length) {
      this.reader ??= this.tokenizer.reader(this.texts[this.n], this.matcher);
      if (this.reader.rest > 0) return this.reader.next();
      this.matcher.endWord();
      this.endText();
      if (this.isWords && this.isEnough(this.matcher.tokens, this.matcher.tokens.length)) break;
    }
    return this.end();
  }

  /** Reads the part that `next` has measured. */
  read(): void {
    this.reader!.read();
    const { settled } = this.matcher!;
    // Else the columns of 20 MB of text are copied to larger ones, 47 ms at once.
    if (settled > 2 * this.last + PART) this.matcher!.forgetTokens(settled - this.last);
  }

  /** Forgets the tokens of the words that are over, so that they take no memory, and tells how many these are. */
  forget(): number {
    const { settled } = this.matcher!;
    this.matcher!.forgetTokens(settled);
    this.from = 0;
    return settled;
  }

  /** The tokens: of a text that was not read to its end, the first ones. */
  get tokens(): TokenList {
    return this.result!;
  }

  /** Settles the places of the tokens of a text, or a word. */
  private endText(): void {
    const { tokens } = this.matcher!;
    if (this.offsetUnit === "codePoint") countCodePoints(this.texts[this.n], tokens, this.from);
    if (this.isWords) tokens.words.fill(this.n, this.from, tokens.length);
    this.from = tokens.length;
    this.n++;
    this.reader = null;
  }

  private end(): 0 {
    const { tokens } = this.matcher!;
    if (tokens.length > MANY_TOKENS) this.result = tokens;
    else {
      this.result = tokens.copy();
      this.tokenizer.giveBack(this.matcher!);
    }
    this.matcher = null;
    this.reader = null;
    return 0;
  }
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
