import {
  combiningClass,
  decompose,
  isCjk,
  isControl,
  isNonspacingMark,
  isPunctuation,
  isWhitespace,
  REPLACEMENT_CHARACTER,
  toLowercase,
} from "./unicode.ts";

// The chain of the original BERT (google-research/bert, tokenization.py, BasicTokenizer), step by step, as Hugging
// Face's library runs it: accents are stripped before lower-casing, each step maps one character at a time, and every
// character keeps the place it came from. This is the definition; fastTokenize.ts gives the same words in one pass.

/** A character on its way through the chain, with the UTF-16 units [start, end) of the text that it came from. */
export interface Character {
  readonly codePoint: number;
  readonly start: number;
  readonly end: number;
}

/** The switches of the chain, named as in Hugging Face's BertNormalizer and tokenizer_config.json. */
export interface NormalizerOptions {
  /** Drop control characters and U+FFFD, turn every whitespace into a space. Default true. */
  readonly cleanText?: boolean;
  /** Put spaces around Chinese characters, so that each is a word. Default true. */
  readonly tokenizeChineseChars?: boolean;
  /** Decompose (NFD) and drop the non-spacing marks. Default null: as `doLowerCase`, the rule of the original. */
  readonly stripAccents?: boolean | null;
  /** Default true. */
  readonly doLowerCase?: boolean;
  /**
   * Words, as they stand between whitespace, that are neither changed nor split, as in the original's Python. Default
   * none.
   */
  readonly neverSplit?: readonly string[];
}

/** NormalizerOptions with every default filled in. */
export interface ResolvedNormalizerOptions {
  readonly cleanText: boolean;
  readonly tokenizeChineseChars: boolean;
  readonly stripAccents: boolean;
  readonly doLowerCase: boolean;
  readonly neverSplit: ReadonlySet<string>;
}

/** Fills in the defaults; `stripAccents: null` follows `doLowerCase`. */
export function resolveNormalizerOptions(options: NormalizerOptions = {}): ResolvedNormalizerOptions {
  const doLowerCase = options.doLowerCase ?? true;
  return {
    cleanText: options.cleanText ?? true,
    tokenizeChineseChars: options.tokenizeChineseChars ?? true,
    stripAccents: options.stripAccents ?? doLowerCase,
    doLowerCase,
    neverSplit: new Set(options.neverSplit ?? []),
  };
}

/**
 * The words of a text, before WordPiece.
 *
 * @example
 * basicTokenize(" \tHeLLo!how  \n Are yoU?  ")          // ["hello", "!", "how", "are", "you", "?"]
 * basicTokenize("Ünïted", { doLowerCase: false })        // ["Ünïted"]
 */
export function basicTokenize(text: string, options?: NormalizerOptions): string[] {
  const resolved = resolveNormalizerOptions(options);
  return splitIntoWords(normalize(toCharacters(text), resolved), resolved).map(wordText);
}

/** Clean, space Chinese characters, strip accents, lower-case: each as far as the options say. */
export function normalize(text: readonly Character[], options: ResolvedNormalizerOptions): Character[] {
  let characters = [...text];
  if (options.cleanText) characters = cleanText(characters);
  if (options.tokenizeChineseChars) characters = spaceCjk(characters);
  if (options.neverSplit.size === 0) return changeLetters(characters, options);
  return mapWords(characters, (word) => (options.neverSplit.has(wordText(word)) ? word : changeLetters(word, options)));
}

/** Splits normalized characters at whitespace, and each word at its punctuation. */
export function splitIntoWords(text: readonly Character[], options: ResolvedNormalizerOptions): Character[][] {
  return splitOnWhitespace(text).flatMap((word) =>
    options.neverSplit.size > 0 && options.neverSplit.has(wordText(word)) ? [word] : splitOnPunctuation(word),
  );
}

/** The code points of text [from, to) with their places; a lone surrogate counts as U+FFFD. */
export function toCharacters(text: string, from = 0, to: number = text.length): Character[] {
  const characters: Character[] = [];
  for (let start = from; start < to; ) {
    const codePoint = text.codePointAt(start)!;
    const end = start + (codePoint > 0xffff ? 2 : 1);
    const lone = codePoint >= 0xd800 && codePoint <= 0xdfff;
    characters.push({ codePoint: lone ? REPLACEMENT_CHARACTER : codePoint, start, end });
    start = end;
  }
  return characters;
}

