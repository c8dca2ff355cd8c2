import {
  COMBINING_CLASS,
  CONTROL,
  DECOMPOSITION,
  LOWERCASE,
  NONSPACING_MARK,
  PUNCTUATION,
  WHITESPACE,
  WORD_CHARACTER,
} from "./unicodeTables.ts";

// All functions here take a code point. They read tables measured on the Hugging Face library (see unicodeTables.ts)
// and never `\p{…}`, `toLowerCase` or `normalize`, whose answers change with the Unicode version of the JavaScript
// engine.

/** What tokenizing puts in the place of a lone surrogate: a Rust or Python string cannot hold one. */
export const REPLACEMENT_CHARACTER = 0xfffd;

/** Control, format and private-use characters (Cc, Cf, Co), tab, line feed and carriage return excepted. */
export function isControl(codePoint: number): boolean {
  return inRanges(control(), codePoint);
}

/** Unicode White_Space, as Rust's `char::is_whitespace`: it splits words. */
export function isWhitespace(codePoint: number): boolean {
  return inRanges(whitespace(), codePoint);
}

/**
 * Punctuation is a word of its own: the categories P*, and every ASCII character that is no letter, digit, space or
 * control (`$`, `+`, `` ` `` too, though Unicode calls them symbols), as in the original BERT.
 */
export function isPunctuation(codePoint: number): boolean {
  return inRanges(punctuation(), codePoint);
}

/**
 * A Chinese character in the sense of the original BERT: the CJK ideograph blocks, not Japanese kana or Korean hangul,
 * which are written in words. U+2B820–U+2B91F is missing there and in Hugging Face's library, so it is here.
 */
export function isCjk(c: number): boolean {
  if (c < 0x3400) return false;
  return (
    (c >= 0x4e00 && c <= 0x9fff) ||
    (c >= 0x3400 && c <= 0x4dbf) ||
    (c >= 0x20000 && c <= 0x2a6df) ||
    (c >= 0x2a700 && c <= 0x2b81f) ||
    (c >= 0x2b920 && c <= 0x2ceaf) ||
    (c >= 0xf900 && c <= 0xfaff) ||
    (c >= 0x2f800 && c <= 0x2fa1f)
  );
}

/** Non-spacing marks (Mn), which `strip_accents` drops. */
export function isNonspacingMark(codePoint: number): boolean {
  return inRanges(nonspacingMark(), codePoint);
}

/** `\w` of a regular expression: what may not touch an added token that matches single words only. */
export function isWordCharacter(codePoint: number): boolean {
  return inRanges(wordCharacter(), codePoint);
}

/**
 * The lower case of one code point, without context: final sigma stays σ, and only U+0130 (İ) becomes two code points.
 */
export function toLowercase(codePoint: number): readonly number[] {
  if (codePoint < 0x80) return [codePoint >= 0x41 && codePoint <= 0x5a ? codePoint + 32 : codePoint];
  if (codePoint === 0x130) return [0x69, 0x307];
  return [codePoint + (lowercase().get(codePoint) ?? 0)];
}

/** The full canonical decomposition (NFD) of one code point; itself where it has none. */
export function decompose(codePoint: number): readonly number[] {
  if (codePoint < 0xc0) return [codePoint]; // À is the first that has a decomposition
  const syllable = codePoint - 0xac00; // Unicode 3.12: Hangul syllables decompose by arithmetic
  if (syllable >= 0 && syllable < 11172) {
    const jamo = [0x1100 + Math.floor(syllable / 588), 0x1161 + Math.floor((syllable % 588) / 28)];
    if (syllable % 28 > 0) jamo.push(0x11a7 + (syllable % 28));
    return jamo;
  }
  return decomposition().get(codePoint) ?? [codePoint];
}

/** 0 for a starter; otherwise a number that orders code points as their canonical combining class does. */
export function combiningClass(codePoint: number): number {
  return codePoint < 0x300 ? 0 : (combiningClasses().get(codePoint) ?? 0);
}

const control = lazy(() => parseRanges(CONTROL));
const whitespace = lazy(() => parseRanges(WHITESPACE));
const punctuation = lazy(() => parseRanges(PUNCTUATION));
const nonspacingMark = lazy(() => parseRanges(NONSPACING_MARK));
const wordCharacter = lazy(() => parseRanges(WORD_CHARACTER));
const lowercase = lazy(() => parseRuns(LOWERCASE));
const combiningClasses = lazy(() => parseRuns(COMBINING_CLASS));
const decomposition = lazy(() => parseMappings(DECOMPOSITION));

/** Parses a table on first use, so that importing the module costs nothing. */
function lazy<T>(parse: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= parse();
    return value;
  };
}

/** [start, end, start, end, …], ends exclusive. */
function parseRanges(table: string): Int32Array {
  const bounds: number[] = [];
  let start = 0;
  for (const [gap, length] of entries(table)) {
    start += gap;
    bounds.push(start, start + length);
  }
  return Int32Array.from(bounds);
}

/** True if an odd number of bounds is at or below the code point. */
function inRanges(bounds: Int32Array, codePoint: number): boolean {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle] <= codePoint) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1;
}

function parseRuns(table: string): Map<number, number> {
  const values = new Map<number, number>();
  let first = 0;
  for (const [gap, step, count, value] of entries(table)) {
    first += gap;
    for (let i = 0; i < count; i++) values.set(first + i * step, value);
  }
  return values;
}

function parseMappings(table: string): Map<number, readonly number[]> {
  const mappings = new Map<number, readonly number[]>();
  let codePoint = 0;
  for (const [gap, ...target] of entries(table)) {
    codePoint += gap;
    mappings.set(codePoint, target);
  }
  return mappings;
}

function entries(table: string): number[][] {
  return table.split(" ").map((entry) => entry.split(",").map((digits) => Number.parseInt(digits, 36)));
}
