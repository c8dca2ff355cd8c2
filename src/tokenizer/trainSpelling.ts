import type { SymbolWords } from "./trainMerges.ts";

/** The options of `TrainVocabularyOptions` that this file reads, without defaults. */
export interface SpellingOptions {
  readonly limitAlphabet: number;
  readonly initialAlphabet: string;
  readonly specialTokens: readonly string[];
}

/**
 * The first tokens, and every word as a row of the ids of its characters.
 *
 * @param counts how often each word occurs
 * @returns `tokens` by id: special tokens, the alphabet by code point, its characters with "##" where words have them
 *   inside
 */
export function spellWords(
  counts: ReadonlyMap<string, number>,
  options: SpellingOptions,
): { tokens: string[]; words: SymbolWords } {
  // In an order of its own, so that the order of the texts changes nothing; by UTF-16 unit.
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const tokens = [...options.specialTokens];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const enter = (token: string) => {
    if (!ids.has(token)) ids.set(token, tokens.push(token) - 1);
  };
  const alphabet = alphabetOf(counts, options);
  for (const c of alphabet) enter(c);
  const inside = new Set(sorted.flatMap(([word]) => Array.from(word).slice(1)));
  for (const c of alphabet) if (inside.has(c)) enter(`##${c}`);

  const rows = sorted.map(([word]) => {
    const symbols = Array.from(word, (c, i) => (ids.has(c) ? ids.get(i === 0 ? c : `##${c}`) : undefined));
    return symbols.filter((id) => id !== undefined);
  });
  const lengths = Int32Array.from(rows, (row) => row.length);
  const starts = new Int32Array(rows.length);
  for (let i = 1; i < rows.length; i++) starts[i] = starts[i - 1] + lengths[i - 1];
  const words = {
    symbols: Int32Array.from(rows.flat()),
    starts,
    lengths,
    counts: Float64Array.from(sorted, ([, n]) => n),
  };
  return { tokens, words };
}

/** The characters that become tokens, by code point. */
function alphabetOf(
  counts: ReadonlyMap<string, number>,
  { limitAlphabet, initialAlphabet }: SpellingOptions,
): string[] {
  const frequency = new Map<string, number>();
  for (const [word, count] of counts) for (const c of word) frequency.set(c, (frequency.get(c) ?? 0) + count);
  for (const c of initialAlphabet) frequency.set(c, Number.POSITIVE_INFINITY);
  const byCodePoint = [...frequency].sort(([a], [b]) => a.codePointAt(0)! - b.codePointAt(0)!);
  // A stable sort; ∞ − ∞ is no number
  const byFrequency = [...byCodePoint].sort(([, a], [, b]) => (a === b ? 0 : b - a));
  const kept = new Set(byFrequency.slice(0, limitAlphabet).map(([c]) => c));
  return byCodePoint.map(([c]) => c).filter((c) => kept.has(c));
}
