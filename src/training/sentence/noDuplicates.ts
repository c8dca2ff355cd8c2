/** How many examples a batch passes over before it stays smaller, times its size: so that the time is linear. */
const PASSED_OVER = 50;

/**
 * Cuts an order of examples into batches in which no text stands twice, as `BatchSamplers.NO_DUPLICATES` of
 * sentence-transformers: the positive of one example would else be a negative of another that it belongs to. A batch
 * takes the first examples that wait and share no text with it; others wait for the next.
 *
 * @param order     examples
 * @param texts     of each example the numbers of its texts; the same text has the same number
 * @param batchSize the most examples of a batch
 * @returns         batches that have each example once
 */
export function batchesWithoutDuplicates(
  order: readonly number[],
  texts: readonly (readonly number[])[],
  batchSize: number,
): number[][] {
  const batches: number[][] = [];
  let waiting = 0; // the first place in `order` that may wait still
  const isTaken = new Uint8Array(order.length);
  while (waiting < order.length) {
    const batch: number[] = [];
    const known = new Set<number>();
    let passed = 0;
    for (let at = waiting; at < order.length && batch.length < batchSize && passed < PASSED_OVER * batchSize; at++) {
      if (isTaken[at]) continue;
      const own = texts[order[at]];
      if (own.some((text) => known.has(text))) {
        passed++;
        continue;
      }
      for (const text of own) known.add(text);
      batch.push(order[at]);
      isTaken[at] = 1;
    }
    batches.push(batch);
    while (waiting < order.length && isTaken[waiting]) waiting++;
  }
  return batches;
}

/**
 * The least batches that can have all examples without a text twice in one: as many as their number needs, and as the
 * text that stands in most of them.
 */
export function leastBatches(texts: readonly (readonly number[])[], batchSize: number): number {
  const counts = new Map<number, number>();
  for (const own of texts) for (const text of new Set(own)) counts.set(text, (counts.get(text) ?? 0) + 1);
  const most = Array.from(counts.values()).reduce((a, b) => Math.max(a, b), 0);
  return Math.max(most, Math.ceil(texts.length / batchSize));
}

/** The texts of examples as numbers, those that are the same as the same one. */
export function numbersOf(examples: readonly (readonly string[])[]): number[][] {
  const known = new Map<string, number>();
  return examples.map((texts) =>
    texts.map((text) => {
      const number = known.get(text) ?? known.size;
      known.set(text, number);
      return number;
    }),
  );
}
