import { log } from "../../tensor/kernels/transcendental.ts";
import { type Postings, postingsOf, rowsOf, wordsOf } from "./postings.ts";
import { isLive, type Segment } from "./segment.ts";
import type { TimedTurns } from "./timedTurns.ts";

/** How soon a word that stands more often counts for little more: Lucene's default. */
const K1 = 1.2;
/** How much a text that is longer than others counts less: Lucene's default. */
const B = 0.75;

/** Some texts with the words that they have. */
interface WordedSegment {
  readonly segment: Segment;
  readonly postings: Postings;
  /** The place of its first row among those of all segments. */
  readonly first: number;
}

/** The words of an index. */
export interface Words {
  readonly segments: readonly WordedSegment[];
  /** How many rows there are, with those that have been removed. */
  readonly places: number;
  /** How many texts there are. */
  readonly N: number;
  /** How many words a text has on average. */
  readonly averageLength: number;
}

/** What the words of a query say. */
export interface WordScores {
  /** BM25 of each text, [places]; 0 for one without any of the words. */
  readonly scores: Float64Array;
  /** BM25 of a text of average length that has each of the words once: Σ_w idf_w / (1 + k1). */
  readonly whole: number;
}

/** Reads the words of segments, of each once. */
export async function wordsIn(segments: readonly Segment[], turns: TimedTurns): Promise<Words> {
  const worded: WordedSegment[] = [];
  let [places, N, length] = [0, 0, 0];
  for (const segment of segments) {
    const postings = await postingsOf(segment.texts);
    worded.push({ segment, postings, first: places });
    places += segment.numbers.length;
    N += segment.count;
    length += postings.rows.length;
    if (segment.removed) for (const [r, removed] of segment.removed.entries()) length -= removed * postings.lengths[r];
    await turns.next();
  }
  return { segments: worded, places, N, averageLength: length / N };
}

/**
 * BM25 of each text (Robertson & Zaragoza 2009, eq. 3.15), in Lucene's form, whose idf is never below 0 and which
 * leaves out the constant factor k1 + 1:
 *
 *     BM25 = Σ_w idf_w · f / (f + k1 (1 − b + b · length / average length))
 *     idf_w = ln(1 + (N − n_w + 0.5) / (n_w + 0.5))
 *
 * summed over the words w of the query, each as often as it stands there; f: how often the text has it, n_w: how many
 * of the N texts have it. Texts that were removed count nowhere: the bits are those of an index of what is left.
 */
export async function bm25(words: Words, query: string, turns: TimedTurns): Promise<WordScores> {
  const scores = new Float64Array(words.places);
  let whole = 0;
  const times = new Map<string, number>();
  for (const word of wordsOf(query)) times.set(word, (times.get(word) ?? 0) + 1);
  for (const [word, count] of times) {
    const found = words.segments.map((worded) => ({ ...worded, rows: rowsOf(worded.postings, word) }));
    const n = found.reduce((sum, { rows, segment }) => sum + textsOf(rows, segment), 0);
    const weight = count * log(1 + (words.N - n + 0.5) / (n + 0.5));
    whole += weight / (1 + K1);
    if (n === 0) continue;
    for (const { rows, segment, postings, first } of found) {
      const { lengths } = postings;
      for (let i = 0, next = 0; i < rows.length; i = next) {
        const row = rows[i];
        for (next = i + 1; next < rows.length && rows[next] === row; next++);
        if (!isLive(segment, row)) continue;
        const f = next - i;
        scores[first + row] += (weight * f) / (f + K1 * (1 - B + (B * lengths[row]) / words.averageLength));
      }
    }
    await turns.next();
  }
  return { scores, whole };
}

/** How many different rows that are still there. */
function textsOf(rows: Uint32Array, segment: Segment): number {
  let n = 0;
  for (let i = 0; i < rows.length; i++) if (rows[i] !== rows[i - 1] && isLive(segment, rows[i])) n++;
  return n;
}
