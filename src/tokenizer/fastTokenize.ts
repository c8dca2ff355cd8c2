import { normalize, type ResolvedNormalizerOptions, toCharacters } from "./basicTokenize.ts";
import { combiningClass, decompose, isControl, isPunctuation, isWhitespace, REPLACEMENT_CHARACTER } from "./unicode.ts";
import type { Matcher, WordMatcher } from "./wordMatcher.ts";
import type { WordPieceTrie } from "./wordPieceTrie.ts";

/**
 * The chain of basicTokenize.ts and WordPiece in one pass over a text, without a string or an object per character.
 *
 * It rests on one fact: each step of the chain maps a character by itself, so what becomes of a character can be kept
 * in a table. The table is filled by running the chain on one character when that character is first seen. The one
 * exception is the canonical reordering of marks, which looks at neighbours; a run of marks in which it could show is
 * left to the chain.
 *
 * So a text can be read in parts that begin and end anywhere but within a surrogate pair.
 */
export class FastTokenizer {
  declare private readonly options: ResolvedNormalizerOptions;
  declare private readonly trie: WordPieceTrie;
  /**
   * UTF-16 unit → what becomes of it: a symbol of the trie, a character that is a word of its own, or one of the kinds
   * below.
   */
  private readonly table: Int32Array = new Int32Array(0x10000);
  /** Code point → what becomes of it where that is no single unit; undefined where marks may be reordered. */
  private readonly sequences: Map<number, readonly number[] | undefined> = new Map();

  constructor(options: ResolvedNormalizerOptions, trie: WordPieceTrie) {
    this.options = options;
    this.trie = trie;
  }

  /**
   * Feeds text [from, to) to the matcher, which goes on with the word that it was in. The word at the end stays open.
   *
   * @param segment where the text that is normalized as one begins and ends
   * @returns where to go on: `to`, or the end of a run of marks that goes beyond it
   */
  read(text: string, from: number, to: number, segment: readonly [number, number], matcher: WordMatcher): number {
    const table = this.table;
    let i = from;
    for (; i < to; i++) {
      const unit = text.charCodeAt(i);
      const entry = table[unit] || this.enter(unit);
      if (entry > 0) {
        matcher.symbol(entry, i, i + 1);
      } else if (entry === SPACE) {
        matcher.endWord();
      } else if (entry <= ALONE) {
        matcher.endWord();
        matcher.symbol(ALONE - entry, i, i + 1);
        matcher.endWord();
      } else if (entry === SEQUENCE) {
        const end = i + (isPair(text, i, to) ? 2 : 1);
        const sequence = this.sequence(codePointIn(text, i, end));
        if (sequence === undefined) {
          i = this.readRun(text, i, segment, matcher) - 1;
        } else {
          for (const c of sequence) feed(matcher, c, i, end);
          i = end - 1;
        }
      }
    }
    return i;
  }

  /**
   * Lets the chain read a run of marks that has one at `at` whose place depends on its neighbours: from the character
   * that carries the marks on. What of this character and the marks before `at` has been fed is not fed again.
   *
   * @returns the end of the run
   */
  private readRun(text: string, at: number, [first, last]: readonly [number, number], matcher: WordMatcher): number {
    let start = at;
    while (start > first && this.leans(codePointIn(text, start, endOf(text, start, last)))) {
      start -= start - 2 >= first && isPair(text, start - 2, last) ? 2 : 1;
    }
    let end = endOf(text, at, last);
    while (end < last && this.leans(codePointIn(text, end, endOf(text, end, last)))) end = endOf(text, end, last);
    const fed = start < at ? (this.sequence(codePointIn(text, start, endOf(text, start, last)))?.length ?? 0) : 0;
    for (const c of normalize(toCharacters(text, start, end), this.options).slice(fed)) {
      feed(matcher, c.codePoint, c.start, c.end);
    }
    return end;
  }

  /** Whether a character belongs to the marks of the one before it, or is dropped before marks are ordered. */
  private leans(codePoint: number): boolean {
    if (this.options.cleanText && (codePoint === REPLACEMENT_CHARACTER || isControl(codePoint))) return true;
    return combiningClass(decompose(codePoint)[0]) > 0;
  }

  private sequence(codePoint: number): readonly number[] | undefined {
    if (!this.sequences.has(codePoint)) {
      if (this.sequences.size === MOST_SEQUENCES) this.sequences.clear();
      this.sequences.set(codePoint, this.normalized(codePoint));
    }
    return this.sequences.get(codePoint);
  }

  /** What the chain makes of one character; undefined if that depends on its neighbours. */
  private normalized(codePoint: number): readonly number[] | undefined {
    const sequence = normalize([{ codePoint, start: 0, end: 0 }], this.options).map((c) => c.codePoint);
    return this.options.stripAccents && sequence.some((c) => combiningClass(c) > 0) ? undefined : sequence;
  }

  private enter(unit: number): number {
    this.table[unit] = this.classify(unit);
    return this.table[unit];
  }

  private classify(unit: number): number {
    if (unit >= 0xd800 && unit <= 0xdfff) return SEQUENCE;
    const sequence = this.normalized(unit);
    if (sequence === undefined) return SEQUENCE;
    if (sequence.length === 0) return DROPPED;
    const visible = sequence.filter((c) => !isWhitespace(c));
    if (visible.length === 0) return SPACE;
    const [only] = visible;
    if (visible.length > 1 || only > 0xffff) return SEQUENCE;
    const symbol = this.trie.symbols[only];
    if (sequence.length === 1) return isPunctuation(only) ? ALONE - symbol : symbol;
    return isWhitespace(sequence[0]) && isWhitespace(sequence.at(-1)!) ? ALONE - symbol : SEQUENCE;
  }
}

/** So many sequences are remembered at once: what languages need, and not what texts of any characters could have. */
const MOST_SEQUENCES = 10_000;

// 0 in the table is "not yet seen"; above it are symbols; `ALONE - symbol` is a character that is a word of its own.
const SPACE = -1;
const DROPPED = -2;
const SEQUENCE = -3;
const ALONE = -4;

/** The end of the character that begins at `at`. */
function endOf(text: string, at: number, to: number): number {
  return at + (isPair(text, at, to) ? 2 : 1);
}

/** The character [at, end); a lone surrogate counts as U+FFFD. */
function codePointIn(text: string, at: number, end: number): number {
  if (end - at === 2) return text.codePointAt(at)!;
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdfff ? REPLACEMENT_CHARACTER : unit;
}

/** Feeds a normalized character that came from the text's [start, end). */
function feed(matcher: Matcher, codePoint: number, start: number, end: number): void {
  if (isWhitespace(codePoint)) {
    matcher.endWord();
  } else if (isPunctuation(codePoint)) {
    matcher.endWord();
    matcher.character(codePoint, start, end);
    matcher.endWord();
  } else {
    matcher.character(codePoint, start, end);
  }
}

/** Whether a surrogate pair begins at a place; one that goes beyond `to` is none. */
export function isPair(text: string, i: number, to: number): boolean {
  if (i + 1 >= to) return false;
  const high = text.charCodeAt(i);
  const low = text.charCodeAt(i + 1);
  return high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff;
}
