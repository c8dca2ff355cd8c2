import { stringAt, type Utf8Column } from "./segment.ts";
import { TimedTurns } from "./timedTurns.ts";

/**
 * Which texts of a segment have which words: an inverted index, in arrays outside of the engine's heap. It takes 4
 * bytes for each word of the texts, 4 for each text, and for each different word of the segment 8 and two for each
 * character.
 */
export interface Postings {
  /** The different words as UTF-16, in the order of JavaScript's `<`, end to end. */
  readonly words: Uint16Array;
  /** Where each word ends. */
  readonly wordEnds: Uint32Array;
  /** The rows that have the first word, ascending, each as often as it has the word; then those of the next word. */
  readonly rows: Uint32Array;
  /** Where the rows of each word end. */
  readonly rowEnds: Uint32Array;
  /** How many words each row has. */
  readonly lengths: Uint32Array;
}

/** A letter or digit with its marks, and what follows of that kind; each Chinese character is a word. */
const WORDS = /\p{Script=Han}|(?:(?!\p{Script=Han})[\p{L}\p{N}]\p{M}*)+/gu;

/** The words of a text, in lower case: `wordsOf("It’s the RTX-4090.")` is `["it", "s", "the", "rtx", "4090"]`. */
export function wordsOf(text: string): string[] {
  return text.normalize("NFC").toLowerCase().match(WORDS) ?? [];
}

/** By the texts, which a segment keeps when rows are removed from it. */
const made = new WeakMap<Utf8Column, Promise<Postings>>();

/** The postings of a segment's texts: made once, and kept as long as the texts are. */
export function postingsOf(texts: Utf8Column): Promise<Postings> {
  const known = made.get(texts);
  if (known) return known;
  const postings = makePostings(texts);
  made.set(texts, postings);
  return postings;
}

async function makePostings(texts: Utf8Column): Promise<Postings> {
  const turns = new TimedTurns();
  const numbers = new Map<string, number>();
  /** The number of each word of the texts, in order. */
  const read: number[] = [];
  const lengths = new Uint32Array(texts.ends.length);
  for (let r = 0; r < lengths.length; r++) {
    const words = wordsOf(stringAt(texts, r));
    lengths[r] = words.length;
    for (const word of words) {
      let number = numbers.get(word);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(word, number);
      }
      read.push(number);
    }
    await turns.next();
  }
  const sorted = [...numbers.keys()].sort();
  const places = new Uint32Array(sorted.length);
  for (const [place, word] of sorted.entries()) places[numbers.get(word) as number] = place;
  return { ...wordColumn(sorted), ...rowsByWord(read, places, lengths), lengths };
}

/** Words end to end. */
function wordColumn(words: readonly string[]): Pick<Postings, "words" | "wordEnds"> {
  const units = new Uint16Array(words.reduce((sum, { length }) => sum + length, 0));
  const wordEnds = new Uint32Array(words.length);
  let end = 0;
  for (const [w, word] of words.entries()) {
    for (let i = 0; i < word.length; i++) units[end++] = word.charCodeAt(i);
    wordEnds[w] = end;
  }
  return { words: units, wordEnds };
}

/**
 * The rows of each word: a counting sort.
 *
 * @param read   the numbers of the words, row by row
 * @param places where the word of each number is among the sorted words
 */
function rowsByWord(
  read: readonly number[],
  places: Uint32Array,
  lengths: Uint32Array,
): Pick<Postings, "rows" | "rowEnds"> {
  const rowEnds = new Uint32Array(places.length);
  for (const number of read) rowEnds[places[number]]++;
  let start = 0;
  for (const [w, count] of rowEnds.entries()) {
    rowEnds[w] = start;
    start += count;
  }
  const rows = new Uint32Array(read.length);
  let i = 0;
  for (const [r, length] of lengths.entries()) {
    // What says where a word's rows start moves on to where they end.
    for (const end = i + length; i < end; i++) rows[rowEnds[places[read[i]]]++] = r;
  }
  return { rows, rowEnds };
}

/** The rows that have a word, each as often as it has it. */
export function rowsOf({ words, wordEnds, rows, rowEnds }: Postings, word: string): Uint32Array {
  let [low, high] = [0, wordEnds.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compare(words.subarray(startOf(wordEnds, middle), wordEnds[middle]), word);
    if (order === 0) return rows.subarray(startOf(rowEnds, middle), rowEnds[middle]);
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return rows.subarray(0, 0);
}

function startOf(ends: Uint32Array, i: number): number {
  return i === 0 ? 0 : ends[i - 1];
}

/** Below 0: the units come before the word; 0: they are it. */
function compare(units: Uint16Array, word: string): number {
  const both = Math.min(units.length, word.length);
  for (let i = 0; i < both; i++) {
    const difference = units[i] - word.charCodeAt(i);
    if (difference !== 0) return difference;
  }
  return units.length - word.length;
}
