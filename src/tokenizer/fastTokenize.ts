import { normalize, type ResolvedNormalizerOptions } from "./basicTokenize.ts";
import { combiningClass, isPunctuation, isWhitespace, REPLACEMENT_CHARACTER } from "./unicode.ts";
import type { WordMatcher } from "./wordMatcher.ts";
import type { WordPieceTrie } from "./wordPieceTrie.ts";

/**
 * The chain of basicTokenize.ts and WordPiece in one pass over a text, without a string or an object per character.
 *
 * It rests on one fact: each step of the chain maps a character by itself, so what becomes of a character can be kept
 * in a table. The table is filled by running the chain on one character when that character is first seen. The one
 * exception is the canonical reordering of marks, which looks at neighbours; a text with a mark that could show it is
 * left to the chain.
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
   * Feeds text [from, to) to the matcher.
   *
   * @returns false if the text needs the chain itself; the matcher is then as it was before
   */
  tokenize(text: string, from: number, to: number, matcher: WordMatcher): boolean {
    const table = this.table;
    const { length } = matcher.tokens;
    const { word } = matcher;
    for (let i = from; i < to; i++) {
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
        const codePoint = end - i === 2 ? text.codePointAt(i)! : unit;
        if (!this.feedSequence(codePoint, i, end, matcher)) {
          matcher.rewind(length, word);
          return false;
        }
        i = end - 1;
      }
    }
    matcher.endWord();
    return true;
  }

  private feedSequence(codePoint: number, start: number, end: number, matcher: WordMatcher): boolean {
    const lone = codePoint >= 0xd800 && codePoint <= 0xdfff;
    const sequence = this.sequence(lone ? REPLACEMENT_CHARACTER : codePoint);
    if (sequence === undefined) return false;
    for (const c of sequence) {
      if (isWhitespace(c)) {
        matcher.endWord();
      } else if (isPunctuation(c)) {
        matcher.endWord();
        matcher.character(c, start, end);
        matcher.endWord();
      } else {
        matcher.character(c, start, end);
      }
    }
    return true;
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

function isPair(text: string, i: number, to: number): boolean {
  if (i + 1 >= to) return false;
  const high = text.charCodeAt(i);
  const low = text.charCodeAt(i + 1);
  return high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff;
}
