import { type PairScore, PairTable } from "./trainPairs.ts";

/** Words as rows of symbols, by their ids. A merge shortens a word in place. */
export interface SymbolWords {
  /** The symbols of all words, one word after the other. */
  readonly symbols: Int32Array;
  /** Where each word starts. */
  readonly starts: Int32Array;
  /** How many symbols each word has. */
  readonly lengths: Int32Array;
  /** How often each word occurs. */
  readonly counts: Float64Array;
}

/**
 * Merges the best pair of neighbours into one symbol, everywhere, again and again: the loop of byte pair encoding
 * (Sennrich, Haddow and Birch 2016, algorithm 1), with counts that are kept up to date instead of taken again.
 *
 * @param tokens what each symbol stands for, by id; the new ones are added at its end
 * @param size   how many tokens there may be in the end
 * @param onMerge called after each merge
 */
export function mergePairs(
  tokens: string[],
  words: SymbolWords,
  { size, minFrequency, score, onMerge }: MergeOptions,
): void {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const table = countPairs(words, score, minFrequency);
  for (let pair = table.best; pair !== undefined && tokens.length < size; pair = table.best) {
    const left = table.left[pair];
    const right = table.right[pair];
    const token = tokens[left] + tokens[right].slice(2); // the right one is never a word's first: it has "##"
    const merged = ids.get(token) ?? tokens.length; // two ways may lead to the same token
    if (merged === tokens.length) {
      ids.set(token, merged);
      tokens.push(token);
      table.symbolCounts.push(0);
    }
    const places = table.words[pair];
    table.words[pair] = [];
    for (const word of places) mergeWord(words, word, left, right, merged, table);
    table.settle([left, right, merged]);
    onMerge?.(tokens.length);
  }
}

export interface MergeOptions {
  readonly size: number;
  readonly minFrequency: number;
  readonly score: PairScore;
  readonly onMerge?: ((tokens: number) => void) | undefined;
}

function countPairs({ symbols, starts, lengths, counts }: SymbolWords, score: PairScore, least: number): PairTable {
  const table = new PairTable(score, least);
  for (let word = 0; word < starts.length; word++) {
    const end = starts[word] + lengths[word];
    for (let i = starts[word]; i < end; i++) {
      table.symbolCounts[symbols[i]] = (table.symbolCounts[symbols[i]] ?? 0) + counts[word];
      if (i + 1 < end) table.add(symbols[i], symbols[i + 1], counts[word], word);
    }
  }
  table.settle([]);
  return table;
}

/** Merges a pair wherever it stands in one word, from the left; nothing happens where it does not. */
function mergeWord(
  { symbols, starts, lengths, counts }: SymbolWords,
  word: number,
  left: number,
  right: number,
  merged: number,
  table: PairTable,
): void {
  const start = starts[word];
  const end = start + lengths[word];
  const count = counts[word];
  let to = start;
  for (let i = start; i < end; ) {
    const isPair = symbols[i] === left && i + 1 < end && symbols[i + 1] === right;
    if (!isPair) {
      symbols[to++] = symbols[i++];
      continue;
    }
    table.add(left, right, -count, word);
    if (to > start) {
      table.add(symbols[to - 1], left, -count, word);
      table.add(symbols[to - 1], merged, count, word);
    }
    if (i + 2 < end) {
      table.add(right, symbols[i + 2], -count, word);
      table.add(merged, symbols[i + 2], count, word);
    }
    table.symbolCounts[left] -= count;
    table.symbolCounts[right] -= count;
    table.symbolCounts[merged] += count;
    symbols[to++] = merged;
    i += 2;
  }
  lengths[word] = to - start;
}
