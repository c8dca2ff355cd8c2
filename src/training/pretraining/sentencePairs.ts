import type { Random } from "../random.ts";
import type { Document } from "./documents.ts";

/** Tokens [start, end) of a document; end > start. */
export interface Segment {
  readonly document: number;
  start: number;
  end: number;
}

/** Two segments for next sentence prediction. */
export interface SentencePair {
  readonly first: Segment;
  readonly second: Segment;
  /** Whether `second` comes from another document; else it is what follows `first`. */
  readonly isRandomNext: boolean;
  /** Whether that was the only choice, because `first` is all there was. */
  readonly isForced: boolean;
}

export interface PairOptions {
  readonly maxSeqLength: number;
  readonly shortSeqProb: number;
}

/**
 * Cuts a document into pairs of segments, as Google's create_pretraining_data.py (`create_instances_from_document`):
 *
 * - Sentences are gathered until they have the target length: `maxSeqLength` − 3, or with probability `shortSeqProb`,
 *   drawn once for the document, a length from 2 to that.
 * - A random number of these sentences, at least one and not all, is the first segment. With probability 1/2, or if
 *   there is but one sentence, the second is drawn from another document, from a random sentence on until the target
 *   length is reached; the sentences that were gathered and not used are put back. Else the second is the rest of them.
 * - Both are cut to `maxSeqLength` − 3 tokens together: always the longer one (the second if they are equal), by a
 *   token at its front or its back at random.
 *
 * Google draws the other document from all, up to ten times until it is another; here it is always another.
 *
 * @param documents at least two, as they are in memory
 * @param index     the document to be cut
 */
export function* sentencePairs(
  documents: readonly Document[],
  index: number,
  { maxSeqLength, shortSeqProb }: PairOptions,
  random: Random,
): Generator<SentencePair> {
  const { ends } = documents[index];
  const longest = maxSeqLength - 3; // [CLS], [SEP], [SEP]
  const target = random.chance(shortSeqProb) ? 2 + random.below(longest - 1) : longest;
  const startOf = (sentence: number) => (sentence === 0 ? 0 : ends[sentence - 1]);

  for (let from = 0, to = 1; from < ends.length; to = from + 1) {
    while (to < ends.length && ends[to - 1] - startOf(from) < target) to++;
    const isForced = to - from === 1;
    const split = isForced ? to : from + 1 + random.below(to - from - 1); // the sentence that begins the rest
    const first = { document: index, start: startOf(from), end: ends[split - 1] };
    const isRandomNext = isForced || random.chance(0.5);
    const second = isRandomNext
      ? randomSegment(documents, index, target - (first.end - first.start), random)
      : { document: index, start: first.end, end: ends[to - 1] };
    truncatePair(first, second, longest, random);
    yield { first, second, isRandomNext, isForced };
    from = isRandomNext ? split : to;
  }
}

/**
 * The sentences of another document from a random one on, until `length` is reached or the document ends; one sentence
 * at least.
 */
function randomSegment(documents: readonly Document[], index: number, length: number, random: Random): Segment {
  const other = random.below(documents.length - 1);
  const document = other < index ? other : other + 1;
  const { ends } = documents[document];
  const from = random.below(ends.length);
  const start = from === 0 ? 0 : ends[from - 1];
  let to = from;
  while (to < ends.length - 1 && ends[to] - start < length) to++;
  return { document, start, end: ends[to] };
}

function truncatePair(first: Segment, second: Segment, longest: number, random: Random): void {
  let [a, b] = [first.end - first.start, second.end - second.start];
  while (a + b > longest) {
    const longer = a > b ? first : second;
    if (random.chance(0.5)) longer.start++;
    else longer.end--;
    if (longer === first) a--;
    else b--;
  }
}