/** The string of some characters. */
export function wordText(word: readonly Character[]): string {
  let text = "";
  for (const { codePoint } of word) text += String.fromCodePoint(codePoint);
  return text;
}

/** Drops control characters and U+FFFD; whitespace becomes a space. */
export function cleanText(characters: readonly Character[]): Character[] {
  return characters
    .filter(({ codePoint }) => codePoint !== REPLACEMENT_CHARACTER && !isControl(codePoint))
    .map((c) => (isWhitespace(c.codePoint) ? { ...c, codePoint: SPACE } : c));
}

/** Puts a space on either side of each Chinese character; the spaces stand at the character's own place. */
export function spaceCjk(characters: readonly Character[]): Character[] {
  return characters.flatMap((c) => {
    const space = { ...c, codePoint: SPACE };
    return isCjk(c.codePoint) ? [space, c, space] : [c];
  });
}

/** NFD, then without its non-spacing marks: é → e, but ø stays, which has no decomposition. */
export function stripAccents(characters: readonly Character[]): Character[] {
  return nfd(characters).filter(({ codePoint }) => !isNonspacingMark(codePoint));
}

/** Lower case, one character at a time: Σ → σ even at the end of a word. */
export function lowercase(characters: readonly Character[]): Character[] {
  return characters.flatMap((c) => toLowercase(c.codePoint).map((codePoint) => ({ ...c, codePoint })));
}

/**
 * Canonical decomposition with canonical ordering (Unicode 3.11, D108–D109). Where marks change places, the library
 * keeps the places of the text in their old order and deals them out again: the n-th mark gets the n-th place. So does
 * this.
 */
export function nfd(characters: readonly Character[]): Character[] {
  const decomposed = characters.flatMap((c) =>
    decompose(c.codePoint).map((codePoint, i) => ({ codePoint, first: i === 0, order: combiningClass(codePoint) })),
  );
  for (let from = 0; from < decomposed.length; from++) {
    if (decomposed[from].order === 0) continue;
    let to = from;
    while (to < decomposed.length && decomposed[to].order > 0) to++;
    const marks = decomposed.slice(from, to).sort((a, b) => a.order - b.order); // a stable sort
    for (const [i, mark] of marks.entries()) decomposed[from + i] = mark;
    from = to;
  }
  let source = -1;
  return decomposed.map(({ codePoint, first }) => {
    if (first) source++;
    const { start, end } = characters[source];
    return { codePoint, start, end };
  });
}

/** Non-empty runs between whitespace. */
export function splitOnWhitespace(characters: readonly Character[]): Character[][] {
  const words: Character[][] = [];
  let word: Character[] = [];
  for (const c of characters) {
    if (!isWhitespace(c.codePoint)) {
      word.push(c);
    } else if (word.length > 0) {
      words.push(word);
      word = [];
    }
  }
  if (word.length > 0) words.push(word);
  return words;
}

/** Each punctuation character alone, what stands between them together. */
export function splitOnPunctuation(word: readonly Character[]): Character[][] {
  const parts: Character[][] = [];
  let afterPunctuation = true;
  for (const c of word) {
    const alone = isPunctuation(c.codePoint);
    if (alone || afterPunctuation) parts.push([c]);
    else parts.at(-1)!.push(c);
    afterPunctuation = alone;
  }
  return parts;
}

const SPACE = 0x20;

function changeLetters(characters: readonly Character[], options: ResolvedNormalizerOptions): Character[] {
  let changed = [...characters];
  if (options.stripAccents) changed = stripAccents(changed);
  if (options.doLowerCase) changed = lowercase(changed);
  return changed;
}

/** Replaces each word between whitespace, and leaves the whitespace. */
function mapWords(characters: readonly Character[], change: (word: Character[]) => Character[]): Character[] {
  const result: Character[][] = [];
  let word: Character[] = [];
  for (const c of characters) {
    if (isWhitespace(c.codePoint)) {
      result.push(change(word), [c]);
      word = [];
    } else {
      word.push(c);
    }
  }
  result.push(change(word));
  return result.flat();
}
