import { type AddedTokenFinder, type AddedTokenMatch, AddedTokenScan } from "./addedTokens.ts";
import {
  type Character,
  normalize,
  type ResolvedNormalizerOptions,
  splitIntoWords,
  toCharacters,
  wordText,
} from "./basicTokenize.ts";
import { type FastTokenizer, isPair } from "./fastTokenize.ts";
import { isCjk, isControl, isWhitespace, REPLACEMENT_CHARACTER } from "./unicode.ts";
import type { Matcher, WordMatcher } from "./wordMatcher.ts";

/** UTF-16 units that are read at a time: 0.2 ms. */
export const PART = 4096;

/**
 * Feeds a text to a matcher, a part at a time: added tokens first, then the chain on what is between them. The parts
 * give what the text as a whole would give.
 */
export class TextReader {
  declare private readonly text: string;
  declare private readonly matcher: Matcher;
  declare private readonly options: ResolvedNormalizerOptions;
  declare private readonly fast: FastTokenizer | null;
  declare private readonly verbatim: AddedTokenFinder;
  declare private readonly normalized: AddedTokenFinder;
  declare private readonly scan: AddedTokenScan;
  /** Whether the twin reads, which may stop within a word. */
  declare private readonly isPlain: boolean;
  /** Where the text begins that is normalized as one: behind the last added token. */
  private segment = 0;
  private at = 0;
  /** Where the next part ends. */
  private to = 0;

  /**
   * @param fast       the twin of the chain, for a WordMatcher
   * @param verbatim   added tokens that are looked for in the text as it stands
   * @param normalized those that are looked for once it is normalized
   */
  constructor(
    text: string,
    matcher: Matcher,
    options: ResolvedNormalizerOptions,
    fast: FastTokenizer | null,
    verbatim: AddedTokenFinder,
    normalized: AddedTokenFinder,
  ) {
    this.text = text;
    this.matcher = matcher;
    this.options = options;
    this.fast = fast;
    this.verbatim = verbatim;
    this.normalized = normalized;
    this.scan = new AddedTokenScan(verbatim, text);
    this.isPlain = fast !== null && normalized.isEmpty && options.neverSplit.size === 0;
  }

  /** How many UTF-16 units are left. */
  get rest(): number {
    return this.text.length - this.at;
  }

  /** How many UTF-16 units `read` is going to read; a run of marks or an added token may make it a few more. */
  next(): number {
    const { text, at } = this;
    this.to = Math.min(at + PART, text.length);
    if (this.to < text.length) {
      if (this.verbatim.beginsWithMark) this.to = text.length;
      else if (!this.isPlain) this.to = this.placeToCut(this.to);
      else if (isPair(text, this.to - 1, text.length)) this.to++;
    }
    return this.to - at;
  }

  /** Reads the part that `next` has measured. */
  read(): void {
    const { to, scan } = this;
    for (let match = scan.next(to); match !== null; match = scan.next(to)) this.readUpTo(match);
    if (this.at < to) this.at = this.readSegment(this.at, to, this.text.length);
  }

  private readUpTo({ token, start, end }: AddedTokenMatch): void {
    const { matcher } = this;
    if (this.at < start) this.readSegment(this.at, start, start);
    matcher.endWord();
    matcher.addedToken(token.id, start, end);
    this.at = end;
    this.segment = end;
  }

  /**
   * Reads text [from, to) between two added tokens; the text there goes on to `last`.
   *
   * @returns where to go on
   */
  private readSegment(from: number, to: number, last: number): number {
    const { text, matcher, segment, options } = this;
    if (this.isPlain) return this.fast!.read(text, from, to, [segment, last], matcher as WordMatcher);
    const characters = normalize(toCharacters(text, from, to), options);
    let at = 0;
    for (const { token, start, end } of this.findNormalized(characters)) {
      this.readCharacters(characters.slice(at, start));
      matcher.addedToken(token.id, characters[start].start, characters[end - 1].end);
      at = end;
    }
    this.readCharacters(characters.slice(at));
    return to;
  }

  private readCharacters(characters: readonly Character[]): void {
    for (const word of splitIntoWords(characters, this.options)) {
      for (const { codePoint, start, end } of word) this.matcher.character(codePoint, start, end);
      this.matcher.endWord();
    }
  }

  /** Matches whose start and end count characters, not UTF-16 units. */
  private findNormalized(
    characters: readonly Character[],
  ): { token: AddedTokenMatch["token"]; start: number; end: number }[] {
    const { normalized } = this;
    const matches = normalized.isEmpty ? [] : normalized.find(wordText(characters));
    if (matches.length === 0) return [];
    const index: number[] = []; // UTF-16 unit of the normalized text → character
    for (const [i, { codePoint }] of characters.entries()) {
      index.push(i);
      if (codePoint > 0xffff) index.push(i);
    }
    index.push(characters.length);
    return matches.map(({ token, start, end }) => ({ token, start: index[start], end: index[end] }));
  }

  /**
   * From `from` on, the first place before a space and behind a letter, digit or the like: there no word, no run of
   * marks and no added token goes on, and all the whitespace that an added token may take along comes after it. The end
   * of the text if there is none.
   */
  private placeToCut(from: number): number {
    const { text } = this;
    if (this.normalized.takesWhitespace) return text.length;
    for (let to = from; to < text.length; to++) {
      if (!ASCII_SPACE.has(text.charCodeAt(to))) continue;
      const before = text.codePointAt(to - (isPair(text, to - 2, to) ? 2 : 1))!;
      const isGone = before === REPLACEMENT_CHARACTER || isControl(before) || (before >= 0xd800 && before <= 0xdfff);
      if (!isGone && !isWhitespace(before) && !isCjk(before)) return to;
    }
    return text.length;
  }
}

const ASCII_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
