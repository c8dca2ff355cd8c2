import { IndexedHeap } from "./trainHeap.ts";

/** Which pair of neighbours is merged next, see `trainVocabulary`. */
export type PairScore = "count" | "likelihood";

/**
 * The pairs of symbols that stand side by side in words: how often, in which words, and which comes first. A symbol is
 * a number, its id in the vocabulary.
 */
export class PairTable {
  readonly left: number[] = [];
  readonly right: number[] = [];
  /** The words that have or had the pair. */
  readonly words: number[][] = [];
  /** How often each symbol occurs, by id. */
  readonly symbolCounts: number[] = [];
  private readonly counts: number[] = [];
  /** Score and count by which the heap is ordered: those of the last `settle`. */
  private readonly scores: number[] = [];
  private readonly settled: number[] = [];
  private readonly byKey: Map<number, number> = new Map();
  /** The pairs of each symbol, kept where a pair's score depends on its symbols' counts. */
  private readonly pairsOf: number[][] | undefined;
  private readonly minFrequency: number;
  private readonly heap: IndexedHeap = new IndexedHeap((a, b) => this.before(a, b));
  private touched: Set<number> = new Set();

  constructor(score: PairScore, minFrequency: number) {
    this.pairsOf = score === "likelihood" ? [] : undefined;
    this.minFrequency = Math.max(1, minFrequency);
  }

  /** `count` more occurrences of a pair, or fewer, in a word. The order of the pairs changes with `settle`. */
  add(left: number, right: number, count: number, word: number): void {
    const key = left * KEY + right;
    let pair = this.byKey.get(key);
    if (pair === undefined) {
      pair = this.left.length;
      this.byKey.set(key, pair);
      this.left.push(left);
      this.right.push(right);
      this.words.push([]);
      this.counts.push(0);
      this.scores.push(0);
      this.settled.push(0);
      this.heap.push(pair);
    }
    if (this.pairsOf && this.counts[pair] === 0) this.list(pair);
    this.counts[pair] += count;
    if (count > 0 && this.words[pair].at(-1) !== word) this.words[pair].push(word);
    this.touched.add(pair);
  }

  /** Brings the order up to date. @param symbols those whose counts have changed */
  settle(symbols: readonly number[]): void {
    for (const pair of this.touched) this.rescore(pair);
    this.touched = new Set();
    for (const symbol of this.pairsOf ? symbols : []) {
      const alive = (this.pairsOf![symbol] ?? []).filter((pair) => this.counts[pair] > 0);
      this.pairsOf![symbol] = alive;
      for (const pair of alive) this.rescore(pair);
    }
  }

  /** The pair to merge next; undefined if none occurs `minFrequency` times. */
  get best(): number | undefined {
    const { first } = this.heap;
    return first !== undefined && this.scores[first] > 0 ? first : undefined;
  }

  private rescore(pair: number): void {
    const count = this.counts[pair];
    let score = count < this.minFrequency ? 0 : count;
    if (this.pairsOf && score > 0) score /= this.symbolCounts[this.left[pair]] * this.symbolCounts[this.right[pair]];
    this.scores[pair] = score;
    this.settled[pair] = count;
    this.heap.update(pair);
  }

  private list(pair: number): void {
    for (const symbol of [this.left[pair], this.right[pair]]) {
      const pairs = this.pairsOf![symbol];
      if (pairs) pairs.push(pair);
      else this.pairsOf![symbol] = [pair];
    }
  }

  /** Whether pair a comes before pair b: by score, then count, the higher first; then by ids, the lower first. */
  private before(a: number, b: number): boolean {
    if (this.scores[a] !== this.scores[b]) return this.scores[a] > this.scores[b];
    if (this.settled[a] !== this.settled[b]) return this.settled[a] > this.settled[b];
    if (this.left[a] !== this.left[b]) return this.left[a] < this.left[b];
    return this.right[a] < this.right[b];
  }
}

/** Above every id; two ids in one number stay below 2^53. */
const KEY = 2 ** 24;
