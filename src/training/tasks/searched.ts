import type { SentenceGroup } from "../data/sentenceExamples.ts";
import type { RankedQuery } from "../metrics/retrieval.ts";
import { dot } from "../sentence/vectorLosses.ts";

/** What the anchors of examples find among all positives. */
export interface Searched {
  /** One for each different anchor, in their order. */
  readonly queries: readonly RankedQuery[];
  /** [examples], the nearest positive, and whether it is none of those that belong to the anchor. */
  readonly first: readonly { readonly text: string; readonly isOther: boolean }[];
}

/**
 * Searches the positives of all examples, each text once, for those of each anchor: an anchor that stands in several
 * examples has all their positives. Of texts that are equally near the one that stands first is found first.
 *
 * @param units [examples][texts][D], vectors of length 1
 */
export function searched(examples: readonly SentenceGroup[], units: readonly (readonly Float64Array[])[]): Searched {
  const corpus = new Map<string, number>();
  const documents: Float64Array[] = [];
  const anchors = new Map<string, { readonly unit: Float64Array; readonly relevant: Set<number> }>();
  for (const [i, { texts }] of examples.entries()) {
    const [anchor, positive] = texts;
    if (!corpus.has(positive)) {
      corpus.set(positive, documents.length);
      documents.push(units[i][1]);
    }
    const query = anchors.get(anchor) ?? { unit: units[i][0], relevant: new Set() };
    query.relevant.add(corpus.get(positive) as number);
    anchors.set(anchor, query);
  }
  const names = [...corpus.keys()];
  const found = new Map<string, Searched["first"][number]>();
  const queries = Array.from(anchors, ([anchor, { unit, relevant }]) => {
    const scores = documents.map((document) => dot(unit, document));
    const ranks = Array.from(relevant, (d) => rankOf(scores, d)).sort((a, b) => a - b);
    const best = scores.reduce((most, score, d) => (score > scores[most] ? d : most), 0);
    found.set(anchor, { text: names[best], isOther: !relevant.has(best) });
    return { ranks };
  });
  return { queries, first: examples.map(({ texts }) => found.get(texts[0])!) };
}

/** The rank from 1 of document d. */
function rankOf(scores: readonly number[], d: number): number {
  return scores.reduce((rank, score, e) => rank + (score > scores[d] || (score === scores[d] && e < d) ? 1 : 0), 1);
}
