import { TokenList } from "./tokenList.ts";
import { CONTINUATION, START, type WordPieceTrie } from "./wordPieceTrie.ts";

/** Takes the characters of a text one by one, with their places, and writes the pieces of each word to `tokens`. */
export abstract class Matcher {
  /** What was found since `reset`. */
  readonly tokens: TokenList = new TokenList(1024);
  /** The number of the word being read. */
  word = 0;

  reset(): void {
    this.tokens.length = 0;
    this.tokens.added.length = 0;
    this.word = 0;
    this.forgetWord();
  }

  /** Forgets the first tokens, which are of words that are over. */
  forgetTokens(count: number): void {
    this.tokens.dropFirst(count);
  }

  /** Forgets a word that was begun; its tokens are those from `settled` on. */
  abstract forgetWord(): void;

  /** A character of the word, by its code point, that came from the text's [start, end). */
  abstract character(codePoint: number, start: number, end: number): void;

  /** The word is over, if there is one: its pieces get their places, or it becomes one unknown token. */
  abstract endWord(): void;

  /** How many of the tokens belong to words that are over: no later character changes them. */
  abstract get settled(): number;

  /** A token that was found as such in the text: a word of its own. */
  addedToken(id: number, start: number, end: number): void {
    this.tokens.added.push(this.tokens.length);
    this.tokens.push(id, start, end, this.word);
    this.word++;
  }
}

/** Runs the automaton of WordPieceTrie while the word goes by, so that no word is ever put together as a string. */
export class WordMatcher extends Matcher {
  // A field without a value is undefined first, and of no one type for the engine, unless it is only declared.
  declare private readonly trie: WordPieceTrie;
  declare private readonly tokenLengths: ArrayLike<number>;
  declare private readonly unkTokenId: number;
  declare private readonly maxChars: number;
  private state = START;
  private chars = 0;
  private units = 0;
  private firstPiece = 0;
  private wordStart = 0;
  private wordEnd = 0;
  // The place in the text of each unit of the word: what the offsets of its pieces are read from.
  declare private readonly unitStarts: Int32Array;
  declare private readonly unitEnds: Int32Array;

  /** @param tokenLengths UTF-16 length of each token by id, with its "##" */
  constructor(trie: WordPieceTrie, tokenLengths: ArrayLike<number>, unkTokenId: number, maxChars: number) {
    super();
    this.trie = trie;
    this.tokenLengths = tokenLengths;
    this.unkTokenId = unkTokenId;
    this.maxChars = maxChars;
    this.unitStarts = new Int32Array(2 * maxChars + 2);
    this.unitEnds = new Int32Array(2 * maxChars + 2);
  }

  override character(codePoint: number, start: number, end: number): void {
    const { symbols } = this.trie;
    if (codePoint < 0x10000) {
      this.symbol(symbols[codePoint], start, end);
    } else {
      this.symbol(symbols[0xd7c0 + (codePoint >> 10)], start, end); // the surrogate pair is one character …
      this.chars--;
      this.symbol(symbols[0xdc00 + (codePoint & 0x3ff)], start, end); // … in two units
    }
  }

  /** Takes a character that is one UTF-16 unit, by its symbol in the trie. */
  symbol(symbol: number, start: number, end: number): void {
    if (this.chars === 0 && this.units === 0) {
      this.wordStart = start;
      this.firstPiece = this.tokens.length;
      this.state = START;
    }
    this.chars++;
    this.wordEnd = end;
    if (this.state === NO_MATCH) return;
    if (this.chars > this.maxChars) {
      this.state = NO_MATCH;
      return;
    }
    this.unitStarts[this.units] = start;
    this.unitEnds[this.units] = end;
    this.units++;
    const { base, check } = this.trie;
    let state = this.state;
    let next = base[state] + symbol;
    while (check[next] !== state) {
      state = this.fail(state);
      if (state === NO_MATCH) break;
      next = base[state] + symbol;
    }
    this.state = state === NO_MATCH ? NO_MATCH : next;
  }

  override endWord(): void {
    if (this.chars === 0) return;
    let state = this.state;
    while (state !== CONTINUATION && state !== NO_MATCH) state = this.fail(state);
    const { tokens } = this;
    if (state === NO_MATCH) {
      tokens.length = this.firstPiece;
      tokens.push(this.unkTokenId, this.wordStart, this.wordEnd, this.word);
    } else {
      let unit = 0;
      for (let i = this.firstPiece; i < tokens.length; i++) {
        const end = unit + this.tokenLengths[tokens.ids[i]] - (unit === 0 ? 0 : 2);
        tokens.starts[i] = this.unitStarts[unit];
        tokens.ends[i] = this.unitEnds[end - 1];
        unit = end;
      }
    }
    this.chars = 0;
    this.units = 0;
    this.word++;
  }

  override forgetTokens(count: number): void {
    super.forgetTokens(count);
    this.firstPiece -= count;
  }

  override forgetWord(): void {
    this.chars = 0;
    this.units = 0;
  }

  override get settled(): number {
    return this.chars === 0 ? this.tokens.length : this.firstPiece;
  }

  private fail(state: number): number {
    const { failure, pops, popsFrom, popsTo } = this.trie;
    const link = failure[state];
    if (link === 0) return NO_MATCH;
    const to = popsTo[state];
    for (let i = popsFrom[state]; i < to; i++) this.tokens.push(pops[i], 0, 0, this.word);
    return link;
  }
}

const NO_MATCH = -1;
