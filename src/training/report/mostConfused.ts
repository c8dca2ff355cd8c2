import type { ConfusionMatrix } from "../metrics/confusionMatrix.ts";

/** A confusion matrix of a size that can be shown. */
export interface SmallMatrix extends ConfusionMatrix {
  /** How many classes the last row and column, "others", count together; 0: there are none such. */
  readonly left: number;
}

/** What the classes are called that are counted together. */
const OTHERS = "others";

/**
 * The classes of a confusion matrix that were taken for others, or others for them, most often. All that is left out is
 * counted in a last row and column, so that sums stay what they are.
 *
 * @param most how many classes are kept where there are more
 */
export function mostConfused({ labels, counts }: ConfusionMatrix, most: number): SmallMatrix {
  if (labels.length <= most) return { labels, counts, left: 0 };
  const wrong = labels.map((_, c) =>
    labels.reduce((sum, _label, d) => (c === d ? sum : sum + counts[c][d] + counts[d][c]), 0),
  );
  const order = Array.from(labels.keys()).sort((a, b) => wrong[b] - wrong[a] || a - b);
  const kept = order.slice(0, most).sort((a, b) => a - b);
  const place = new Map(kept.map((label, c) => [label, c]));
  const small = Array.from({ length: most + 1 }, () => new Array<number>(most + 1).fill(0));
  for (const [r, row] of counts.entries()) {
    for (const [c, count] of row.entries()) small[place.get(r) ?? most][place.get(c) ?? most] += count;
  }
  return { labels: [...kept.map((c) => labels[c]), OTHERS], counts: small, left: labels.length - most };
}
